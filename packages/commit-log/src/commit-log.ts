/**
 * The log as its users see it: takes records, gathers them in groups, hands each group to the system with one write,
 * applies it, and has it synced for those who asked.
 *
 * ```
 *  reserve ─▶ encode ─▶ commit ─▶ pending group ─▶ handed over ─▶ applied ─▶ durable
 *                                    when the microtask queue drains, at 64 records or 256 KiB, or at once (sync forms);
 *                                    while a sync runs, a group of only durable records waits for the end of the turn in which it ends
 * ```
 *
 * Invariants: a promise resolves after its record was applied; `failure` once set stays, and nothing is written after it.
 */
import { CoterieError, isCoterieError, someTurns } from '@coterie/env';
import { Deferred } from './deferred.ts';
import { failedWrite, finalFailure } from './failure.ts';
import { GroupWriter } from './group-writer.ts';
import type { Refusal } from './group-writer.ts';
import type { RecordHandler } from './group.ts';
import type { OpenedLog } from './open.ts';
import type { LogSettings } from './options.ts';
import { SegmentList } from './segment-list.ts';
import type { Segment } from './segment.ts';
import { Syncer } from './syncer.ts';

/** `then` on a settled promise defers to the end of the microtask queue for 45 ns; `queueMicrotask` costs 160. */
const settled = Promise.resolve();
/** Turns of the event loop that a group waits for more after a sync, while it has records enough that many more will come. */
const gatheringTurnsMax = 12;
const gatheringRecordsMin = 8;

/** How a record is acknowledged by `append`. */
export interface AppendOptions {
  /** Whether it must be on disk, not only handed to the system. Default true. */
  readonly durable?: boolean;
}

/** A file of the log, for backups: copy its first `bytes`. */
export interface SegmentFile {
  readonly path: string;
  readonly bytes: number;
  readonly firstSequence: number;
}

/** A durable log of records, each of which takes one or more sequences. Opened by `CommitLog.open`. */
export class CommitLog {
  readonly #settings: LogSettings;
  readonly #opened: OpenedLog;
  readonly #segments: SegmentList;
  readonly #syncer: Syncer;
  readonly #writer: GroupWriter;
  #scheduled = false;
  #recordsSeen = 0;
  #failure: CoterieError | undefined;
  #closing: Promise<void> | undefined;

  constructor(settings: LogSettings, opened: OpenedLog) {
    this.#settings = settings;
    this.#opened = opened;
    const { segmentBytes, startAfter } = settings;
    const applied = opened.nextSequence - 1;
    const fail = (error: unknown): void => this.#fail(error);
    const segments = new SegmentList({ ...opened.start, fail });
    const host = {
      segments,
      clock: settings.environment.clock,
      handedSequence: (): number => this.#writer.applied,
      advanced: (): void => this.#writer.group.wantClaim(),
      roundDone: (): void => this.#afterRound(),
      fail,
    };
    this.#segments = segments;
    this.#syncer = new Syncer(host, applied);
    this.#writer = new GroupWriter({ segments, segmentBytes, timers: settings.environment.timers, fail }, this.#syncer, applied);
    if (startAfter !== undefined) segments.release(startAfter);
  }

  /** Called for every record, in log order, right after its group was handed to the system. It must not call the log. */
  get onApplied(): RecordHandler {
    return this.#writer.onApplied;
  }

  set onApplied(handler: RecordHandler) {
    this.#writer.onApplied = handler;
  }

  /** Called once, when the log has failed for good and everyone who waits has been rejected. It must not throw. */
  onFailed: (failure: CoterieError) => void = () => {};

  /** The sequence that the next record will start at. */
  get nextSequence(): number {
    return this.#writer.nextSequence;
  }

  /** Highest sequence of the records handed to the system and applied. */
  get appliedSequence(): number {
    return this.#writer.applied;
  }

  /** Highest sequence that is on disk. */
  get durableSequence(): number {
    return this.#syncer.durableSequence;
  }

  /** Records that wait to be handed to the system. */
  get pendingRecords(): number {
    return this.#writer.group.records;
  }

  /** Bytes that wait to be handed to the system. */
  get pendingBytes(): number {
    return this.#writer.group.used;
  }

  /** Why the log takes no more records; set once a sync failed, or a failed write could not be cut off. */
  get failure(): CoterieError | undefined {
    return this.#failure;
  }

  /** Where the reserved record's payload is encoded. Another array after each `reserve`, perhaps. */
  get buffer(): Uint8Array {
    return this.#writer.group.bytes;
  }

