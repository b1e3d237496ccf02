/**
 * Composes data blocks. A block is a run of rows, each readable by itself, and a tail that finds them:
 *
 * ```
 *  row 0 │ … │ row n-1 │ offsets u16 × n │ tags u8 × n │ first key │ its length u16 │ base sequence u48 │ n u8
 *
 *  row := type u8 │ sequence - base i32 │ shared varint │ suffix length varint │ value length varint │ suffix │ value
 * ```
 *
 * - `shared` counts the bytes that a row's key has in common with the block's *first key* (not with its predecessor), so
 *   every row is a restart point: nothing is reconstructed from neighbours, backwards costs what forwards costs, and
 *   sorted keys make `shared` fall monotonically. Row 0 shares all of it.
 * - A tag is the low byte of the key's hash32: a point lookup scans the tags and looks at no other row.
 * - The tail lies at the end because then rows are composed in place, in one pass, with one copy per value; the first key
 *   lies in the tail so that a lookup of any row touches the tail and that row, nothing else.
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
/** Bytes of the tail after the first key: its length, base sequence and count. */
export const tailFixedBytes = 9;
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
  #firstKey = new Uint8Array(256);
  #firstKeyLength = 0;
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
    if (this.rows === 0) this.#begin(entry, keyLength);
    const shared = this.#sharedWithFirst(entry, keyLength);
    const suffixLength = keyLength - shared;
    const rowBytes =
      rowFixedBytes + varintLength(shared) + varintLength(suffixLength) + varintLength(valueLength) + suffixLength + valueLength;
    if (this.rows > 0 && !this.#fits(rowBytes, entry.sequence)) return false;
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
    output.copy(entry.keyBytes, entry.keyStart + shared, entry.keyEnd);
    output.copy(entry.valueBytes, entry.valueStart, entry.valueEnd);
    return true;
  }

  /** Writes the tail; the block is then `output.bytes[start, output.length)`. */
  finish(): void {
    const output = this.#output;
    const rows = this.rows;
    output.reserve(rows * tailRowBytes + this.#firstKeyLength + tailFixedBytes);
    const bytes = output.bytes;
    let at = output.length;
    for (let row = 0; row < rows; row++, at += 2) {
      bytes[at] = this.#offsets[row];
      bytes[at + 1] = this.#offsets[row] >>> 8;
    }
    for (let row = 0; row < rows; row++) bytes[at++] = this.#tags[row];
    output.length = at;
    output.copy(this.#firstKey, 0, this.#firstKeyLength);
    at = output.length;
    bytes[at] = this.#firstKeyLength;
    bytes[at + 1] = this.#firstKeyLength >>> 8;
    const high = Math.floor(this.#base / 2 ** 32);
    writeU32(bytes, at + 2, this.#base);
    bytes[at + 6] = high;
    bytes[at + 7] = high >>> 8;
    bytes[at + 8] = rows;
    output.length = at + tailFixedBytes;
    this.rows = 0;
  }

  #begin({ keyBytes, keyStart, keyEnd, sequence }: EntryView, keyLength: number): void {
    this.start = this.#output.length;
    this.#base = sequence;
    if (keyLength > this.#firstKey.length) this.#firstKey = new Uint8Array(keyLength * 2);
    this.#firstKey.set(keyBytes.subarray(keyStart, keyEnd));
    this.#firstKeyLength = keyLength;
  }

  #fits(rowBytes: number, sequence: number): boolean {
    if (this.rows === blockRowsMax) return false;
    const delta = sequence - this.#base;
    if (delta >= deltaLimit || delta < -deltaLimit) return false;
    const size = this.#output.length - this.start + rowBytes + (this.rows + 1) * tailRowBytes + this.#firstKeyLength + tailFixedBytes;
    return size <= this.#blockBytes;
  }

  #sharedWithFirst({ keyBytes, keyStart }: EntryView, keyLength: number): number {
    const first = this.#firstKey;
    const limit = Math.min(keyLength, this.#firstKeyLength);
    let shared = 0;
    while (shared < limit && first[shared] === keyBytes[keyStart + shared]) shared++;
    return shared;
  }
}
