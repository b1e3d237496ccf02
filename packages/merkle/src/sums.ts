/**
 * Rows of 64-bit sums, in which trees are kept and compared. Adding wraps, so a sum forgets in which order things came:
 * what was added can be taken away again, and the sum of two sets is the sum of their sums. No BigInt: two words each.
 *
 * ```
 *  row = high word of sum 0 │ low word of sum 0 │ high word of sum 1 │ …        travels as big-endian bytes
 * ```
 */
import { CoterieError } from '@coterie/env';

/** 64 bits: `high` holds the most significant 32. */
export interface Sum64 {
  readonly high: number;
  readonly low: number;
}

/** Sums, two words each. */
export type Sums = Uint32Array;

/** The sum of nothing. */
export const zeroSum: Sum64 = { high: 0, low: 0 };

/** Bytes of a sum that travels or lies on disk. */
export const sumBytes = 8;

/** So many sums of nothing. */
export function noSums(count: number): Sums {
  return new Uint32Array(2 * count);
}

/** The sum at `index`. */
export function sumAt(sums: Sums, index: number): Sum64 {
  return { high: sums[2 * index], low: sums[2 * index + 1] };
}

/** Adds `term` to the sum at `index`. */
export function addAt(sums: Sums, index: number, term: Sum64): void {
  const low = sums[2 * index + 1] + term.low;
  sums[2 * index + 1] = low;
  sums[2 * index] += term.high + (low > 0xffffffff ? 1 : 0);
}

/** Adds up a row. */
export function totalOf(sums: Sums): Sum64 {
  const total = noSums(1);
  for (let index = 0; 2 * index < sums.length; index++) addAt(total, 0, sumAt(sums, index));
  return sumAt(total, 0);
}

/** The row of these sums. */
export function sumsOf(list: readonly Sum64[]): Sums {
  const sums = noSums(list.length);
  for (const [index, { high, low }] of list.entries()) {
    sums[2 * index] = high;
    sums[2 * index + 1] = low;
  }
  return sums;
}

/** The row as bytes. */
export function encodeSums(sums: Sums): Uint8Array {
  const bytes = new Uint8Array(4 * sums.length);
  const view = new DataView(bytes.buffer);
  for (let word = 0; word < sums.length; word++) view.setUint32(4 * word, sums[word]);
  return bytes;
}

/** The row in these bytes. @throws `PROTOCOL` for bytes that are no whole row */
export function decodeSums(bytes: Uint8Array): Sums {
  if (bytes.length % sumBytes !== 0) throw new CoterieError('PROTOCOL', `malformed message: ${bytes.length} bytes are no row of sums`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, word) => view.getUint32(4 * word));
}

/** Positions at which two rows of the same length differ. */
export function differingIn(a: Sums, b: Sums): number[] {
  const positions: number[] = [];
  for (let index = 0; 2 * index < a.length; index++) {
    if (a[2 * index] !== b[2 * index] || a[2 * index + 1] !== b[2 * index + 1]) positions.push(index);
  }
  return positions;
}
