/**
 * Takes records into the pending group and hands the group to the system: one write, then its records are applied.
 *
 * ```
 *  place, complete ─▶ pending ──handOver──▶ written ─▶ applied ─▶ handed promise resolves, durable promise goes on to the syncer
 *                                  └ failed ─▶ cut off durably ─▶ both promises reject; the sequences are given again
 * ```
 *
 * Every write is a sync call: it costs 1.3 µs where a trip to the thread pool costs 40.
 *
 * Invariants: records are applied in log order, each right after its group was handed over; one whose write failed never is.
 * A record is rejected as without effect only after its bytes are gone for sure, which takes a sync of the cut.
 */
import { assert, CoterieError, isCoterieError } from '@coterie/env';
import type { Timers } from '@coterie/env';
import { Deferred } from './deferred.ts';
import { failedWrite } from './failure.ts';
import { headerBytes, recordBytesBound } from './format.ts';
import { Group, groupBytesMax, groupRecordsMax } from './group.ts';
import type { RecordHandler } from './group.ts';
import type { SegmentList } from './segment-list.ts';
import type { Segment } from './segment.ts';
import type { Syncer } from './syncer.ts';
import { TurnKeeper } from './turn-keeper.ts';

/** Room that the end mark needs in a segment. */
const endMarkRoom = 64;
/** Closed segments that wait for a sync nobody asked for: past this many one is started, at the limit it is waited for. */
const unsyncedSegmentsMax = 4;
const unsyncedSegmentsLimit = 16;

/** Why a log takes no record. */
export type Refusal = 'failed' | 'closed' | 'applying';

/** What a writer works with. */
export interface WriterHost {
  readonly segments: SegmentList;
  readonly segmentBytes: number;
  readonly timers: Timers;
  readonly fail: (error: unknown) => void;
}

/** Writes groups of records. */
export class GroupWriter {
  /** Set while no record is taken. */
  refusal: Refusal | undefined;
  onApplied: RecordHandler = () => {};
  /** Highest sequence handed over and applied. */
  applied: number;
  readonly group: Group = new Group();
  readonly #host: WriterHost;
  readonly #syncer: Syncer;
  readonly #turns: TurnKeeper;
  readonly #segmentLimit: number;
  #handed: Deferred | undefined;
  #durable: Deferred | undefined;

  constructor(host: WriterHost, syncer: Syncer, applied: number) {
    this.#host = host;
    this.#syncer = syncer;
    this.#turns = new TurnKeeper(host.timers);
    this.#segmentLimit = host.segmentBytes - endMarkRoom;
    this.applied = applied;
  }

  /** The sequence that the next record will start at. */
  get nextSequence(): number {
    return this.applied + 1 + this.group.sequences;
  }

  /** Whether the pending group is to be handed over without waiting for more. */
  get full(): boolean {
    return this.group.records === groupRecordsMax || this.group.used >= groupBytesMax;
  }

  /** Resolves when the pending group is applied. */
  get whenHanded(): Promise<void> {
    return (this.#handed ??= new Deferred()).promise;
  }

  /** Resolves when the pending group is durable. */
  get whenDurable(): Promise<void> {
    return (this.#durable ??= new Deferred()).promise;
  }

  /** Hands the pending group over and begins a segment, as far as a record of `payloadBytes` needs it. */
  makeRoom(payloadBytes: number): void {
    if (this.group.records > 0) this.handOver();
    const bound = recordBytesBound(payloadBytes);
    const { current } = this.#host.segments;
    const ended = current === undefined || (current.end > headerBytes && current.end + bound > this.#segmentLimit);
    const segment = ended ? this.#roll() : current;
    this.group.begin(segment.number, segment.end, Math.max(this.#segmentLimit, segment.end + bound));
    this.group.makeRoom(payloadBytes);
  }

  /** Begins a segment, unless the current one is empty. The group must be. @throws CoterieError as a write that finds no room */
  endSegment(): void {
    const { current, kept } = this.#host.segments;
    if (current === undefined ? kept.length === 0 : current.end <= headerBytes) return;
    const segment = this.#roll();
    this.group.begin(segment.number, segment.end, this.#segmentLimit);
  }

  /** Adds the placed record to the pending group. @throws CoterieError `INVALID_ARGUMENT` if none is placed */
  complete(): void {
    if (!this.group.complete(this.nextSequence)) {
      throw new CoterieError('INVALID_ARGUMENT', 'nothing is reserved: reserve and commit in one turn');
    }
  }

  /** Hands the pending group over, which must not be empty. @throws CoterieError as its promises reject */
  handOver(): void {
    const { group } = this;
    const segment = this.#host.segments.current;
    assert(segment !== undefined, 'a group of records has a segment');
    group.fillClaims(this.#syncer.synced);
    try {
      segment.write(group.bytes, group.used);
    } catch (error) {
      throw this.#cutOff(segment, error);
    }
    this.#apply();
    const handed = this.#handed;
    const durable = this.#durable;
    this.#handed = undefined;
    this.#durable = undefined;
    const { records, used } = group;
    group.begin(segment.number, segment.end, this.#segmentLimit);
    if (handed !== undefined) this.#turns.resolve(handed, { records, bytes: used });
    if (durable === undefined) return;
    this.prepareSync();
    this.#syncer.request(durable, records);
  }

  /** Has space ready ahead of the end, for the syncs to come. */
  prepareSync(): void {
    this.#host.segments.current?.extend(this.#host.segmentBytes);
  }

  /** Makes everything handed over durable. @throws CoterieError: it may have taken effect; the log has failed */
  syncHanded(): void {
    try {
      this.#syncer.syncSync();
    } catch (error) {
      throw failedWrite(error, 'possible');
    }
  }

  /** Empties the pending group and rejects its records. */
  drop(error: CoterieError): void {
    const handed = this.#handed;
    const durable = this.#durable;
    this.#handed = undefined;
    this.#durable = undefined;
    this.group.drop();
    handed?.reject(error);
    durable?.reject(error);
  }

  #apply(): void {
    const before = this.refusal;
    this.refusal = 'applying';
    try {
      this.group.deliver(this.onApplied);
    } catch (error) {
      this.drop(failedWrite(error, 'possible'));
      this.#host.fail(error);
      throw error;
    }
    this.refusal = before;
    this.applied += this.group.sequences;
  }

  /** Undoes a failed write. The log goes on if only space was short; what else a disk refuses to write, it may refuse to keep. */
  #cutOff(segment: Segment, error: unknown): CoterieError {
    let final = !isCoterieError(error, 'DISK_FULL');
    let rejection = failedWrite(error, 'none');
    try {
      segment.cut();
    } catch {
      final = true;
      rejection = failedWrite(error, 'possible');
    }
    this.drop(rejection);
    this.group.begin(segment.number, segment.end, this.#segmentLimit);
    if (final) this.#host.fail(error);
    return rejection;
  }

  #roll(): Segment {
    const { segments } = this.#host;
    if (segments.unsynced >= unsyncedSegmentsLimit) this.syncHanded();
    try {
      const segment = segments.roll(this.applied + 1, this.#syncer.synced);
      if (segments.unsynced > unsyncedSegmentsMax) this.#syncer.startUnasked();
      return segment;
    } catch (error) {
      throw failedWrite(error, 'none');
    }
  }
}
