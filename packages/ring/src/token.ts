/**
 * A key's token: where it stands on the ring, as two unsigned 32-bit words, most significant first. Tokens order keys on
 * disk, in trees and in transfers; the ring's partition is their top bits.
 *
 * ```
 *  token     = hash64( bucket length u16 little-endian │ bucket, UTF-8 │ key )
 *  partition = top k bits of the token, of 2^k
 * ```
 *
 * The length frames the bucket, so (`ab`, `c`) and (`a`, `bc`) differ. Frozen; `docs/formats/token.md` has vectors.
 */
import { CoterieError } from '@coterie/env';
import { type Hash64, hash64 } from './hash64.ts';

/** 64 bits: `high` holds the most significant 32. */
export type Token = Hash64;

// Reused for keys of usual size: a new array costs twice as much as the hash. Nothing awaits while it is in use.
const scratch = new Uint8Array(4096);

/** Longest bucket name, in bytes. */
const bucketBytesMax = 65_535;

/** The token of `key` in the bucket whose name has the bytes `bucket`. */
export function tokenOf(bucket: Uint8Array, key: Uint8Array): Token {
  if (bucket.length > bucketBytesMax) throw new CoterieError('INVALID_ARGUMENT', `bucket names have at most ${bucketBytesMax} bytes`);
  const length = 2 + bucket.length + key.length;
  const framed = length <= scratch.length ? scratch : new Uint8Array(length);
  framed[0] = bucket.length;
  framed[1] = bucket.length >>> 8;
  framed.set(bucket, 2);
  framed.set(key, 2 + bucket.length);
  return hash64(framed, 0, length);
}

/** The partition of a token on a ring of `partitions` = 2^k equal ones: its top k bits. */
export function partitionOf(token: Token, partitions: number): number {
  // Exact: 2^32 ÷ 2^k is a power of two, so this is a shift that also serves one partition.
  return Math.floor(token.high / (2 ** 32 / partitions));
}

/** The token as 16 hex digits. */
export function formatToken(token: Token): string {
  return hexOf(token.high) + hexOf(token.low);
}

// A table: toString(16) and padStart take ten times as long.
const hexPairs: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hexOf(word: number): string {
  return hexPairs[word >>> 24] + hexPairs[(word >>> 16) & 0xff] + hexPairs[(word >>> 8) & 0xff] + hexPairs[word & 0xff];
}

/** Writes the token's eight bytes, big-endian, so that byte order is token order; returns the offset after them. */
export function writeToken(into: Uint8Array, offset: number, token: Token): number {
  writeWord(into, offset, token.high);
  writeWord(into, offset + 4, token.low);
  return offset + 8;
}

function writeWord(into: Uint8Array, offset: number, value: number): void {
  into[offset] = value >>> 24;
  into[offset + 1] = value >>> 16;
  into[offset + 2] = value >>> 8;
  into[offset + 3] = value;
}
