/**
 * Tokens by Redis hash slot, for buckets with the token function `redis-slot`: every partition is a run of slots, so any
 * client that knows Redis Cluster finds the node that coordinates a key.
 *
 * ```
 *  slot   = CRC16/XMODEM(hash tag of the key) mod 16,384
 *  token  = │ slot, 14 bits │ the other 50 bits of the usual token │
 *
 *  hash tag:  {user1000}.following   user1000       what is between the first { and the next }
 *             foo{}{bar}             the whole key  nothing is between them
 *             foo{{bar}}zap          {bar           the first } after the first {
 * ```
 *
 * Follows the Redis Cluster specification, "Key distribution model" and "Hash tags". Frozen, like the usual token.
 */
import { type Token, tokenOf } from './token.ts';

/** Slots of a Redis cluster: 14 bits. */
export const slotCount = 16_384;
const slotBits = 14;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** The token of `key` in the bucket whose name has the bytes `bucket`, where buckets are laid out by slot. */
export function slotTokenOf(bucket: Uint8Array, key: Uint8Array): Token {
  const { high, low } = tokenOf(bucket, key);
  const below = high & (2 ** (32 - slotBits) - 1);
  return { high: ((slotOf(key) << (32 - slotBits)) | below) >>> 0, low };
}

/** The Redis hash slot of a key, in [0, 16,384). */
export function slotOf(key: Uint8Array): number {
  let start = 0;
  let end = key.length;
  const open = key.indexOf(openBrace);
  if (open >= 0) {
    const close = key.indexOf(closeBrace, open + 1);
    if (close > open + 1) {
      start = open + 1;
      end = close;
    }
  }
  return crc16(key, start, end) % slotCount;
}

/** CRC-16/XMODEM of `bytes[start, end)`: polynomial 0x1021, from 0, nothing reflected. */
function crc16(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let i = start; i < end; i++) crc = ((crc << 8) & 0xffff) ^ table[(crc >>> 8) ^ bytes[i]];
  return crc;
}

const table: Uint16Array = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  return crc;
});
