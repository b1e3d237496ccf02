/**
 * The path of every write: encode into the commit log's pending group, hand the group to the system, apply it to the
 * active memtable, answer. What is not written is never applied, so a failed write was never visible.
 *
 * ```
 *  put ─▶ room? ─▶ log.reserve ─▶ encode ─▶ log.commit ─▶ (group handed) ─▶ apply ─▶ (synced, if durable) ─▶ resolved
 *           │ no: freeze the memtable; two frozen already or debt too high:
 *           ├──── async: wait in line, up to stallBytesMax, then OVERLOADED
 *           └──── sync:  wait for the flush, up to stallMs, then OVERLOADED; nothing half applied
 * ```
 * Invariant: the active memtable has room for everything that is reserved in the log and not applied yet.
 */
import type { CommitLog } from '@coterie/commit-log';
import { CoterieError, type Timer } from '@coterie/env';
import { Memtable } from '@coterie/memtable';
import { Applier, isEmpty } from './applier.ts';
import type { Background } from './background.ts';
import { Batch, type BatchTarget } from './batch.ts';
import { checkKey, checkRange, checkValue, tooLarge } from './check.ts';
import { batchBytesMax, type Durability, type Settings } from './options.ts';
import { paceDelayMs, paceMarks } from './pacing.ts';
import { operationType, putBytes, writePair } from './record.ts';
import type { StoreState } from './store-state.ts';
import type { VersionSet } from './version-set.ts';

/** Frozen memtables at most; at that many, writes wait. */
const frozenMax = 2;
/** Below this a pacing delay is saved up rather than waited for. */
const paceMsMin = 1;
/** A shorter wait is none. */
const waitMsMin = 0.01;
/** How often a blocked sync writer looks up. */
const waitSliceMs = 50;

/** Keys and values of a batch of puts. */
export type Puts = readonly (readonly [key: Uint8Array, value: Uint8Array])[];

/** What a batch of puts takes in the log and, at most, in a memtable. */
interface Size {
  logBytes: number;
  memtableBytes: number;
}

interface WaitingBatch {
  readonly batch: Batch;
  readonly durable: Durability | undefined;
  readonly resolve: (value: Promise<void>) => void;
  readonly reject: (error: unknown) => void;
}

/** What the write path is made of. */
export interface WritePathParts {
  readonly settings: Settings;
  readonly state: StoreState;
  readonly log: CommitLog;
  readonly versions: VersionSet;
  readonly background: Background;
}

/** Takes writes. */
export class WritePath implements BatchTarget {
  readonly #parts: WritePathParts;
  readonly #log: CommitLog;
  readonly #state: StoreState;
  readonly #applier: Applier;
  readonly #waiting: WaitingBatch[] = [];
  #waitingBytes = 0;
  #draining = false;
  /** Keeps the process alive while writes wait in line. */
  #hold: Timer | undefined;
  /** Memtable bytes of records reserved in the log and not applied. */
  #reservedBytes = 0;
  #pacedUntilMs = 0;
  #paceTimer: Timer | undefined;
  #syncTimer: Timer | undefined;
  readonly counters = { writes: 0, userBytes: 0, stalls: 0 };

  constructor(parts: WritePathParts) {
    this.#parts = parts;
    this.#log = parts.log;
    this.#state = parts.state;
    this.#applier = new Applier(parts.state);
    parts.log.onApplied = (bytes, start, end, firstSequence) => this.#applier.apply(bytes, start, end, firstSequence);
  }

