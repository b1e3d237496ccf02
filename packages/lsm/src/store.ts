/**
 * The store: one class that joins the write path, the reads and the background work, and decides their life and death.
 * Every public method either answers or throws a typed error; nothing here knows about formats.
 */
import { type CoterieError, isCoterieError } from '@coterie/env';
import { Background } from './background.ts';
import { Batch, type WriteOptions } from './batch.ts';
import { writeCheckpoint } from './checkpoint.ts';
import { Copies } from './copies.ts';
import { type Loss, withoutLosses } from './losses.ts';
import type { Settings } from './options.ts';
import { Reader } from './reader.ts';
import type { Recovered } from './recovery.ts';
import { Reserve } from './reserve.ts';
import { type Entry, type RangeOptions, type RawScanCallback, type ScanCallback, Scanner } from './scanner.ts';
import { Scrubber, type Scrubbed } from './scrubber.ts';
import { Settler } from './settler.ts';
import { Snapshot } from './snapshot.ts';
import { Snapshots } from './snapshots.ts';
import { levelBytes } from './version.ts';
import { type Puts, WritePath } from './write-path.ts';

/** Figures of a running store. */
export type StoreStatistics = Readonly<Record<string, number | string | boolean>>;

/** An ordered map from bytes to bytes, on disk. Made by `openStore`. */
export class Store {
  readonly directory: string;
  readonly #settings: Settings;
  readonly #recovered: Recovered;
  readonly #snapshots: Snapshots;
  readonly #background: Background;
  readonly #writes: WritePath;
  readonly #reader: Reader;
  readonly #scanner: Scanner;
  readonly #reserve: Reserve;
  readonly #settler: Settler;
  readonly #scrubber: Scrubber;
  #closing: Promise<void> | undefined;

