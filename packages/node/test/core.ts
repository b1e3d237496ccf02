/** The inside of a node without its admission and time limits: for tests that need a replica of their own. */
import { ContextSealer } from '@coterie/vector-clock';
import { DirtyRanges } from '../src/anti-entropy/dirty-ranges.ts';
import { Trees, writeLeaf } from '../src/anti-entropy/trees.ts';
import { Buckets } from '../src/buckets/buckets.ts';
import { foundCluster } from '../src/cluster/enter.ts';
import type { ClusterLink } from '../src/cluster/link.ts';
import { Placements } from '../src/cluster/placement.ts';
import type { ClusterState } from '../src/cluster/state.ts';
import { type Core } from '../src/core.ts';
import { Admittance } from '../src/forgetting/admittance.ts';
import { Floors } from '../src/forgetting/floors.ts';
import { noHazards } from '../src/hazards.ts';
import { HintLedger } from '../src/replica/hint-ledger.ts';
import { HybridClock } from '../src/objects/hybrid-clock.ts';
import { KeyLocks, type KeyTurns } from '../src/replica/key-locks.ts';
import { Life } from '../src/store/life.ts';
import { checkLimits } from '../src/limits.ts';
import { mergeObjects } from '../src/objects/merge.ts';
import { nothingMoved } from '../src/transfer/moved.ts';
import { OperationMemory } from '../src/coordinator/operations.ts';
import { noPeers } from '../src/peers/peers.ts';
import { Patience } from '../src/coordinator/patience.ts';
import { LocalReplica } from '../src/replica/replica.ts';
import type { PendingCopy } from '../src/replica/decided.ts';
import type { World } from './world.ts';

export const selfId = '00000000000000aa';

/** The state of a cluster of one. */
export function stateOfOne(partitions = 1024): ClusterState {
  const founder = { id: selfId, name: 'a', zone: '', weight: 1, peer: '', http: '', acceptor: 'first' };
  return foundCluster({ clusterId: 'c', clusterKey: '00'.repeat(32), partitions, founder, buckets: new Map() });
}

/** A cluster of one that decides nothing. */
export function linkOfOne(state: ClusterState = stateOfOne()): ClusterLink {
  const placements = new Placements(state);
  return {
    state,
    peers: noPeers,
    placement: (token, n) => placements.of(token, n),
    failure: undefined,
    standing: () => 'up',
    writeStanding: () => 'up',
    isRecovering: () => false,
    catchUp: () => Promise.resolve(),
    propose: () => Promise.reject(new Error('this cluster decides nothing')),
    mintId: () => 'id',
  };
}

export async function makeCore(
  world: World,
  turns: KeyTurns<PendingCopy> = new KeyLocks(1000),
): Promise<{ readonly core: Core; readonly life: Life; readonly hints: HintLedger }> {
  const { environment } = world.simulation;
  const store = await world.disk.open('/data/store', { environment, durable: true });
  await world.run(environment.files.makeDirectory('/data'));
  const life = await world.run(Life.begin({ store, environment, directory: '/data' }));
  const buckets = await world.run(Buckets.load(store, 10, new Map()));
  const memory = new OperationMemory({ store, clock: environment.clock, log: environment.log, memoryMs: 1000, ranMs: 0 });
  const hints = new HintLedger(1000);
  const trees = new Trees(store, { partitions: linkOfOne().state.ring.partitions, write: writeLeaf });
  const floors = await world.run(Floors.load(store, linkOfOne().state.ring.partitions));
  const admittance = new Admittance({ floors, isOwner: () => true, isRecovering: () => false });
  const core: Core = {
    environment,
    store,
    selfId,
    cluster: linkOfOne(),
    buckets,
    local: new LocalReplica({
      store,
      life,
      turns,
      memory,
      buckets,
      hints,
      trees,
      admittance,
      durable: true,
      objectBytesMax: 1e6,
      meet: mergeObjects,
    }),
    trees,
    floors,
    admittance,
    dirty: await world.run(DirtyRanges.load(store)),
    sealer: new ContextSealer(new Uint8Array(32)),
    hybridClock: new HybridClock(environment.clock),
    clocks: { isFar: () => false, step: () => Promise.resolve() },
    limits: checkLimits({}),
    patience: new Patience(environment, checkLimits({}).patienceMs),
    moved: nothingMoved(),
    hazards: noHazards,
    syncsEachWrite: true,
  };
  return { core, life, hints };
}
