/**
 * The files of an open log: the segment that takes records, those before it that are still needed, and the spares.
 *
 * ```
 *           roll                    release(sequence)
 *  current ──────▶ kept, unsynced ──────▶ released ──▶ removed
 *                    │ synced: handles closed    └────▶ spare ──▶ the next current
 * ```
 *
 * Invariants, for recovery to tell a loss from a release:
 * - a segment's name is durable before its successor is made, so a crash never leaves a hole behind a kept segment;
 * - released segments leave the directory oldest first, each durably before the next, and a spare is durably a spare
 *   before it is written again.
 */
import { CoterieError, isCoterieError } from '@coterie/env';
import type { Environment } from '@coterie/env';
import { frameStartAt } from './format.ts';
import type { LogPosition } from './format.ts';
import { segmentNumberMax, segmentPath, sparePath } from './names.ts';
import { Segment } from './segment.ts';

/** A segment that takes no more records. */
export interface KeptSegment {
  readonly number: number;
  readonly path: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Bytes that count. */
  readonly bytes: number;
  /** Bytes of the file. */
  readonly fileBytes: number;
}

/** What a list begins with: what recovery found. */
export interface SegmentListStart {
  readonly environment: Pick<Environment, 'files' | 'log'>;
  readonly directory: string;
  readonly logId: string;
  readonly kept: readonly KeptSegment[];
  /** Segments that are not needed any more, oldest first. */
  readonly released: readonly KeptSegment[];
  /** Where the last segment ends. */
  readonly end: LogPosition;
  readonly nextNumber: number;
  readonly segmentBytes: number;
  readonly reserveSegments: number;
  /** Called when the directory could not be synced. */
  readonly fail: (error: unknown) => void;
}

/** The segments of an open log. */
export class SegmentList {
  /** The segment that takes records; none until the first one comes. */
  current: Segment | undefined;
  /** Whether released segments are worth keeping as spares: only when writes are synced does an overwrite beat an append. */
  recycling = false;
  readonly #start: SegmentListStart;
  readonly #kept: KeptSegment[];
  readonly #released: KeptSegment[];
  readonly #spares: string[] = [];
  readonly #unsynced: Segment[] = [];
  /** Where the segments that need no syncing end. */
  #end: LogPosition;
  #nextNumber: number;
  #cleaning: Promise<void> | undefined;
  #stopped = false;

  constructor(start: SegmentListStart) {
    this.#start = start;
    this.#kept = [...start.kept];
    this.#released = [...start.released];
    this.#end = start.end;
    this.#nextNumber = start.nextNumber;
    this.#clean();
  }

  /** Segments with open handles that may hold unsynced bytes, oldest first. */
  get open(): readonly Segment[] {
    return this.current === undefined ? this.#unsynced : [...this.#unsynced, this.current];
  }

  /** How many closed segments wait to be synced. */
  get unsynced(): number {
    return this.#unsynced.length;
  }

  /** The needed segments, oldest first, with the bytes that count. */
  get kept(): readonly KeptSegment[] {
    return this.#kept;
  }

  /**
   * Up to where everything is on disk. Never the bare start of a segment: whoever claims that claims the segment's header,
   * and its loss would be taken for damage.
   */
  get syncedPosition(): LogPosition {
    const first = this.#unsynced[0] ?? this.current;
    if (first === undefined || first.syncedTo === 0) return this.#end;
    return { number: first.number, offset: first.syncedTo };
  }

  /**
   * Ends the current segment and begins the next, whose first record will be `firstSequence`. Nothing changes when it throws.
   * @throws CoterieError `DISK_FULL`, `DISK_IO`
   */
  roll(firstSequence: number, synced: LogPosition): Segment {
    const { environment, directory, logId, fail } = this.#start;
    const before = this.current;
    this.#syncName(before);
    const number = this.#nextNumber;
    if (number > segmentNumberMax) throw new CoterieError('TOO_LARGE', 'the commit log has used up its segment numbers');
    this.#nextNumber++;
    const spare = this.#spares.pop();
    const previous = before === undefined ? this.#start.end : { number: before.number, offset: frameStartAt(before.end) };
    const header = { number, logId, firstSequence, previous, synced, recycled: spare !== undefined };
    const segment = Segment.create({ files: environment.files, directory, path: segmentPath(directory, number), header, spare });
    if (before !== undefined) this.#retire(before, firstSequence - 1);
    this.current = segment;
    segment.syncName().catch(fail);
    return segment;
  }