  /**
   * Makes room for one record of exactly `payloadBytes`, which takes `sequences` sequences; returns where in `buffer` its
   * payload belongs. `commit` or `commitSync` must follow in the same turn; a reserved record that is not committed is forgotten.
   * @throws CoterieError `TOO_LARGE`, `CLOSED`, `failure`; `DISK_FULL` or `DISK_IO` if making room failed: no effect
   */
  reserve(payloadBytes: number, sequences: number): number {
    const writer = this.#writer;
    if (writer.refusal !== undefined) throw this.#refuse(writer.refusal);
    if (!(payloadBytes >= 0 && payloadBytes <= this.#settings.recordBytesMax && sequences >= 1))
      throw this.#refuseSize(payloadBytes, sequences);
    if (!writer.group.fits(payloadBytes)) writer.makeRoom(payloadBytes);
    return writer.group.place(payloadBytes, sequences);
  }

  /**
   * Ends the reserved record. Resolves when it is applied (false), or durable too (true). What is to be durable is handed over at
   * the end of the turn: a sync takes many times as long, and whoever else is to work on it meanwhile has been told by then.
   */
  commit(durable: boolean): Promise<void> {
    // a boolean: hot path, callers name their constants
    const writer = this.#writer;
    writer.complete();
    const promise = durable ? writer.whenDurable : writer.whenHanded;
    if (writer.full) this.#handOverQuietly();
    else if (!this.#scheduled && !durable) this.#schedule();
    else if (!this.#scheduled && !this.#syncer.running) this.#scheduleAfter(this.#settings.environment.timers.turn());
    return promise;
  }

  /**
   * Ends the reserved record and hands it over now, with all that was pending before it; with `durable` it is on disk on return.
   * @throws CoterieError `DISK_FULL`, `DISK_IO` with `details.mayHaveTakenEffect`
   */
  commitSync(durable: boolean): void {
    // a boolean: hot path, callers name their constants
    const writer = this.#writer;
    writer.complete();
    writer.handOver();
    if (!durable) return this.#syncer.start();
    writer.prepareSync();
    writer.syncHanded();
  }

  /** Hands the pending group to the system now and applies it. @throws CoterieError as `commitSync` */
  flushSync(): void {
    const writer = this.#writer;
    if (writer.refusal !== undefined) throw this.#refuse(writer.refusal);
    if (writer.group.records > 0) writer.handOver();
    this.#syncer.start();
  }

  /** Makes everything committed so far durable. @throws CoterieError as `commitSync` */
  syncSync(): void {
    this.flushSync();
    this.#writer.syncHanded();
  }

  /** Makes everything committed so far durable; rejects as `commitSync` throws. */
  async sync(): Promise<void> {
    this.flushSync();
    const waiter = new Deferred();
    this.#syncer.request(waiter);
    this.#syncer.start();
    await waiter.promise;
  }

  /** Appends one record of one sequence, a copy of `payload`; resolves to its sequence when it is durable, or applied. */
  async append(payload: Uint8Array, options: AppendOptions = {}): Promise<number> {
    const sequence = this.#stage(payload);
    await this.commit(options.durable ?? true);
    return sequence;
  }

  /** Appends one record of one sequence; returns its sequence when it is durable, or applied. */
  appendSync(payload: Uint8Array, options: AppendOptions = {}): number {
    const sequence = this.#stage(payload);
    this.commitSync(options.durable ?? true);
    return sequence;
  }

  /**
   * Records up to `sequence` are safe elsewhere: segments that hold nothing else are recycled or removed, off this thread.
   * They may be replayed once more after a crash, unless `startAfter` says better.
   */
  release(sequence: number): void {
    if (this.#failure === undefined && this.#closing === undefined) this.#segments.release(sequence);
  }

  /**
   * Hands over what is pending and ends the segment that holds it: once that is released, nothing of it is left on disk.
   * Without this the segment in use stays, however old its records are. @throws CoterieError as `commitSync`
   */
  endSegment(): void {
    this.flushSync();
    this.#writer.endSegment();
  }

  /** The files that hold the applied records, oldest first. Copied after a `sync` and before a `release`, they are a log that opens. */
  segments(): SegmentFile[] {
    const closed = this.#segments.kept.map(({ path, bytes, firstSequence }) => ({ path, bytes, firstSequence }));
    const { current } = this.#segments;
    return current === undefined ? closed : [...closed, { path: current.path, bytes: current.end, firstSequence: current.firstSequence }];
  }

  /**
   * Makes everything durable, writes the end mark and gives files and lock back. Resolves for a log that failed before;
   * rejects when it is the last sync that fails.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Gives the disk space of released segments back instead of keeping them for later ones; for a time of rest. */
  trim(): Promise<void> {
    return this.#segments.trim();
  }

  /** The sync form of `close`. Files that are being removed at that moment are left to the next open. @throws as `close` rejects */
  closeSync(): void {
    if (this.#closing !== undefined) return;
    this.#closing = Promise.resolve();
    this.#handOverQuietly();
    this.#writer.refusal ??= 'closed';
    try {
      if (this.#failure !== undefined) return;
      this.#writer.syncHanded();
      this.#putEndMark((segment) => segment.syncSync());
    } finally {
      this.#segments.closeSync();
      this.#opened.lock?.releaseSync();
    }
  }

  async #close(): Promise<void> {
    this.#handOverQuietly();
    this.#writer.refusal ??= 'closed';
    try {
      await this.#segments.stop();
      if (this.#failure === undefined) await this.#finish();
      await this.#segments.trim();
    } finally {
      await this.#syncer.idle();
      this.#segments.closeSync();
      await this.#opened.lock?.release();
    }
  }

  async #finish(): Promise<void> {
    const waiter = new Deferred();
    this.#syncer.request(waiter);
    this.#syncer.start();
    await waiter.promise;
    await this.#syncer.idle();
    await this.#putEndMark((segment) => segment.sync());
  }

  /** Ends the current segment, which is synced. Without the mark, for want of space, the log is as whole. */
  #putEndMark<T>(sync: (segment: Segment) => T): T | undefined {
    const { current } = this.#segments;
    if (current === undefined) return undefined;
    try {
      current.putEndMark(this.nextSequence);
    } catch (error) {
      this.#opened.start.environment.log.warn('commit log closed without its end mark', { file: current.path, reason: String(error) });
      return undefined;
    }
    return sync(current);
  }

  #stage(payload: Uint8Array): number {
    const at = this.reserve(payload.length, 1);
    this.#writer.group.bytes.set(payload, at);
    return this.nextSequence;
  }

  #schedule(): void {
    if (!this.#scheduled) this.#scheduleAfter(settled);
  }

  #scheduleAfter(moment: Promise<void>): void {
    this.#scheduled = true;
    this.#recordsSeen = 0;
    void moment.then(this.#drain);
  }

  /**
   * A sync has ended, and what waits is the next group. Under load much else has arrived that is not read yet, and it would have
   * to wait for a sync of its own: so the group is handed over at the end of the turn, or of some turns more if it has many records.
   * Nobody who writes one record after the other meets this: nothing waits then.
   */
  #afterRound(): void {
    if (this.#scheduled) return;
    if (this.#writer.group.records === 0 || this.#syncer.awaited) return this.#schedule();
    this.#scheduleAfter(
      someTurns(this.#settings.environment.timers, gatheringTurnsMax, () => this.#writer.group.records >= gatheringRecordsMin),
    );
  }

  /** Runs again and again at the end of the microtask queue, until no record has come in between. */
  readonly #drain = (): void => {
    const { records } = this.#writer.group;
    if (records !== this.#recordsSeen) {
      this.#recordsSeen = records;
      void settled.then(this.#drain);
      return;
    }
    this.#scheduled = false;
    this.#handOverQuietly();
  };

  /** Hands the pending group over; a failure reaches the promises of its records. */
  #handOverQuietly(): void {
    try {
      if (this.#writer.group.records > 0) this.#writer.handOver();
    } catch (error) {
      if (!isCoterieError(error)) throw error;
    }
    this.#syncer.start();
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = finalFailure(error);
    this.#writer.refusal = 'failed';
    this.#opened.start.environment.log.error('commit log failed', { reason: String(error), directory: this.#opened.start.directory });
    this.#writer.drop(failedWrite(error, 'none'));
    this.#syncer.abandon(failedWrite(error, 'possible'));
    this.onFailed(this.#failure);
  }

  #refuse(refusal: Refusal): Error {
    if (refusal === 'failed' && this.#failure !== undefined) return this.#failure;
    if (refusal === 'applying') return new CoterieError('INVALID_ARGUMENT', 'onApplied must not call the log');
    return new CoterieError('CLOSED', 'the commit log is closed');
  }

  #refuseSize(payloadBytes: number, sequences: number): CoterieError {
    const { recordBytesMax } = this.#settings;
    if (payloadBytes > recordBytesMax) {
      const details = { bytes: payloadBytes, bytesMax: recordBytesMax };
      return new CoterieError('TOO_LARGE', `the record has ${payloadBytes} bytes; the limit is ${recordBytesMax}`, { details });
    }
    return new CoterieError(
      'INVALID_ARGUMENT',
      `a record has 0 or more bytes and 1 or more sequences, not ${payloadBytes} and ${sequences}`,
    );
  }
}
