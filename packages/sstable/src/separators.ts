/**
 * The separators of a table's blocks, whole, one after the other. Separator b sorts after every key of block b - 1 and not
 * after any of block b; separator 0 is empty and stands for minus infinity. They never fall.
 */
import { compareRanges } from '@coterie/bytes';

/** Sorted byte strings without an object each. */
export class Separators {
  readonly bytes: Uint8Array;
  /** Separator b is `bytes[starts[b], starts[b + 1])`. */
  readonly starts: Uint32Array;
  readonly count: number;

  constructor(bytes: Uint8Array, starts: Uint32Array) {
    this.bytes = bytes;
    this.starts = starts;
    this.count = starts.length - 1;
  }

  /** Negative, zero or positive as separator `block` sorts before, with or after `key`. */
  compare(block: number, key: Uint8Array): number {
    return compareRanges(this.bytes, this.starts[block], this.starts[block + 1], key, 0, key.length);
  }

  /** How many leading bytes two separators have in common; for a < b, all between them have these too. */
  common(a: number, b: number): number {
    const { bytes, starts } = this;
    const limit = Math.min(starts[a + 1] - starts[a], starts[b + 1] - starts[b]);
    let length = 0;
    while (length < limit && bytes[starts[a] + length] === bytes[starts[b] + length]) length++;
    return length;
  }
}
