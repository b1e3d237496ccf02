/** Takes part in gossip: over the door, about the members that the ring log names, with the ring's epoch as news. */
import { joinPath } from '@coterie/env';
import { type GossipService, type ProfileWish, startGossip } from '@coterie/gossip';
import type { Endpoint } from '@coterie/rpc';
import type { Opened } from '../start.ts';
import { bytesAt } from '../wire.ts';
import type { ClusterLink } from './link.ts';
import type { ClusterState, Member } from './state.ts';
import type { WhoIsUp } from './who-is-up.ts';

/** What gossip is joined to. */
export interface GossipParts {
  readonly opened: Opened;
  readonly endpoint: Endpoint;
  readonly cluster: ClusterLink;
  readonly whoIsUp: WhoIsUp;
  /** A member can be reached again: what waits for it may go. */
  somebodyIsBack(): void;
}

/** Takes part until it is stopped. */
export async function joinGossip({ opened, endpoint, cluster, whoIsUp, somebodyIsBack }: GossipParts): Promise<GossipService> {
  const { settings, self } = opened;
  const { environment, dataDirectory } = settings;
  const directory = joinPath(dataDirectory, 'gossip');
  await environment.files.makeDirectory(directory);
  const gossip = await startGossip({
    environment,
    transport: { send: (address, bytes) => endpoint.notify(address, { method: 'gossip', epoch: 0, body: [], values: [bytes] }) },
    self: profileOf(self),
    cluster: cluster.state.clusterId,
    seeds: settings.peer?.seeds ?? [],
    directory,
    events: {
      change: (_id, is) => {
        if (is === 'alive') somebodyIsBack();
      },
      epoch: (_id, epoch) => {
        if (epoch > cluster.state.epoch) void cluster.catchUp();
      },
    },
  });
  gossip.setEpoch(cluster.state.epoch);
  introduceMembers(gossip, cluster.state, self.id);
  endpoint.register(
    'gossip',
    async ({ from, values }) => {
      gossip.receive(from.address, bytesAt(values, 0));
      return { body: [] };
    },
    { beforeJoin: true },
  );
  whoIsUp.follow(gossip);
  return gossip;
}

function profileOf({ id, peer, zone, weight }: Member): ProfileWish {
  return { id, address: peer, zone, weight, extensions: new Map() };
}

/** Tells gossip of members that only the ring log has named so far. */
export function introduceMembers(gossip: GossipService, state: ClusterState, selfId: string): void {
  const others = state.members.filter(({ id, peer }) => id !== selfId && peer !== '' && gossip.member(id) === undefined);
  // Incarnation 0: whatever the member says of itself counts for more.
  if (others.length > 0) gossip.introduce(others.map((member) => ({ ...profileOf(member), incarnation: 0 })));
}
