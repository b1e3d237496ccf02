/** Takes part in gossip: over the door, about the members that the ring log names, with the ring's epoch as news. */
import { joinPath, type Log } from '@coterie/env';
import { type GossipService, type MemberState, type ProfileWish, startGossip } from '@coterie/gossip';
import type { Endpoint } from '@coterie/rpc';
import type { Opened } from '../start.ts';
import { bytesAt } from '../peers/wire.ts';
import { doorName } from './lineage.ts';
import type { ClusterLink } from './link.ts';
import { type ClusterState, type Member, memberOf } from './state.ts';
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
    cluster: doorName(opened.ringLog),
    seeds: settings.peer?.seeds ?? [],
    directory,
    events: {
      change: (id, is, was) => {
        if (is === 'alive') somebodyIsBack();
        tellHealth(environment.log, { name: memberOf(cluster.state, id)?.name ?? id, is, was });
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

/** Says in the log what an operator will look for there: who went down when, and who came back. */
function tellHealth(
  log: Log,
  { name, is, was }: { readonly name: string; readonly is: MemberState | undefined; readonly was: MemberState | undefined },
): void {
  if (is === was || was === undefined) return;
  if (is === 'dead') log.warn('a member is down', { name });
  else if (is === 'suspect') log.debug('a member is in doubt', { name });
  else if (is === 'left') log.info('a member has left', { name });
  else if (is === 'alive' && was !== 'suspect') log.info('a member is up again', { name });
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
