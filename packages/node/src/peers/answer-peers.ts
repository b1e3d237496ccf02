/** Registers what this node answers to others: requests about keys, the ring log's questions, and who wants to join. */
import type { RingLog } from '@coterie/consensus';
import type { Endpoint } from '@coterie/rpc';
import type { Comparer } from '../anti-entropy/comparer.ts';
import { forMembers } from '../cluster/bar.ts';
import { askingFrom } from '../cluster/door.ts';
import type { ClusterLink } from '../cluster/link.ts';
import type { ClusterState } from '../cluster/state.ts';
import type { Forgetting } from '../forgetting/forgetting.ts';
import { type Hazards, takingTurnsWithClients } from '../hazards.ts';
import type { Mover } from '../transfer/mover.ts';
import type { RunningNode } from '../node.ts';
import { peerHandlers } from './remote.ts';
import type { PeerService } from './serve.ts';
import type { Topology } from '../topology/topology.ts';
import { bytesAt } from './wire.ts';

/** What answers. */
export interface PeerAnswers {
  readonly service: PeerService;
  readonly comparer: Comparer;
  readonly forgetting: Forgetting;
  readonly node: RunningNode;
  readonly mover: Mover;
  readonly topology: Topology;
  readonly ringLog: RingLog<ClusterState>;
  readonly cluster: ClusterLink;
  readonly hazards: Hazards;
  /** Whether this store cannot vouch for some of what it holds. */
  isRecovering(): boolean;
}

/** Lets other nodes in. */
export function answerPeers(endpoint: Endpoint, answers: PeerAnswers): void {
  const { service, comparer, forgetting, node, mover, topology, ringLog, cluster, hazards } = answers;
  const ofRecovery = { recovering: async () => ({ body: [answers.isRecovering()] }) };
  const ofPeers = peerHandlers({
    service,
    put: (request) => node.put(request, 'peer'),
    delete: (request) => node.delete(request, 'peer'),
    missing: (change) => mover.missing(change),
  });
  const paced = hazards.unpacedHints ? takingTurnsWithClients(ofPeers, node) : ofPeers;
  const handlers = forMembers({ ...paced, ...comparer.handlers, ...forgetting.answers.handlers, ...ofRecovery }, cluster);
  for (const [method, handler] of Object.entries(handlers)) endpoint.register(method, handler);
  endpoint.register('ring-log', async ({ values }) => ({ body: [], values: [await ringLog.handle(bytesAt(values, 0))] }), {
    beforeJoin: true,
  });
  endpoint.register('join', async ({ from, body }) => ({ body: [await topology.admit(askingFrom(from.id, body))] }), { beforeJoin: true });
}
