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
  /** How many leading bytes the row's key takes from row 0's key. */
  shared = 0;
  /** The rest of the row's key is `valueBytes[suffixStart, suffixEnd)`. */
  suffixStart = 0;
  suffixEnd = 0;
  /** Row 0's key is `valueBytes[firstStart, firstEnd)`. */
  firstStart = 0;
  firstEnd = 0;
  /** Where row 0 begins. */
  blockStart = 0;
  tagsAt = 0;
  base = 0;

  /** Looks at the block `bytes[start, end)`. */
  open(bytes: Uint8Array, start: number, end: number): void {
    const rows = bytes[end - 1];
    this.valueBytes = bytes;
    this.rows = rows;
    this.blockStart = start;
    this.tagsAt = end - tailFixedBytes - rows;
    this.base = readU48(bytes, end - tailFixedBytes);
    // Row 0: type, sequence, `shared` = 0 in one byte, then the two lengths.
    const suffixLength = bytes[start + rowFixedBytes + 1];
    if ((suffixLength | bytes[start + rowFixedBytes + 2]) < 0x80) {
      this.firstStart = start + rowFixedBytes + 3;
      this.firstEnd = this.firstStart + suffixLength;
    } else {
      this.readAt(start);
      this.firstStart = this.suffixStart;
      this.firstEnd = this.suffixEnd;
    }
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

  /** Reads the newest row of `key` whose sequence is at most `maxSequence`; false if this block has none. `tag`: low byte of the key's hash. */
  findNewest(key: Uint8Array, tag: number, maxSequence: number): boolean {
    const bytes = this.valueBytes;
    const rows = this.rows;
    const tagsAt = this.tagsAt;
    for (let row = 0; row < rows; row++) {
      if (bytes[tagsAt + row] !== tag) continue;
      this.read(row);
      // Versions of a key are neighbours, newest first, so going on row by row meets the newest visible one first.
      if (this.sequence <= maxSequence && this.keyIs(key)) return true;
    }
    return false;
  }

  /** Whether the key of the row read last is `key`. */
  keyIs(key: Uint8Array): boolean {
    const bytes = this.valueBytes;
    const { shared, suffixStart } = this;
    const suffixLength = this.suffixEnd - suffixStart;
    if (shared + suffixLength !== key.length) return false;
    for (let i = 0; i < suffixLength; i++) if (bytes[suffixStart + i] !== key[shared + i]) return false;
    const first = this.firstStart;
    for (let i = 0; i < shared; i++) if (bytes[first + i] !== key[i]) return false;
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
    // How row 0's key sorts against `key`: rows that share more with row 0 than `key` does sort the same way.
    let first = 0;
    if (common < limit) first = bytes[firstStart + common] - key[common];
    else first = firstLength - key.length;
    this.readAt(this.blockStart);
    if (first > 0 || (first === 0 && this.sequence <= sequence)) return 0;
    let low = 1;
    let high = this.rows;
    while (low < high) {
      const middle = (low + high) >>> 1;
      this.read(middle);
      if (this.#isBefore(key, sequence, common)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether the row read last (not row 0, and row 0 sorts before `key`) sorts before (key, sequence); `common`: bytes that `key` shares with row 0's key. */
  #isBefore(key: Uint8Array, sequence: number, common: number): boolean {
    const shared = this.shared;
    // Sharing more with row 0 than `key` does, it differs from `key` as row 0 does; sharing less, it has left row 0's key upwards earlier.
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
