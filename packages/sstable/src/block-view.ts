/**
 * Reads a block in place: no object and no view per row. The fields hold the row read last, named as in `EntryCursor`,
 * because a cursor over a table is a block view that moves from block to block.
 *
 * `open` trusts its bytes: `checkBlock` has looked at every row when the block was brought into memory.
 */
import { readU48 } from './format.ts';
import { rowFixedBytes, tailFixedBytes } from './block-writer.ts';

const noBytes = new Uint8Array(0);

/** A position in one block. */
export class BlockView {
  /** The block's bytes: values are views of them. */
  valueBytes: Uint8Array = noBytes;
  /** Rows in the block. */
  rows = 0;
  sequence = 0;
  type = 0;
  valueStart = 0;
  valueEnd = 0;
  /** How many leading bytes the row's key takes from the block's first key. */
  shared = 0;
  /** The rest of the row's key is `valueBytes[suffixStart, suffixEnd)`. */
  suffixStart = 0;
  suffixEnd = 0;
  /** The block's first key is `valueBytes[firstStart, firstEnd)`. */
  firstStart = 0;
  firstEnd = 0;
  /** Where row 0 begins. */
  blockStart = 0;
  tagsAt = 0;
  base = 0;

  /** Looks at the block `bytes[start, end)`. */
  open(bytes: Uint8Array, start: number, end: number): void {
    const fixed = end - tailFixedBytes;
    const rows = bytes[end - 1];
    const firstStart = fixed - (bytes[fixed] | (bytes[fixed + 1] << 8));
    this.valueBytes = bytes;
    this.rows = rows;
    this.blockStart = start;
    this.firstEnd = fixed;
    this.firstStart = firstStart;
    this.tagsAt = firstStart - rows;
    this.base = readU48(bytes, fixed + 2);
  }

  /** Reads row number `row`. */
  read(row: number): void {
    const bytes = this.valueBytes;
    const at = this.tagsAt - ((this.rows - row) << 1);
    this.readAt(this.blockStart + (bytes[at] | (bytes[at + 1] << 8)));
  }

  /** Reads the row that begins at `at`; rows follow each other, so the next one begins at `valueEnd`. */
  readAt(at: number): void {
    const bytes = this.valueBytes;
    this.type = bytes[at];
    this.sequence = this.base + (bytes[at + 1] | (bytes[at + 2] << 8) | (bytes[at + 3] << 16) | (bytes[at + 4] << 24));
    const shared = bytes[at + 5];
    const suffixLength = bytes[at + 6];
    const valueLength = bytes[at + 7];
    if ((shared | suffixLength | valueLength) >= 0x80) {
      this.#readLong(at + rowFixedBytes);
      return;
    }
    const suffixEnd = at + 8 + suffixLength;
    this.shared = shared;
    this.suffixStart = at + 8;
    this.suffixEnd = suffixEnd;
    this.valueStart = suffixEnd;
    this.valueEnd = suffixEnd + valueLength;
  }

  /**
   * Reads the newest row of `key` whose sequence is at most `maxSequence`; false if this block has none. `tag` is the low
   * byte of the key's hash, `agreed` how many leading bytes of `key` all keys of the block are known to have.
   */
  // Four parameters: once for every point read.
  findNewest(key: Uint8Array, agreed: number, tag: number, maxSequence: number): boolean {
    const bytes = this.valueBytes;
    const tagsAt = this.tagsAt;
    const end = tagsAt + this.rows;
    let at = tagsAt;
    // Four tags at a time: a difference of zero, less one, is negative. Half the time of a branch for each.
    for (; at + 3 < end; at += 4) {
      const none = ((bytes[at] ^ tag) - 1) | ((bytes[at + 1] ^ tag) - 1) | ((bytes[at + 2] ^ tag) - 1) | ((bytes[at + 3] ^ tag) - 1);
      if (none >= 0) continue;
      for (let one = at; one < at + 4; one++) {
        if (bytes[one] === tag && this.#isNewest(one - tagsAt, key, agreed, maxSequence)) return true;
      }
    }
    for (; at < end; at++) if (bytes[at] === tag && this.#isNewest(at - tagsAt, key, agreed, maxSequence)) return true;
    return false;
  }

  /** Reads a row; whether it is of `key` and visible. Versions of a key are neighbours, newest first: the first one met is the one. */
  // Four parameters, for the same reason.
  #isNewest(row: number, key: Uint8Array, agreed: number, maxSequence: number): boolean {
    this.read(row);
    return this.sequence <= maxSequence && this.#keyIs(key, agreed);
  }

  #keyIs(key: Uint8Array, agreed: number): boolean {
    const bytes = this.valueBytes;
    const { shared, suffixStart } = this;
    const suffixLength = this.suffixEnd - suffixStart;
    if (shared + suffixLength !== key.length) return false;
    for (let i = 0; i < suffixLength; i++) if (bytes[suffixStart + i] !== key[shared + i]) return false;
    const first = this.firstStart;
    for (let i = agreed; i < shared; i++) if (bytes[first + i] !== key[i]) return false;
    return true;
  }

  /** Number of the first row at or after (key, sequence) in entry order; `rows` if there is none. */
  lowerBound(key: Uint8Array, sequence: number): number {
    const bytes = this.valueBytes;
    const firstStart = this.firstStart;
    const firstLength = this.firstEnd - firstStart;
    const limit = Math.min(firstLength, key.length);
    let common = 0;
    while (common < limit && bytes[firstStart + common] === key[common]) common++;
    const isAfter = common < limit ? bytes[firstStart + common] > key[common] : firstLength > key.length;
    if (isAfter) return 0;
    let low = 0;
    let high = this.rows;
    while (low < high) {
      const middle = (low + high) >>> 1;
      this.read(middle);
      if (this.#isBefore(key, sequence, common)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether the row read last sorts before (key, sequence), given that the first key, which shares `common` bytes with `key`, is not after it. */
  #isBefore(key: Uint8Array, sequence: number, common: number): boolean {
    const shared = this.shared;
    // Sharing more with the first key than `key` does, it differs from `key` as that does; sharing less, it has left it upwards earlier.
    if (shared !== common) return shared > common;
    const bytes = this.valueBytes;
    const rest = key.length - shared;
    const suffixStart = this.suffixStart;
    const suffixLength = this.suffixEnd - suffixStart;
    const limit = rest < suffixLength ? rest : suffixLength;
    for (let i = 0; i < limit; i++) {
      const difference = bytes[suffixStart + i] - key[shared + i];
      if (difference !== 0) return difference < 0;
    }
    if (suffixLength !== rest) return suffixLength < rest;
    return this.sequence > sequence;
  }

  /** Reads the three lengths at `at`, some of which take more than a byte. */
  #readLong(at: number): void {
    this.shared = this.#varint(at);
    const suffixLength = this.#varint(this.#varintEnd);
    const valueLength = this.#varint(this.#varintEnd);
    this.suffixStart = this.#varintEnd;
    this.suffixEnd = this.suffixStart + suffixLength;
    this.valueStart = this.suffixEnd;
    this.valueEnd = this.suffixEnd + valueLength;
  }

  #varintEnd = 0;

  #varint(start: number): number {
    const bytes = this.valueBytes;
    let at = start;
    let byte = bytes[at++];
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80 && shift < 28; shift += 7) {
      byte = bytes[at++];
      value |= (byte & 0x7f) << shift;
    }
    this.#varintEnd = at;
    return value;
  }
}
