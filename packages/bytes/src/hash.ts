/**
 * A fast 32-bit hash of a byte range for in-memory and in-file indexes (Bloom filters, block hash tables, memtable
 * index). Frozen: Bloom filters on disk depend on it; its id stands beside them. Not for adversaries, not for placement.
 *
 * MurmurHash3 x86_32 (Austin Appleby, public domain algorithm), seed 0x9747b28c.
 */

/** Name of `hash32` inside files. A changed hash gets a new id. */
export const hash32Id = 1;

const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;

/** Hash of `bytes[start, end)` as an unsigned 32-bit number. */
export function hash32(bytes: Uint8Array, start: number, end: number): number {
  let h = 0x9747b28c | 0;
  let i = start;
  for (const last = end - 3; i < last; i += 4) {
    const word = bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    h ^= mix(word);
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  const rest = end - i;
  if (rest > 0) {
    let tail = bytes[i];
    if (rest > 1) tail |= bytes[i + 1] << 8;
    if (rest > 2) tail |= bytes[i + 2] << 16;
    h ^= mix(tail);
  }
  return finish(h ^ (end - start));
}

function mix(word: number): number {
  const k = Math.imul(word, c1);
  return Math.imul((k << 15) | (k >>> 17), c2);
}

function finish(h: number): number {
  let x = h ^ (h >>> 16);
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
