/** The inside of a node without its admission and time limits: for tests that need a replica of their own. */
import { createRing } from '@coterie/ring';
import { ContextSealer } from '@coterie/vector-clock';
import { Buckets } from '../src/buckets.ts';
import { type Core } from '../src/core.ts';
import { HybridClock } from '../src/hybrid-clock.ts';
import { KeyLocks, type KeyTurns } from '../src/key-locks.ts';
import { Life } from '../src/life.ts';
import { checkLimits } from '../src/limits.ts';
import { OperationMemory } from '../src/operations.ts';
import { LocalReplica, type PendingCopy } from '../src/replica.ts';
import type { World } from './world.ts';

export async function makeCore(
  world: World,
  turns: KeyTurns<PendingCopy> = new KeyLocks(1000),
): Promise<{ readonly core: Core; readonly life: Life }> {
  const { environment } = world.simulation;
  const store = await world.disk.open('/data/store', { environment, durable: true });
  await world.run(environment.files.makeDirectory('/data'));
  const life = await world.run(Life.begin({ store, environment, directory: '/data' }));
  const buckets = await world.run(Buckets.load(store, 10));
  const memory = new OperationMemory({ store, clock: environment.clock, log: environment.log, memoryMs: 1000, ranMs: 0 });
  const core: Core = {
    environment,
    store,
    ring: createRing({ members: [{ id: 'a', name: 'a' }] }),
    selfId: 'a',
    buckets,
    local: new LocalReplica({ store, life, turns, memory, buckets, durable: true, objectBytesMax: 1e6 }),
    sealer: new ContextSealer(new Uint8Array(32)),
    hybridClock: new HybridClock(environment.clock),
    limits: checkLimits({}),
    syncsEachWrite: true,
  };
  return { core, life };
}