  constructor(directory: string, settings: Settings, recovered: Recovered) {
    this.directory = directory;
    this.#settings = settings;
    this.#recovered = recovered;
    const { files, log: journal, timers } = settings.environment;
    const { state, log, versions, tables, handles } = recovered;
    this.#snapshots = new Snapshots(settings.snapshotsMax);
    this.#reserve = new Reserve({ files, log: journal, directory }, settings.reserveBytes);
    this.#background = new Background({
      directory,
      settings,
      state,
      versions,
      tables,
      handles,
      snapshots: this.#snapshots,
      reserve: this.#reserve,
      flushed: (sequence) => log.release(sequence),
      changed: () => this.#changed(),
    });
    this.#writes = new WritePath({ settings, state, log, versions, background: this.#background });
    const newest = (): number => this.visibleSequence;
    const copies = new Copies();
    this.#reader = new Reader(state, copies, newest);
    this.#scanner = new Scanner({ state, copies, snapshots: this.#snapshots, timers, newest });
    state.onFailed = () => this.#changed();
    state.onDamage = (error) => this.#background.quarantine(error);
    this.#settler = new Settler({ settings, state, background: this.#background, writes: this.#writes });
    this.#scrubber = new Scrubber({
      settings,
      state,
      isQuarantined: (table) => this.#background.quarantined.has(table),
      quarantine: (error) => this.#background.quarantine(error),
    });
    state.onUnreadable = (error) => this.#scrubber.suspect(error);
    void this.#reserve.take();
    this.#background.pump();
    this.#settler.watch();
  }

  /** Makes `key` map to `value`. Resolves when it is as durable as asked. @throws CoterieError `TOO_LARGE`, `DISK_FULL`, `OVERLOADED`, ... */
  put(key: Uint8Array, value: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.#writes.put(key, value, options?.durable);
  }

  putSync(key: Uint8Array, value: Uint8Array, options?: WriteOptions): void {
    this.#writes.putSync(key, value, options?.durable);
  }

  /** Puts all entries or none. */
  putBatch(entries: Iterable<readonly [Uint8Array, Uint8Array]>, options?: WriteOptions): Promise<void> {
    return this.#writes.putMany(Array.isArray(entries) ? (entries as Puts) : Array.from(entries), options?.durable);
  }

  putBatchSync(entries: Iterable<readonly [Uint8Array, Uint8Array]>, options?: WriteOptions): void {
    this.#writes.putManySync(Array.isArray(entries) ? (entries as Puts) : Array.from(entries), options?.durable);
  }

  /** Removes `key`; harmless if it is not there. */
  async delete(key: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.batch().delete(key).commit(options);
  }

  deleteSync(key: Uint8Array, options?: WriteOptions): void {
    this.batch().delete(key).commitSync(options);
  }

  /** Removes every key in [from, to) by one small record. */
  async deleteRange(from: Uint8Array, to: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.batch().deleteRange(from, to).commit(options);
  }

  deleteRangeSync(from: Uint8Array, to: Uint8Array, options?: WriteOptions): void {
    this.batch().deleteRange(from, to).commitSync(options);
  }

  /** A batch to fill and commit: all or nothing. */
  batch(): Batch {
    return new Batch(this.#writes);
  }

  /** The value, the caller's to keep, or `undefined`. */
  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#reader.get(key);
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    return this.#reader.getSync(key);
  }

  /** The value at once where memory has all it takes to tell, else a promise of it: `get` for who has many to read. Throws what is known at once. */
  getNow(key: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    return this.#reader.getNow(key);
  }

  /** Values in the order of `keys`, all as of one moment. */
  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const snapshot = this.snapshot();
    try {
      return await snapshot.getMany(keys);
    } finally {
      snapshot.close();
    }
  }

  getManySync(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return this.#reader.getManySync(keys);
  }

  /** Entries in key order (or against it), as of the moment the first is asked for. */
  range(options: RangeOptions = {}): AsyncGenerator<Entry, void, void> {
    return this.#scanner.range(options);
  }

  /** Calls back with own copies of up to `limit` entries from `from` on; returns how many. A callback's `false` stops. */
  scanSync(from: Uint8Array | undefined, limit: number, callback: ScanCallback): number {
    return this.#scanner.scanSync(from, limit, callback);
  }

  /** The same with views that are good only during the call. */
  scanRawSync(from: Uint8Array | undefined, limit: number, callback: RawScanCallback): number {
    return this.#scanner.scanRawSync(from, limit, callback);
  }

  /**
   * Says that until the store is closed nobody reads what is written to the keys in [from, to) from now on. It is as durable
   * and as atomic as anything else, and there when the store is opened again; until then reads of these keys may answer
   * with what was there before. Such writes cost less: memory keeps them in no order, and a flush sorts them. One range.
   * @throws CoterieError `INVALID_ARGUMENT` if it is empty, or another was named before
   */
  leaveUnread(from: Uint8Array, to: Uint8Array): void {
    this.#recovered.state.checkOpen();
    this.#writes.leaveUnread(from, to);
  }

  /** The store as it is now, until the snapshot is closed. @throws CoterieError `OVERLOADED` at `snapshotsMax` */
  snapshot(): Snapshot {
    this.#recovered.state.checkOpen();
    const sequence = this.visibleSequence;
    this.#snapshots.open(sequence);
    return new Snapshot({ reader: this.#reader, scanner: this.#scanner, snapshots: this.#snapshots, sequence });
  }

  /**
   * Resolves when everything written before the call is in tables, and the log has given back what it does not need. Only from
   * tables do deletes give space back; the rest follows in quiet times. @throws CoterieError why it cannot
   */
  async flush(): Promise<void> {
    this.#recovered.state.checkOpen();
    await this.#endLogSegment();
    await this.#settler.flush();
    await this.#giveBackLog();
  }

  /** Flushes, works off all compaction debt, and gives back disk space that nothing needs. @throws CoterieError why it cannot */
  async settle(): Promise<void> {
    this.#recovered.state.checkOpen();
    await this.#endLogSegment();
    await this.#settler.settle();
    await this.#giveBackLog();
    await this.#recovered.tables.drained();
  }

  /** Makes everything written so far durable. */
  async sync(): Promise<void> {
    this.#recovered.state.checkOpen();
    return this.#recovered.log.sync();
  }

  /** Writes a copy of the store as it is now into `directory`, which must be empty or absent; tables are hard links. */
  async checkpoint(directory: string): Promise<void> {
    await this.#settler.flush();
    const { state } = this.#recovered;
    const view = state.pin();
    try {
      await writeCheckpoint(this.#settings.environment.files, {
        from: this.directory,
        to: directory,
        version: view.live.version,
        flushedSequence: this.#recovered.versions.flushedSequence,
      });
    } finally {
      state.unpin(view);
    }
  }

  /** Stretches of keys that cannot be read because a file was damaged, until somebody accepts that. */
  get losses(): readonly Loss[] {
    return this.#recovered.state.live.version.losses;
  }

  /**
   * Takes what was lost of the keys in [from, to) for gone: from now on reads answer with what is left there, which may be
   * older, or nothing. Only for who gets it back from elsewhere, or has decided to live without it. Durable when it resolves.
   */
  acceptLosses(from?: Uint8Array, to?: Uint8Array): Promise<void> {
    this.#recovered.state.checkOpen();
    const { versions } = this.#recovered;
    return new Promise((resolve, reject) => {
      const settled = (error?: CoterieError): void => (error === undefined ? resolve() : reject(error));
      versions.install({ removed: [], added: [], losses: (known) => withoutLosses(known, from, to), settled });
    });
  }

  /** Reads a table back and checks it: the one with the lowest number above `after`; undefined when there is none. A damaged one is set aside. */
  scrubNext(after: number): Promise<Scrubbed | undefined> {
    return this.#scrubber.next(after);
  }

  /** Everything up to this sequence survives a crash. */
  get durableSequence(): number {
    const { log, versions } = this.#recovered;
    return Math.max(log.durableSequence, versions.flushedSequence);
  }

  /** What reads see. After a failed log write or sync they stop at what is durable. */
  get visibleSequence(): number {
    const { log } = this.#recovered;
    return log.failure === undefined ? log.appliedSequence : this.durableSequence;
  }

  /** Why the store takes no more writes; `undefined` while it does. */
  get failure(): CoterieError | undefined {
    return this.#recovered.state.failure;
  }

  statistics(): StoreStatistics {
    const { state, tables, blocks } = this.#recovered;
    const version = state.live.version;
    return {
      ...this.#writes.counters,
      ...this.#reader.counters,
      ...this.#background.counters,
      level0Tables: version.levels[0].length,
      tables: version.levels.reduce((sum, level) => sum + level.length, 0),
      tableBytes: version.levels.reduce((sum, level) => sum + levelBytes(level), 0),
      frozenMemtables: state.frozenCount,
      activeMemtableBytes: state.active.memtable.usedBytes,
      snapshots: this.#snapshots.count,
      tableMemoryBytes: tables.memoryBytes,
      cacheHits: blocks.stats.hits,
      cacheMisses: blocks.stats.misses,
      cacheBytes: blocks.stats.usedBytes,
      quarantinedTables: this.#background.quarantined.size,
      stretchesLost: version.losses.length,
      compactionFailed: this.#background.compactionFailure?.message ?? '',
      diskFull: state.diskFull !== undefined,
    };
  }

  /** Ends everything; what was written is synced. Running jobs are given up, nothing is lost with them. Harmless when closed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const { state, log, manifest, handles, tables, lock } = this.#recovered;
    this.#writes.stop();
    this.#background.stop();
    state.close();
    await this.#settler.stop();
    await this.#scrubber.stop();
    try {
      await log.close();
    } finally {
      await this.#reserve.drained();
      await tables.drained();
      manifest.close();
      handles.close();
      await lock.release();
    }
  }

  /** What comes from now on goes into another segment of the log, a small one: the last one can go when all of it is in tables. */
  async #endLogSegment(): Promise<void> {
    const { log, state } = this.#recovered;
    await log.trim();
    if (!state.writable) return;
    try {
      log.endSegment();
    } catch (error) {
      // The flush that follows says what is wrong; without room for a segment the old one stays.
      if (!isCoterieError(error)) throw error;
    }
  }

  async #giveBackLog(): Promise<void> {
    const { log, versions } = this.#recovered;
    log.release(versions.flushedSequence);
    await log.trim();
  }

  #changed(): void {
    if (!this.#recovered.state.closed) this.#writes.drain();
    this.#settler.changed();
  }
}
