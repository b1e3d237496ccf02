/**
 * One running node, whole: lets operations in, counts them, and closes cleanly. What an operation does is in a file of
 * its own.
 *
 * ```
 *   ready ──close()──▶ draining ──nothing runs any more──▶ clean mark written ──▶ store closed ──▶ closed
 *     ▲ │
 *     ├─┴── read-only while the store refuses writes, or the ring log does
 *     └──── left, once the cluster has decided that this is no member any more
 * ```
 */
import { CoterieError, isCoterieError } from '@coterie/env';
import { formatToken } from '@coterie/ring';
import type {
  Bucket,
  BucketProperties,
  ClusterReport,
  CopyReport,
  CoterieNode,
  DeleteRequest,
  GetReply,
  GetRequest,
  KeyPage,
  KeyPageRequest,
  NodeCounters,
  NodeStatus,
  Placement,
  PutRequest,
  RepairReport,
  RepairRequest,
  RingReport,
  WriteReply,
} from './api.ts';
import type { RingChanges } from './api-topology.ts';
import { Admission } from './coordinator/admission.ts';
import type { Backups } from './backup/backup.ts';
import type { BackupReport } from './backup/backup-file.ts';
import { Chores } from './chores.ts';
import type { KnownBucket } from './buckets/buckets.ts';
import { isBarred, type Member, memberOf } from './cluster/state.ts';
import { checkTakesPart, whyBarred } from './cluster/wishes.ts';
import type { Origin } from './coordinator/coordinators.ts';
import { type Core, invalid, placementAt, placeOf } from './core.ts';
import { type Attempt, Deadlines } from './coordinator/deadlines.ts';
import { allBuckets, dropBucket, setBucket } from './buckets/decide-bucket.ts';
import { remove } from './coordinator/delete.ts';
import type { AntiEntropy } from './anti-entropy/anti-entropy.ts';
import type { Dropper } from './buckets/dropper.ts';
import type { FewReads } from './coordinator/few-reads.ts';
import type { Forgetting } from './forgetting/forgetting.ts';
import { get } from './coordinator/get.ts';
import type { Life } from './store/life.ts';
import { effectiveNOf, inspectCopy, reportCluster, type Reported, reportRing } from './report.ts';
import { OperatorChanges } from './topology/ring-changes.ts';
import { listKeys } from './coordinator/list-keys.ts';
import type { OperationMemory } from './coordinator/operations.ts';
import { describeSync, type SyncMode } from './options.ts';
import { put } from './coordinator/put.ts';
import { Scrub, type ScrubReport } from './store/scrub.ts';
import type { StoreHealth } from './store/store-health.ts';

/** What a node is made of. */
export interface NodeParts extends Reported {
  readonly life: Life;
  readonly memory: OperationMemory;
  readonly dropper: Dropper;
  readonly antiEntropy: AntiEntropy;
  readonly storeHealth: Pick<StoreHealth, 'trouble'>;
  readonly few: FewReads;
  readonly forgetting: Pick<Forgetting, 'report'>;
  /** This node as it wants to be known. */
  readonly self: Member;
  readonly sync: SyncMode;
  /** What its door and its gossip count. */
  counters(): NodeCounters;
  readonly backups: Backups;
  /** Ends what the node does by itself, and closes its door and its ring log. */
  shutDown(): Promise<void>;
}

/** Between two looks whether it is time to scrub. */
const scrubStepMs = 1000;
/** Fallbacks that `where` names. */
const fallbacksShown = 16;

type Counter = 'puts' | 'gets' | 'deletes';

/** What an operation takes of the limits. */
interface Load {
  readonly counter?: Counter;
  readonly bytes: number;
  readonly timeoutMs?: number | undefined;
}