  /** Closes the handles of segments that need them no longer. */
  dropSynced(): void {
    for (let first = this.#unsynced[0]; first !== undefined; first = this.#unsynced[0]) {
      if (first.syncedTo < first.end && !first.gone) return;
      first.closeSync();
      this.#end = first.position;
      this.#unsynced.shift();
    }
  }

  /**
   * Lets go of all segments whose records are all at or below `sequence`; their files follow off this thread. The newest
   * segment stays: it knows the next sequence.
   */
  release(sequence: number): void {
    const needed = this.current === undefined ? 1 : 0;
    while (this.#kept.length > needed && this.#kept[0].lastSequence <= sequence) this.#released.push(this.#kept.shift() as KeptSegment);
    this.#clean();
  }

  /** Resolves when no file is being removed; those that still wait stay for the next open to remove. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#cleaning;
  }

  /** Gives all handles back. */
  closeSync(): void {
    this.#stopped = true;
    for (const segment of this.open) segment.closeSync();
    this.#unsynced.length = 0;
    this.current = undefined;
  }

  #syncName(segment: Segment | undefined): void {
    try {
      segment?.syncNameSync();
    } catch (error) {
      this.#start.fail(error);
      throw error;
    }
  }

  #retire(segment: Segment, lastSequence: number): void {
    const { number, path, firstSequence, end, fileBytes } = segment;
    this.#kept.push({ number, path, firstSequence, lastSequence, bytes: end, fileBytes });
    this.#unsynced.push(segment);
    this.dropSynced();
  }

  #clean(): void {
    if (this.#cleaning !== undefined || this.#released.length === 0 || this.#stopped) return;
    this.#cleaning = this.#removeReleased();
  }

  /** Ends its time as the running one in the turn of its last look: what is released right after it finds none running. */
  async #removeReleased(): Promise<void> {
    try {
      while (this.#released.length > 0 && !this.#stopped && (await this.#removeFirst()));
    } finally {
      this.#cleaning = undefined;
    }
  }

  async #removeFirst(): Promise<boolean> {
    const { environment, directory, fail } = this.#start;
    const segment = this.#released[0];
    const spare = this.#worthKeeping(segment) ? sparePath(directory, segment.number) : undefined;
    if (!(await this.#takeAway(segment.path, spare))) return false;
    try {
      await environment.files.syncDirectory(directory);
    } catch (error) {
      fail(error);
      return false;
    }
    this.#released.shift();
    this.#forget(segment.number);
    if (spare !== undefined) this.#spares.push(spare);
    return true;
  }

  /** Removes the spares: they only save time when the next segments are written. */
  async trim(): Promise<void> {
    await this.#cleaning;
    for (const path of this.#spares.splice(0)) await this.#takeAway(path, undefined);
  }

  /** Removes or renames a file; a failure is reported and tried again with the next release. */
  async #takeAway(path: string, spare: string | undefined): Promise<boolean> {
    const { files, log } = this.#start.environment;
    try {
      await (spare === undefined ? files.remove(path) : files.rename(path, spare));
      return true;
    } catch (error) {
      if (isCoterieError(error) && error.details.osCode === 'ENOENT') return true;
      log.warn('released log segment not removed', { file: path, reason: String(error) });
      return false;
    }
  }

  #worthKeeping(segment: KeptSegment): boolean {
    const { reserveSegments, segmentBytes } = this.#start;
    const sizeFits = segment.fileBytes >= segmentBytes / 2 && segment.fileBytes <= segmentBytes * 2;
    return this.recycling && sizeFits && this.#spares.length < reserveSegments;
  }

  #forget(number: number): void {
    const segment = this.#unsynced.find((one) => one.number === number);
    if (segment === undefined) return;
    segment.gone = true;
    this.dropSynced();
  }
}
