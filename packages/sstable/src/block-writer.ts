/**
 * Composes data blocks. A block is a run of rows, each readable by itself, and a tail that finds them:
 *
 * ```
 *  row 0 │ row 1 │ … │ row n-1 │ offsets u16 × n │ tags u8 × n │ base sequence u48 │ n u8
 *
 *  row := type u8 │ sequence - base i32 │ shared varint │ suffix length varint │ value length varint │ suffix │ value
 * ```
 *
 * - `shared` counts the bytes that a row's key has in common with the key of *row 0* (not of its predecessor), so every
 *   row is a restart point: nothing is reconstructed from neighbours, backwards costs what forwards costs, and sorted
 *   keys make `shared` fall monotonically. Row 0 stores its whole key.
 * - A tag is the low byte of the key's hash32: a point lookup scans the tags and looks at no other row.
 * - The tail lies at the end because then rows are composed in place, in one pass, with one copy per value.
 * - Sequences are differences to row 0's, so they take four bytes; rows too far apart do not share a block.
 *
 * Invariants: a block of more than one row is at most `blockBytes` long and has at most 255 rows.
 */
import { type EntryCursor, writeVarint, varintLength } from '@coterie/bytes';
import { blockRowsMax, writeU32 } from './format.ts';
import type { TableOutput } from './output.ts';

/** One entry, as views: an `EntryCursor` fits. */
export type EntryView = Pick<
  EntryCursor,
  'keyBytes' | 'keyStart' | 'keyEnd' | 'sequence' | 'type' | 'valueBytes' | 'valueStart' | 'valueEnd'
>;

/** Bytes of a row before its varints: type and sequence. */
export const rowFixedBytes = 5;
/** Bytes of the tail that do not depend on the number of rows: base sequence and count. */
export const tailFixedBytes = 7;
/** Bytes of the tail for each row: offset and tag. */
export const tailRowBytes = 3;

const deltaLimit = 2 ** 31;

/** Writes one block at a time at the end of a `TableOutput`. */
export class BlockWriter {
  readonly #output: TableOutput;
  readonly #blockBytes: number;
  readonly #offsets = new Uint16Array(blockRowsMax);
  readonly #tags = new Uint8Array(blockRowsMax);
  #base = 0;
  #firstKeyStart = 0;
  #firstKeyEnd = 0;
  /** Where the block begins in the output's buffer. */
  start = 0;
  rows = 0;

  constructor(output: TableOutput, blockBytes: number) {
    this.#output = output;
    this.#blockBytes = blockBytes;
  }

  /** Appends an entry; false when it does not fit. An empty block takes any entry. */
  add(entry: EntryView, tag: number): boolean {
    const keyLength = entry.keyEnd - entry.keyStart;
    const valueLength = entry.valueEnd - entry.valueStart;
    const shared = this.rows === 0 ? 0 : this.#sharedWithFirst(entry, keyLength);
    const suffixLength = keyLength - shared;
    const rowBytes = rowFixedBytes + varintLength(shared) + varintLength(suffixLength) + varintLength(valueLength) + suffixLength + valueLength;
    if (this.rows === 0) this.#begin(entry.sequence);
    else if (!this.#fits(rowBytes, entry.sequence)) return false;
    const output = this.#output;
    output.reserve(rowBytes);
    const row = this.rows++;
    this.#offsets[row] = output.length - this.start;
    this.#tags[row] = tag;
    const bytes = output.bytes;
    bytes[output.length] = entry.type;
    writeU32(bytes, output.length + 1, entry.sequence - this.#base);
    let at = writeVarint(bytes, output.length + rowFixedBytes, shared);
    at = writeVarint(bytes, at, suffixLength);
    output.length = writeVarint(bytes, at, valueLength);
    if (row === 0) {
      this.#firstKeyStart = output.length;
      this.#firstKeyEnd = output.length + keyLength;
    }
    output.copy(entry.keyBytes, entry.keyStart + shared, entry.keyEnd);
    output.copy(entry.valueBytes, entry.valueStart, entry.valueEnd);
    return true;
  }

  /** Writes the tail; the block is then `output.bytes[start, output.length)`. */
  finish(): void {
    const output = this.#output;
    const rows = this.rows;
    output.reserve(rows * tailRowBytes + tailFixedBytes);
    const bytes = output.bytes;
    let at = output.length;
    for (let row = 0; row < rows; row++, at += 2) {
      bytes[at] = this.#offsets[row];
      bytes[at + 1] = this.#offsets[row] >>> 8;
    }
    for (let row = 0; row < rows; row++) bytes[at++] = this.#tags[row];
    const high = Math.floor(this.#base / 2 ** 32);
    writeU32(bytes, at, this.#base);
    bytes[at + 4] = high;
    bytes[at + 5] = high >>> 8;
    bytes[at + 6] = rows;
    output.length = at + tailFixedBytes;
    this.rows = 0;
  }

  #begin(sequence: number): void {
    this.start = this.#output.length;
    this.#base = sequence;
  }

  #fits(rowBytes: number, sequence: number): boolean {
    if (this.rows === blockRowsMax) return false;
    const delta = sequence - this.#base;
    if (delta >= deltaLimit || delta < -deltaLimit) return false;
    const size = this.#output.length - this.start + rowBytes + (this.rows + 1) * tailRowBytes + tailFixedBytes;
    return size <= this.#blockBytes;
  }

  #sharedWithFirst(entry: EntryView, keyLength: number): number {
    const bytes = this.#output.bytes;
    const first = this.#firstKeyStart;
    const limit = Math.min(keyLength, this.#firstKeyEnd - first);
    const { keyBytes, keyStart } = entry;
    let shared = 0;
    while (shared < limit && bytes[first + shared] === keyBytes[keyStart + shared]) shared++;
    return shared;
  }
}
