/**
 * The frozen hash behind tokens: the first 64 bits of MurmurHash3 x86_128 (Austin Appleby, public domain algorithm),
 * seed 0. Placement of every stored key depends on it; it never changes. It is not for adversaries: anyone can look for
 * keys that share a partition, and with any unkeyed hash, cryptographic ones too, 1,024 tries find one.
 *
 * Chosen by measurement: 32-bit multiplications only, so no BigInt; 0.15 µs for a 30-byte key where the one-shot
 * SHA-256 or MD5 of node:crypto takes 1 to 2 µs; and the x86_128 variant exists in every language.
 *
 * ```
 *  four lanes of 32 bits, each fed one word of every 16-byte block:
 *  block  k1 k2 k3 k4 ──mix──▶ h1 h2 h3 h4 ──▶ … ──▶ tail ──▶ ^ length ──▶ sums ──▶ finish ──▶ sums
 *  result h1 (high word), h2 (low word)
 * ```
 */

const c1 = 0x239b961b;
const c2 = 0xab0e9789;
const c3 = 0x38b34ae5;
const c4 = 0xa1e38b93;

/** 64 bits as two unsigned 32-bit numbers. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

/** The hash of `bytes[start, end)`. */
export function hash64(bytes: Uint8Array, start = 0, end: number = bytes.length): Hash64 {
  let h1 = 0;
  let h2 = 0;
  let h3 = 0;
  let h4 = 0;
  const length = end - start;
  const blocksEnd = start + (length & ~15);
  for (let i = start; i < blocksEnd; i += 16) {
    h1 = (Math.imul(rotate(h1 ^ lane1(word(bytes, i)), 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 = (Math.imul(rotate(h2 ^ lane2(word(bytes, i + 4)), 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 = (Math.imul(rotate(h3 ^ lane3(word(bytes, i + 8)), 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 = (Math.imul(rotate(h4 ^ lane4(word(bytes, i + 12)), 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  h4 ^= lane4(tailWord(bytes, blocksEnd + 12, end));
  h3 ^= lane3(tailWord(bytes, blocksEnd + 8, end));
  h2 ^= lane2(tailWord(bytes, blocksEnd + 4, end));
  h1 ^= lane1(tailWord(bytes, blocksEnd, end));
  return finish(h1 ^ length, h2 ^ length, h3 ^ length, h4 ^ length);
}

// More than three parameters: the four lanes, without an array per call.
function finish(a: number, b: number, c: number, d: number): Hash64 {
  const h1 = (a + b + c + d) | 0;
  const f1 = avalanche(h1);
  const f2 = avalanche((b + h1) | 0);
  const f3 = avalanche((c + h1) | 0);
  const f4 = avalanche((d + h1) | 0);
  const high = (f1 + f2 + f3 + f4) | 0;
  return { high: high >>> 0, low: (f2 + high) >>> 0 };
}

function lane1(k: number): number {
  return Math.imul(rotate(Math.imul(k, c1), 15), c2);
}

function lane2(k: number): number {
  return Math.imul(rotate(Math.imul(k, c2), 16), c3);
}

function lane3(k: number): number {
  return Math.imul(rotate(Math.imul(k, c3), 17), c4);
}

function lane4(k: number): number {
  return Math.imul(rotate(Math.imul(k, c4), 18), c1);
}

function rotate(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** The little-endian word at `at`, bytes from `end` on taken as zero. */
function tailWord(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let i = Math.min(at + 4, end) - 1; i >= at; i--) value = (value << 8) | bytes[i];
  return value;
}

function avalanche(h: number): number {
  let x = h ^ (h >>> 16);
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return x ^ (x >>> 16);
}
