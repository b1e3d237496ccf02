/** Starting a node: opens the store, settles who this is, and joins the parts. */
import { type Environment, joinPath } from '@coterie/env';
import { openStore as openLsmStore } from '@coterie/lsm';
import { createRing } from '@coterie/ring';
import { clusterKeyBytes, ContextSealer } from '@coterie/vector-clock';
import type { CoterieNode } from './api.ts';
import { Buckets } from './buckets.ts';
import type { Core } from './core.ts';
import { Dropper } from './dropper.ts';
import { HybridClock } from './hybrid-clock.ts';
import { KeyLocks } from './key-locks.ts';
import { namedKey, space } from './layout.ts';
import { Life } from './life.ts';
import { RunningNode } from './node.ts';
import { OperationMemory } from './operations.ts';
import { checkNodeOptions, durabilityOf, type NodeOptions, type NodeSettings } from './options.ts';
import { LocalReplica, type PendingCopy } from './replica.ts';
import type { Store } from './store.ts';

/**
 * Starts a node on its data directory, making it if it is not there; resolves when the node takes requests. Its first
 * dot cannot be made before the store says durably that the node runs.
 *
 * @throws `INVALID_ARGUMENT` for bad options · what `openStore` throws: `LOCKED`, `CORRUPTION`, `UNSUPPORTED_FORMAT`, `DISK_IO`, …
 */
export async function startNode(options: NodeOptions): Promise<CoterieNode> {
  const settings = checkNodeOptions(options);
  const { environment, dataDirectory, sync } = settings;
  await environment.files.makeDirectory(dataDirectory);
  const openStore = options.openStore ?? openLsmStore;
  const store = await openStore(joinPath(dataDirectory, 'store'), { environment, durable: durabilityOf(sync) });
  try {
    return await assemble(settings, store);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function assemble(settings: NodeSettings, store: Store): Promise<CoterieNode> {
  const { environment, dataDirectory, limits, name, sync } = settings;
  const member = await loadMembership(settings, store);
  const life = await Life.begin({ store, environment, directory: dataDirectory });
  const buckets = await Buckets.load(store, limits.bucketsMax);
  const { clock, log, timers } = environment;
  const memory = new OperationMemory({ store, clock, log, memoryMs: limits.operationMemoryMs, ranMs: life.ranBeforeMs });
  const turns = new KeyLocks<PendingCopy>(limits.waitersPerKeyMax);
  const durable = durabilityOf(sync);
  const core: Core = {
    environment,
    store,
    ring: createRing({ partitions: member.partitions, members: [{ id: member.id, name }] }),
    selfId: member.id,
    buckets,
    local: new LocalReplica({ store, life, turns, memory, buckets, durable, objectBytesMax: limits.objectBytesMax }),
    sealer: new ContextSealer(settings.clusterKey ?? member.clusterKey),
    hybridClock: new HybridClock(clock),
    limits,
    syncsEachWrite: sync === 'always',
  };
  const dropper = new Dropper({ store, timers, log });
  await dropper.resume();
  return new RunningNode({ core, life, memory, dropper, name, sync });
}

/** What makes this store a member, until a ring log keeps it: its id, the ring's Q, the key of its contexts. */
interface Membership {
  readonly id: string;
  readonly partitions: number;
  readonly clusterKey: Uint8Array;
}

const membershipKey: Uint8Array = namedKey(space.own, new TextEncoder().encode('membership'));

async function loadMembership(settings: NodeSettings, store: Store): Promise<Membership> {
  const record = await store.get(membershipKey);
  if (record !== undefined) {
    const said = JSON.parse(new TextDecoder().decode(record)) as {
      readonly id: string;
      readonly partitions: number;
      readonly clusterKey: string;
    };
    return { id: said.id, partitions: said.partitions, clusterKey: Buffer.from(said.clusterKey, 'hex') };
  }
  const made = {
    format: 1,
    id: randomHex(settings.environment, 8),
    partitions: settings.partitions,
    clusterKey: randomHex(settings.environment, clusterKeyBytes),
  };
  createRing({ partitions: made.partitions, members: [{ id: made.id, name: settings.name }] });
  const batch = store.batch();
  batch.put(membershipKey, new TextEncoder().encode(JSON.stringify(made)));
  await batch.commit({ durable: true });
  return { ...made, clusterKey: Buffer.from(made.clusterKey, 'hex') };
}

function randomHex(environment: Environment, bytes: number): string {
  return Buffer.from(environment.random.fill(new Uint8Array(bytes))).toString('hex');
}