  put(key: Uint8Array, value: Uint8Array, durable: Durability | undefined): Promise<void> {
    try {
      checkKey(key);
      checkValue(value);
      if (this.#waiting.length > 0 || !this.#makeRoom(Memtable.entryBytesMax(key.length, value.length))) {
        return this.#wait(new Batch(this).put(key, value), durable);
      }
      this.#encodePut(key, value);
      return this.#commit(durable);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  putSync(key: Uint8Array, value: Uint8Array, durable: Durability | undefined): void {
    checkKey(key);
    checkValue(value);
    this.#makeRoomSync(Memtable.entryBytesMax(key.length, value.length));
    this.#encodePut(key, value);
    this.#commitSync(durable);
  }

  /** A batch of puts, encoded straight into the log: a `Batch` would copy every byte once more. */
  putMany(entries: Puts, durable: Durability | undefined): Promise<void> {
    try {
      const size = measure(entries);
      if (size.logBytes === 0) return this.#nothing();
      if (this.#waiting.length > 0 || !this.#makeRoom(size.memtableBytes)) return this.#wait(batchOf(new Batch(this), entries), durable);
      this.#encodePuts(entries, size);
      return this.#commit(durable);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  putManySync(entries: Puts, durable: Durability | undefined): void {
    const size = measure(entries);
    if (size.logBytes === 0) return this.#state.checkOpen();
    this.#makeRoomSync(size.memtableBytes);
    this.#encodePuts(entries, size);
    this.#commitSync(durable);
  }

  commitBatch(batch: Batch, durable: Durability | undefined): Promise<void> {
    try {
      const bytes = take(batch);
      if (bytes === 0) return this.#nothing();
      if (this.#waiting.length > 0 || !this.#makeRoom(bytes)) return this.#wait(batch, durable);
      this.#encodeBatch(batch);
      return this.#commit(durable);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  commitBatchSync(batch: Batch, durable: Durability | undefined): void {
    const bytes = take(batch);
    if (bytes === 0) return this.#state.checkOpen();
    this.#makeRoomSync(bytes);
    this.#encodeBatch(batch);
    this.#commitSync(durable);
  }

  #nothing(): Promise<void> {
    this.#state.checkOpen();
    return Promise.resolve();
  }

  /** From now on nobody reads the keys of this range from memory. */
  leaveUnread(from: Uint8Array, to: Uint8Array): void {
    if (this.#applier.unread !== undefined || !checkRange(from, to))
      throw new CoterieError('INVALID_ARGUMENT', 'one range of keys, and no empty one, can be left unread');
    // What was handed in before may be read.
    if (this.#log.pendingRecords > 0) this.#log.flushSync();
    this.#applier.unread = { from: from.slice(), to: to.slice() };
  }

  /** Freezes the active memtable, if it holds anything and there is room for another frozen one. */
  freezeActive(): boolean {
    if (this.#log.pendingRecords > 0) this.#log.flushSync();
    if (this.#state.active.memtable.usedBytes === 0 || isEmpty(this.#state.active.memtable)) return true;
    if (this.#state.frozenCount >= frozenMax) return false;
    this.#state.freeze(0);
    this.#parts.background.pump();
    return true;
  }

  /** Lets waiting writes go on as far as there is room; called when a flush was installed or writes ended. */
  drain(): void {
    // Making room polls for ended jobs, and each of them calls this again.
    if (this.#draining) return;
    this.#draining = true;
    while (this.#waiting.length > 0 && this.#takeHead(this.#waiting[0]));
    this.#draining = false;
    if (this.#waiting.length === 0) this.#letGo();
  }

  #letGo(): void {
    this.#hold?.cancel();
    this.#hold = undefined;
  }

  /** Commits the first waiting batch, or refuses it; false if there is no room yet. */
  #takeHead(head: WaitingBatch): boolean {
    try {
      if (!this.#makeRoom(head.batch.memtableBytes)) return false;
      this.#encodeBatch(head.batch);
      head.resolve(this.#commit(head.durable));
    } catch (error) {
      head.reject(error);
    }
    this.#waiting.shift();
    this.#waitingBytes -= head.batch.memtableBytes;
    return true;
  }

  /** Ends timers and refuses what still waits. */
  stop(): void {
    this.#paceTimer?.cancel();
    this.#syncTimer?.cancel();
    this.#letGo();
    for (const { reject } of this.#waiting.splice(0))
      reject(new CoterieError('CLOSED', 'the store was closed', { details: { mayHaveTakenEffect: false } }));
  }

  #encodePut(key: Uint8Array, value: Uint8Array): void {
    const at = this.#log.reserve(putBytes(key, value), 1);
    writePair(this.#log.buffer, at, operationType.put, key, value);
    this.#reservedBytes += Memtable.entryBytesMax(key.length, value.length);
    this.counters.writes++;
    this.counters.userBytes += key.length + value.length;
  }

  #encodePuts(entries: Puts, { logBytes, memtableBytes }: Size): void {
    let at = this.#log.reserve(logBytes, entries.length);
    const into = this.#log.buffer;
    for (let i = 0; i < entries.length; i++) at = writePair(into, at, operationType.put, entries[i][0], entries[i][1]);
    this.#reservedBytes += memtableBytes;
    this.counters.writes += entries.length;
    this.counters.userBytes += logBytes;
  }

  #encodeBatch(batch: Batch): void {
    const at = this.#log.reserve(batch.length, batch.operations);
    this.#log.buffer.set(batch.bytes.length === batch.length ? batch.bytes : batch.bytes.subarray(0, batch.length), at);
    this.#reservedBytes += batch.memtableBytes;
    this.counters.writes += batch.operations;
    this.counters.userBytes += batch.length;
  }

  #commit(durable: Durability | undefined): Promise<void> {
    const wanted = durable ?? this.#parts.settings.durable;
    if (typeof wanted === 'object') this.#syncWithin(wanted.everyMs);
    return this.#log.commit(wanted === true);
  }

  #commitSync(durable: Durability | undefined): void {
    const wanted = durable ?? this.#parts.settings.durable;
    if (typeof wanted === 'object') this.#syncWithin(wanted.everyMs);
    this.#log.commitSync(wanted === true);
  }

  #syncWithin(everyMs: number): void {
    this.#syncTimer ??= this.#parts.settings.environment.timers.after(everyMs, () => {
      this.#syncTimer = undefined;
      // A failed sync shows in log.failure, which every later write meets.
      this.#log.sync().catch(() => undefined);
    });
  }

  /** Whether the active memtable can take `bytes` more; freezes it if that helps. */
  #makeRoom(bytes: number): boolean {
    if (!this.#state.writable) this.#refuse();
    if (this.#log.pendingRecords === 0) this.#reservedBytes = 0;
    if (this.#state.active.memtable.fits(this.#reservedBytes + bytes) && this.#pacedUntilMs === 0) return true;
    return this.#makeRoomSlowly(bytes);
  }

  #makeRoomSlowly(bytes: number): boolean {
    if (this.#isPaced()) return false;
    if (this.#state.active.memtable.fits(this.#reservedBytes + bytes)) return true;
    if (this.#log.pendingRecords > 0) this.#log.flushSync();
    this.#reservedBytes = 0;
    if (isEmpty(this.#state.active.memtable)) {
      this.#state.replaceActive(bytes);
      return true;
    }
    this.#parts.settings.environment.jobs.poll();
    // What has ended may have ended writes.
    if (!this.#state.writable) this.#refuse();
    if (this.#state.frozenCount >= frozenMax) return false;
    this.#state.freeze(bytes);
    this.#pace();
    this.#parts.background.pump();
    return true;
  }

  /** After each frozen memtable, debt decides how long the next one may not start to fill. */
  #pace(): void {
    const { settings, state } = this.#parts;
    const delay = paceDelayMs(settings.writeBufferBytes, state.live.levels[0].length, paceMarks(settings.level0Tables));
    if (delay < paceMsMin) return;
    this.#pacedUntilMs = settings.environment.clock.monotonic() + delay;
    if (delay !== Number.POSITIVE_INFINITY) this.#paceTimer = settings.environment.timers.after(delay, () => this.drain());
  }

  #isPaced(): boolean {
    if (this.#pacedUntilMs === 0) return false;
    const { settings, state } = this.#parts;
    const marks = paceMarks(settings.level0Tables);
    const runs = state.live.levels[0].length;
    const over =
      this.#pacedUntilMs === Number.POSITIVE_INFINITY ? runs < marks.stop : settings.environment.clock.monotonic() >= this.#pacedUntilMs;
    if (!over && runs >= marks.slow) {
      if (this.#pacedUntilMs === Number.POSITIVE_INFINITY) this.#refuseIfBlocked();
      return true;
    }
    this.#pacedUntilMs = 0;
    return false;
  }

  /** At the debt limit waiting helps only if compaction goes on. */
  #refuseIfBlocked(): void {
    const { blocked } = this.#parts.background;
    if (blocked !== undefined) throw overloaded(`compaction debt is at its limit and cannot shrink: ${blocked.message}`, blocked);
  }

  #refuse(): never {
    this.#state.checkOpen();
    if (this.#state.failure !== undefined) throw this.#state.failure;
    const full = this.#state.diskFull;
    throw new CoterieError('DISK_FULL', 'write refused: the disk takes no table', {
      cause: full,
      details: { ...full?.details, mayHaveTakenEffect: false },
    });
  }

  #wait(batch: Batch, durable: Durability | undefined): Promise<void> {
    this.counters.stalls++;
    if (this.#waitingBytes + batch.memtableBytes > this.#parts.settings.stallBytesMax) throw overloaded('too many bytes wait for a flush');
    this.#waitingBytes += batch.memtableBytes;
    this.#hold ??= this.#parts.settings.environment.timers.hold?.();
    return new Promise((resolve, reject) => this.#waiting.push({ batch, durable, resolve, reject }));
  }

  #makeRoomSync(bytes: number): void {
    if (this.#waiting.length === 0 && this.#makeRoom(bytes)) return;
    const { settings, versions, background } = this.#parts;
    const { clock, jobs } = settings.environment;
    const startedAt = clock.monotonic();
    this.counters.stalls++;
    for (let left = settings.stallMs; left > waitMsMin; left = settings.stallMs - (clock.monotonic() - startedAt)) {
      // With nothing under way there is nothing to wait for: no callback runs while this thread stands here.
      if (!background.busy) {
        if (this.#pacedUntilMs === 0 || this.#pacedUntilMs === Number.POSITIVE_INFINITY)
          throw overloaded('no room, and no flush or compaction under way');
        this.#pacedUntilMs = 0;
      }
      jobs.wait(Math.min(left, waitSliceMs));
      versions.finishSync();
      this.drain();
      if (this.#waiting.length === 0 && this.#makeRoom(bytes)) return;
    }
    throw overloaded(`no room after ${settings.stallMs} ms: flushes do not keep up`);
  }
}

/** A memtable's arena holds no more; small operations take several times their own size in it. */
const batchMemtableBytesMax: number = 120 * 2 ** 20;

/** Bytes a batch takes in a memtable; marks it as used. @throws CoterieError `INVALID_ARGUMENT` the second time, `TOO_LARGE` */
function take(batch: Batch): number {
  if (batch.memtableBytes > batchMemtableBytesMax)
    throw tooLarge('batch, with what memory needs for each operation,', batch.memtableBytes, batchMemtableBytesMax);
  if (batch.committed) throw new CoterieError('INVALID_ARGUMENT', 'this batch was committed already; make a new one');
  batch.committed = true;
  return batch.memtableBytes;
}

function overloaded(what: string, cause?: CoterieError): CoterieError {
  return new CoterieError('OVERLOADED', `write refused: ${what}`, { cause, details: { mayHaveTakenEffect: false } });
}

/** Checks entries and adds up what they take. @throws CoterieError `TOO_LARGE`, `INVALID_ARGUMENT` */
function measure(entries: Puts): Size {
  let logBytes = 0;
  let memtableBytes = 0;
  for (let i = 0; i < entries.length; i++) {
    const key = entries[i][0];
    const value = entries[i][1];
    checkKey(key);
    checkValue(value);
    logBytes += putBytes(key, value);
    memtableBytes += Memtable.entryBytesMax(key.length, value.length);
  }
  if (logBytes > batchBytesMax) throw tooLarge('batch', logBytes, batchBytesMax);
  if (memtableBytes > batchMemtableBytesMax)
    throw tooLarge('batch, with what memory needs for each operation,', memtableBytes, batchMemtableBytesMax);
  return { logBytes, memtableBytes };
}

function batchOf(batch: Batch, entries: Puts): Batch {
  for (const [key, value] of entries) batch.put(key, value);
  return batch;
}
