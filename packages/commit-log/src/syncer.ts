/**
 * Makes handed-over records durable, in rounds: everything handed over while one round ran is the next one's.
 *
 * ```
 *           request, start                      done
 *   idle ───────────────────▶ round running ────────────▶ idle, and the log is told, which starts the next
 *    ▲   syncSync: all at once,    │ failed
 *    └── beside a running round    └──────▶ failed for good: never tried again
 * ```
 *
 * Invariants: a round syncs the segments in order, each with its name first, before it calls any record durable; so what
 * is durable is always a prefix. One round runs at a time, on handles that the sync form does not touch. A round of a single small record
 * runs where the log lives, in the call that starts it, on disks that are quick (`sync-speed.ts`).
 */
import type { Clock } from '@coterie/env';
import { Deferred } from './deferred.ts';
import type { LogPosition } from './format.ts';
import type { SegmentList } from './segment-list.ts';
import { SyncSpeed } from './sync-speed.ts';

/** What a syncer needs of its log. */
export interface SyncerHost {
  readonly segments: SegmentList;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Highest sequence handed over. */
  handedSequence(): number;
  /** The durable part has grown. */
  advanced(): void;
  /** A round is over and succeeded. */
  roundDone(): void;
  /** Syncing failed: nothing will ever be durable again. */
  fail(error: unknown): void;
}

/** What one short sync brings to the disk, at most. */
const shortBytesMax = 16_384;

/** Syncs a log's segments. */
export class Syncer {
  /** Highest durable sequence. */
  durableSequence: number;
  /** Up to where the log is known to be on disk. */
  synced: LogPosition;
  readonly #host: SyncerHost;
  readonly #speed = new SyncSpeed();
  /** Whether a single record is all that is waited for. */
  #isLone = true;
  #waiting: Deferred[] = [];
  #served: Deferred[] = [];
  #running = false;
  #round: Promise<void> = Promise.resolve();
  #failed = false;

  constructor(host: SyncerHost, durableSequence: number) {
    this.#host = host;
    this.durableSequence = durableSequence;
    this.synced = host.segments.syncedPosition;
  }

  /** Whether a round is running. */
  get running(): boolean {
    return this.#running;
  }

  /** Whether something that was handed over waits for the next round. */
  get awaited(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Has `waiter` resolved once everything handed over until now is durable. `start` must follow. `records`: how many wait, where that
   * is known.
   */
  request(waiter: Deferred, records: number = Infinity): void {
    this.#isLone = this.#waiting.length === 0 && records === 1;
    if (!this.#isLone) this.#speed.noteSeveral();
    this.#waiting.push(waiter);
  }

  /** Starts a round if somebody waits for one and none runs. */
  start(): void {
    if (this.#running || this.#waiting.length === 0 || this.#failed) return;
    this.#host.segments.recycling = true;
    if (this.#isLone && this.#speed.isTrusted && this.#isShort) return this.#runHere();
    this.#running = true;
    this.#round = this.#run();
  }

  /** Starts a round that nobody waits for. */
  startUnasked(): void {
    const waiter = new Deferred();
    waiter.promise.catch(() => {}); // a failure reaches the log by itself
    this.request(waiter);
    this.start();
  }

  /** Resolves when no round runs. */
  async idle(): Promise<void> {
    while (this.#running) await this.#round;
  }

  /** Makes everything handed over durable now. @throws what the disk threw; the log has failed then */
  syncSync(): void {
    const { segments } = this.#host;
    segments.recycling = true;
    try {
      for (const segment of segments.open) if (!segment.gone) segment.syncSync();
    } catch (error) {
      this.#host.fail(error);
      throw error;
    }
    this.#advance(this.#host.handedSequence());
    const waiters = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiters) waiter.resolve();
  }

  /** Rejects all who wait. */
  abandon(error: Error): void {
    this.#failed = true;
    const waiters = [...this.#served, ...this.#waiting];
    this.#served = [];
    this.#waiting = [];
    for (const waiter of waiters) waiter.reject(error);
  }

  /** Whether there is little to bring to the disk: bytes of one segment whose name is there already. */
  get #isShort(): boolean {
    const open = this.#host.segments.open.filter(({ gone }) => !gone);
    return open.length === 1 && open[0].unsyncedBytes <= shortBytesMax;
  }

  /** A round in one call. */
  #runHere(): void {
    const { clock } = this.#host;
    const startedAt = clock.monotonic();
    try {
      this.syncSync();
    } catch {
      return; // those who wait have been told
    }
    this.#speed.noteHere(clock.monotonic() - startedAt);
    this.#host.roundDone();
  }

  async #run(): Promise<void> {
    const { segments, clock } = this.#host;
    const sequence = this.#host.handedSequence();
    const startedAt = clock.monotonic();
    this.#served = this.#waiting;
    this.#waiting = [];
    try {
      for (const segment of segments.open) if (!segment.gone) await segment.sync();
    } catch (error) {
      this.#running = false;
      this.#host.fail(error);
      return;
    }
    this.#speed.noteByPool(clock.monotonic() - startedAt);
    this.#running = false;
    // A sync form may have failed beside this round, and what it met is not known to have missed these bytes.
    if (this.#failed) return;
    this.#advance(sequence);
    for (const waiter of this.#served) waiter.resolve();
    this.#served = [];
    this.#host.roundDone();
  }

  #advance(sequence: number): void {
    const { segments } = this.#host;
    if (sequence > this.durableSequence) this.durableSequence = sequence;
    segments.dropSynced();
    this.synced = segments.syncedPosition;
    this.#host.advanced();
  }
}