/** A running node. Made by `startNode`. */
export class RunningNode implements CoterieNode {
  readonly topology: RingChanges;
  readonly #parts: NodeParts;
  readonly #core: Core;
  readonly #admission: Admission;
  readonly #scrub: Scrub;
  readonly #scrubbing: Chores;
  readonly #deadlines: Deadlines;
  readonly #startedAt: number;
  readonly #counts = { puts: 0, gets: 0, deletes: 0, failed: 0 };
  #state: 'ready' | 'draining' | 'closed' = 'ready';
  #closing: Promise<void> | undefined;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    this.topology = new OperatorChanges(parts);
    this.#core = parts.core;
    this.#admission = new Admission(parts.core.limits);
    this.#deadlines = new Deadlines(parts.core.environment);
    const { environment, store } = parts.core;
    this.#scrub = new Scrub(environment, store, () => this.#admission.operations);
    this.#scrubbing = new Chores([{ name: 'scrub', run: () => this.#scrub.step() }], environment, scrubStepMs);
    this.#scrubbing.soon();
    this.#startedAt = parts.core.environment.clock.monotonic();
  }

  put(request: PutRequest, origin: Origin = 'client'): Promise<WriteReply> {
    const load: Load = { counter: 'puts', bytes: request.key.length + request.value.length, timeoutMs: request.timeoutMs };
    return this.#run(load, (attempt) => put(this.#core, request, { attempt, origin }));
  }

  get(request: GetRequest): Promise<GetReply> {
    const load: Load = { counter: 'gets', bytes: request.key.length, timeoutMs: request.timeoutMs };
    return this.#run(load, (attempt) => get(this.#core, request, { attempt, few: this.#parts.few }));
  }

  delete(request: DeleteRequest, origin: Origin = 'client'): Promise<WriteReply> {
    const load: Load = { counter: 'deletes', bytes: request.key.length, timeoutMs: request.timeoutMs };
    return this.#run(load, (attempt) => remove(this.#core, request, { attempt, origin }));
  }

  /** Lets work of another node in among that of clients, under their limits. Only a hazard does so. */
  amongClients<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    return this.#run({ bytes }, work);
  }

  listKeys(request: KeyPageRequest): Promise<KeyPage> {
    return this.#run({ bytes: 0 }, () => listKeys(this.#core, request));
  }

  async buckets(): Promise<readonly Bucket[]> {
    this.#checkOpen();
    return (await allBuckets(this.#core)).map(publicBucket);
  }

  async bucket(name: string): Promise<Bucket> {
    this.#checkOpen();
    return publicBucket(this.#core.buckets.get(name));
  }

  setBucket(name: string, properties: Partial<BucketProperties>): Promise<Bucket> {
    return this.#run({ bytes: 0 }, async (attempt) => publicBucket(await setBucket(this.#core, { name, given: properties }, attempt)));
  }

  dropBucket(name: string): Promise<void> {
    return this.#run({ bytes: 0 }, (attempt) => dropBucket(this.#core, name, attempt));
  }

  async where(bucket: string, key: Uint8Array): Promise<Placement> {
    this.#checkOpen();
    const place = placeOf(this.#core, bucket, key);
    const { cluster } = this.#core;
    const { partition, owners, fallbacks } = placementAt(this.#core, place);
    const shown = (role: 'primary' | 'fallback') => (id: string) => ({
      node: memberOf(cluster.state, id)?.name ?? id,
      role,
      healthy: cluster.standing(id) === 'up' && cluster.writeStanding(id) === 'up',
    });
    return {
      token: formatToken(place.address.token),
      partition,
      partitions: cluster.state.ring.partitions,
      preferenceList: [...owners.map(shown('primary')), ...[...fallbacks].slice(0, fallbacksShown).map(shown('fallback'))],
    };
  }

  get epoch(): number {
    return this.#core.cluster.state.epoch;
  }

  get expectsChange(): boolean {
    const { changes, staged } = this.#core.cluster.state;
    return changes.length > 0 || staged.length > 0;
  }

  cluster(): ClusterReport {
    return reportCluster(this.#parts);
  }

  ring(): RingReport {
    return reportRing(this.#core.cluster.state);
  }

  inspect(bucket: string, key: Uint8Array): Promise<CopyReport> {
    return this.#run({ bytes: key.length }, () => inspectCopy(this.#core, bucket, key));
  }

  repair(request: RepairRequest = {}): Promise<readonly RepairReport[]> {
    this.#checkOpen();
    return this.#parts.antiEntropy.repair(request);
  }

  async backUp(name: string): Promise<BackupReport> {
    this.#checkOpen();
    return this.#parts.backups.take(name);
  }

  async scrub(): Promise<ScrubReport> {
    this.#checkOpen();
    return this.#scrub.pass();
  }

  status(): NodeStatus {
    const { core, life, self, sync, dropper } = this.#parts;
    const counters = this.#parts.counters();
    const failure = this.#whyReadOnly();
    const isBarredHere = this.#state === 'ready' && isBarred(core.cluster.state, self.id);
    const readOnly = this.#state === 'ready' && !isBarredHere && failure !== undefined;
    return {
      name: memberOf(core.cluster.state, self.id)?.name ?? self.name,
      nodeId: self.id,
      ...(self.peer === '' ? {} : { peer: self.peer }),
      incarnation: life.incarnation,
      state: isBarredHere ? 'left' : readOnly ? 'read-only' : this.#state,
      ...(isBarredHere ? { reason: whyBarred(core.cluster.state, self.id) } : {}),
      ...(readOnly ? { reason: failure } : {}),
      effectiveN: effectiveNOf(core.cluster.state),
      warnings: this.#warnings(),
      sync: describeSync(sync),
      uptimeMs: Math.floor(core.environment.clock.monotonic() - this.#startedAt),
      operations: { ...this.#counts },
      store: {
        ...core.store.statistics?.(),
        ...this.#scrub.figures,
        operationsInFlight: this.#admission.operations,
        bytesInFlight: this.#admission.bytes,
        droppedBucketsToClear: dropper.pending,
        dotCounter: life.counter,
      },
      comparing: { ...this.#parts.antiEntropy.totals, missed: core.dirty.size },
      reading: this.#parts.few.counts,
      forgetting: this.#parts.forgetting.report,
      ...counters,
      bounds: { ...this.#admission.bounds, ...counters.bounds },
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { core, life, memory, dropper } = this.#parts;
    this.#state = 'draining';
    try {
      await this.#admission.idle();
      await this.#scrubbing.stop();
      await this.#parts.shutDown();
      await dropper.stop();
      await life.stop(memory.ranMs);
    } catch (error) {
      core.environment.log.warn('the clean mark could not be written; the next start begins a new life', { reason: String(error) });
    }
    try {
      await core.store.close();
    } finally {
      this.#state = 'closed';
    }
  }

  #run<T>(load: Load, begin: (attempt: Attempt) => Promise<T>): Promise<T> {
    let timeoutMs: number;
    try {
      this.#checkOpen();
      timeoutMs = this.#timeoutOf(load);
      this.#admission.enter(load.bytes);
    } catch (error) {
      return Promise.reject(this.#failed(error) as Error);
    }
    return this.#deadlines.run(timeoutMs, {
      begin,
      ended: () => this.#admission.leave(load.bytes),
      succeeded: () => {
        if (load.counter !== undefined) this.#counts[load.counter] += 1;
      },
      failed: (error, attempt) => this.#failed(withEffect(error, attempt)),
    });
  }

  /** Counts a failure, and logs it if it is a bug. */
  #failed(error: unknown): unknown {
    this.#counts.failed += 1;
    if (!isCoterieError(error)) {
      this.#core.environment.log.error('an operation failed in a way that nobody foresaw', { reason: String(error) });
    }
    return error;
  }

  #timeoutOf(load: Load): number {
    const { timeoutMs, timeoutMsMax } = this.#core.limits;
    const asked = load.timeoutMs ?? timeoutMs;
    if (Number.isInteger(asked) && asked >= 1 && asked <= timeoutMsMax) return asked;
    throw invalid(`timeout is an integer of milliseconds from 1 to ${timeoutMsMax}, not ${asked}`);
  }

  #checkOpen(): void {
    if (this.#state === 'ready') return checkTakesPart(this.#core.cluster.state, this.#core.selfId);
    const code = this.#state === 'closed' ? 'CLOSED' : 'NOT_READY';
    throw new CoterieError(code, `the node is ${this.#state}`, { details: { mayHaveTakenEffect: false } });
  }

  #whyReadOnly(): string | undefined {
    const { store, cluster } = this.#core;
    if (store.failure !== undefined) return `the store takes no more writes: ${store.failure.message}`;
    return cluster.failure && `the ring log takes nothing more, so this node does not hear of changes: ${cluster.failure.message}`;
  }

  #warnings(): string[] {
    const { core, sync } = this.#parts;
    const warnings: string[] = [];
    const { trouble } = this.#parts.storeHealth;
    if (trouble !== '') warnings.push(`The others do not rely on this store for writes: ${trouble}. Look at its disk.`);
    if (core.cluster.state.members.length === 1) warnings.push('This node is alone: every key has one copy, and a lost disk loses data.');
    if (sync !== 'always') {
      warnings.push(`Writes are acknowledged before they are on disk (sync: ${describeSync(sync)}): a crash can lose acknowledged writes.`);
    }
    return warnings;
  }
}

/** The error, saying whether the operation may have taken effect if it does not say so itself. */
function withEffect(error: unknown, { mayTakeEffect }: Attempt): unknown {
  if (!isCoterieError(error) || error.details.mayHaveTakenEffect !== undefined) return error;
  const { code, message, retryable, details } = error;
  return new CoterieError(code, message, { cause: error, retryable, details: { ...details, mayHaveTakenEffect: mayTakeEffect } });
}

function publicBucket({ name, generation, properties, exists }: KnownBucket): Bucket {
  return { name, generation, properties, exists };
}
