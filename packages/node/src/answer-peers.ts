/** Registers what this node answers to others: requests about keys, the ring log's questions, and who wants to join. */
import { CoterieError, isCoterieError } from '@coterie/env';
import type { RingLog } from '@coterie/consensus';
import type { Endpoint } from '@coterie/rpc';
import { memberFrom } from './cluster/door.ts';
import type { ClusterLink } from './cluster/link.ts';
import { planJoin } from './cluster/plan.ts';
import { type ClusterState, type Member, memberOf } from './cluster/state.ts';
import { type Hazards, takingTurnsWithClients } from './hazards.ts';
import type { Mover } from './mover.ts';
import type { RunningNode } from './node.ts';
import { peerHandlers } from './remote.ts';
import type { PeerService } from './serve.ts';
import { bytesAt } from './wire.ts';

/** What answers. */
export interface PeerAnswers {
  readonly service: PeerService;
  readonly node: RunningNode;
  readonly mover: Mover;
  readonly ringLog: RingLog<ClusterState>;
  readonly cluster: ClusterLink;
  readonly hazards: Hazards;
}

/** Lets other nodes in. */
export function answerPeers(endpoint: Endpoint, answers: PeerAnswers): void {
  const { service, node, mover, ringLog, cluster, hazards } = answers;
  const ofPeers = peerHandlers({
    service,
    put: (request) => node.put(request, 'peer'),
    delete: (request) => node.delete(request, 'peer'),
    hasTakenOver: (change) => mover.hasTakenOver(change),
  });
  const handlers = hazards.unpacedHints ? takingTurnsWithClients(ofPeers, node) : ofPeers;
  for (const [method, handler] of Object.entries(handlers)) endpoint.register(method, handler);
  endpoint.register('ring-log', async ({ values }) => ({ body: [], values: [await ringLog.handle(bytesAt(values, 0))] }), {
    beforeJoin: true,
  });
  endpoint.register('join', async ({ from, body }) => ({ body: [await admit(cluster, memberFrom(from.id, body))] }), { beforeJoin: true });
}

/** How often a plan is made anew because the ring moved on meanwhile. */
const plansMax = 5;

/** Has it decided that `member` joins; resolves with the cluster's id. @throws `INVALID_ARGUMENT`, `NOT_READY` while another change is under way */
async function admit(cluster: ClusterLink, member: Member): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const { state } = cluster;
    try {
      // One that is a member already asks again because it has not heard the answer.
      const planned = memberOf(state, member.id) === undefined ? planJoin(state, member) : { plannedFor: state.ringEpoch, moves: [] };
      await cluster.propose({ kind: 'join', id: `join-${member.id}-${cluster.mintId()}`, member, ...planned });
      return state.clusterId;
    } catch (error) {
      if (!isCoterieError(error, 'PRECONDITION_FAILED')) throw error;
      if (attempt === plansMax)
        throw new CoterieError('NOT_READY', 'the ring changes too often to plan a join; try again', { cause: error });
    }
  }
}
