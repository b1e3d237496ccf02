/**
 * From entries to what a reader sees at one sequence: each key once, its newest entry at or below that sequence, unless
 * that is a delete or a newer range delete covers it.
 *
 * Forward, the newest entry of a key comes first and the rest is skipped. Backward it comes last, so the best candidate
 * of a key is copied while the cursor walks over the key's entries.
 *
 * What is deleted is walked over too, and there may be any amount of it: a walk can be told where to end, so that it does
 * not look for a visible entry beyond, and after how many entries to pause, so that no turn of the event loop gets long.
 */
import { compareRanges, type EntryCursor, entryType } from '@coterie/bytes';
import type { MergingCursor } from './merging-cursor.ts';

/** Says which range delete covers a key. */
export interface RangeDeleteCover {
  readonly hasRangeDeletes: boolean;
  covering(key: Uint8Array, start: number, end: number, maxSequence: number): number;
}

/** Where a walk ends, and after how many entries it pauses. */
export interface WalkLimit {
  /** Forward the first key not wanted, backward the last that is; undefined: none. */
  readonly edge: Uint8Array | undefined;
  readonly entriesMax: number;
}

/** A walk that pauses at nothing. */
const endless: WalkLimit = { edge: undefined, entriesMax: Number.POSITIVE_INFINITY };

/** Visible entries, one after the other, in one direction at a time. Fields are views, valid until the next move. */
export class ViewCursor {
  keyBytes: Uint8Array = new Uint8Array(64);
  keyEnd = 0;
  valueBytes: Uint8Array = new Uint8Array(0);
  valueStart = 0;
  valueEnd = 0;
  /** Whether nobody ever writes to `valueBytes` again. */
  ownsValue = false;
  /** Whether the last move ended at the limit of entries, at the deleted key that `keyBytes` holds. */
  paused = false;
  readonly #merged: MergingCursor;
  readonly #cover: RangeDeleteCover;
  #maxSequence = 0;
  #covers = false;
  #limit: WalkLimit = endless;
  #walked = 0;
  /** Whether the key in `keyBytes` is one whose remaining entries are to be skipped. */
  #keyDone = false;

  constructor(merged: MergingCursor, cover: RangeDeleteCover) {
    this.#merged = merged;
    this.#cover = cover;
  }

  /** Before the first visible entry at or after `from` (the first of all if undefined); `next` moves onto it. */
  startForward(from: Uint8Array | undefined, maxSequence: number, limit: WalkLimit = endless): void {
    if (from === undefined) this.#merged.seekToFirst();
    else this.#merged.seek(from);
    this.#start(maxSequence, limit);
  }

  /** After the last visible entry before `before` (the last of all if undefined); `previous` moves onto it. */
  startBackward(before: Uint8Array | undefined, maxSequence: number, limit: WalkLimit = endless): void {
    if (before === undefined) this.#merged.seekToLast();
    else this.#merged.seekBefore(before);
    this.#start(maxSequence, limit);
  }

  #start(maxSequence: number, limit: WalkLimit): void {
    this.#maxSequence = maxSequence;
    this.#limit = limit;
    this.#walked = 0;
    this.paused = false;
    this.#covers = this.#cover.hasRangeDeletes;
    this.#keyDone = false;
    this.keyEnd = 0;
  }

  /** Moves to the next visible entry going forward; false at the end, and when it pauses. */
  next(): boolean {
    const merged = this.#merged;
    if (this.#keyDone && merged.current !== undefined) merged.advance();
    for (let entry = merged.current; entry !== undefined; entry = merged.current) {
      if (entry.sequence <= this.#maxSequence && !(this.#keyDone && this.#sameKey(entry))) {
        this.#keepKey(entry);
        this.#keyDone = true;
        if (entry.type === entryType.put && !this.#isCovered(entry.sequence)) {
          this.valueBytes = entry.valueBytes;
          this.valueStart = entry.valueStart;
          this.valueEnd = entry.valueEnd;
          this.ownsValue = entry.ownsValue === true;
          return true;
        }
        if (this.#endsAtDeleted(1)) return false;
      }
      this.#walked++;
      merged.advance();
    }
    return false;
  }

  /** Moves to the next visible entry going backward; false at the beginning, and when it pauses. */
  previous(): boolean {
    const merged = this.#merged;
    for (let entry = merged.current; entry !== undefined; entry = merged.current) {
      this.#keepKey(entry);
      const newest = this.#newestBackward(entry);
      if (newest >= 0 && !this.#isCovered(newest)) return true;
      if (this.#endsAtDeleted(-1)) return false;
    }
    return false;
  }

  /** Whether the walk ends, or pauses, at the kept key, which is deleted. */
  #endsAtDeleted(direction: 1 | -1): boolean {
    const { edge, entriesMax } = this.#limit;
    if (edge !== undefined) {
      const order = compareRanges(this.keyBytes, 0, this.keyEnd, edge, 0, edge.length);
      if (direction > 0 ? order >= 0 : order < 0) return true;
    }
    this.paused = this.#walked >= entriesMax;
    return this.paused;
  }

  /** Walks over all entries of the kept key; returns the sequence of its visible put, its value copied, or -1. */
  #newestBackward(first: EntryCursor): number {
    let newest = -1;
    for (let entry: EntryCursor | undefined = first; entry !== undefined && this.#sameKey(entry); entry = this.#merged.current) {
      if (entry.sequence <= this.#maxSequence) {
        newest = entry.type === entryType.put ? entry.sequence : -1;
        if (newest >= 0) this.#keepValue(entry);
      }
      this.#walked++;
      this.#merged.advance();
    }
    return newest;
  }

  /** Gives up what the position pins. */
  release(): void {
    this.#merged.release();
  }

  #isCovered(sequence: number): boolean {
    return this.#covers && this.#cover.covering(this.keyBytes, 0, this.keyEnd, this.#maxSequence) > sequence;
  }

  #sameKey(entry: EntryCursor): boolean {
    if (entry.keyEnd - entry.keyStart !== this.keyEnd) return false;
    return compareRanges(entry.keyBytes, entry.keyStart, entry.keyEnd, this.keyBytes, 0, this.keyEnd) === 0;
  }

  #keepKey(entry: EntryCursor): void {
    const length = entry.keyEnd - entry.keyStart;
    if (length > this.keyBytes.length) this.keyBytes = new Uint8Array(Math.max(length, this.keyBytes.length * 2));
    const from = entry.keyBytes;
    const into = this.keyBytes;
    for (let i = 0, at = entry.keyStart; i < length; i++, at++) into[i] = from[at];
    this.keyEnd = length;
  }

  #keepValue(entry: EntryCursor): void {
    this.valueBytes = entry.valueBytes.slice(entry.valueStart, entry.valueEnd);
    this.valueStart = 0;
    this.valueEnd = this.valueBytes.length;
    this.ownsValue = true;
  }
}
