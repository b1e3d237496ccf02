import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatToken, hash64, partitionOf, tokenOf, writeToken } from '../src/index.ts';

const utf8 = new TextEncoder();

/** The same definition, slowly: BigInt arithmetic and a block at a time, straight from the published algorithm. */
function slowHash64(bytes: Uint8Array): bigint {
  const mask = 0xffffffffn;
  const c = [0x239b961bn, 0xab0e9789n, 0x38b34ae5n, 0xa1e38b93n];
  const rotate = (x: bigint, r: bigint): bigint => ((x << r) | (x >> (32n - r))) & mask;
  const mix = (k: bigint, lane: number): bigint => (rotate((k * c[lane]) & mask, BigInt(15 + lane)) * c[(lane + 1) % 4]) & mask;
  const add = [0x561ccd1bn, 0x0bcaa747n, 0x96cd1c35n, 0x32ac3b17n];
  const h = [0n, 0n, 0n, 0n];
  const word = (at: number): bigint => [3, 2, 1, 0].reduce((sum, i) => (sum << 8n) | BigInt(bytes[at + i] ?? 0), 0n);
  const whole = bytes.length - (bytes.length % 16);
  for (let at = 0; at < whole; at += 16) {
    for (let lane = 0; lane < 4; lane++) {
      h[lane] ^= mix(word(at + lane * 4), lane);
      h[lane] = ((rotate(h[lane], BigInt(19 - 2 * lane)) + h[(lane + 1) % 4]) * 5n + add[lane]) & mask;
    }
  }
  for (let lane = 0; lane < 4; lane++) h[lane] ^= mix(word(whole + lane * 4), lane) ^ BigInt(bytes.length);
  const sum = (): void => {
    h[0] = (h[0] + h[1] + h[2] + h[3]) & mask;
    for (let lane = 1; lane < 4; lane++) h[lane] = (h[lane] + h[0]) & mask;
  };
  sum();
  for (let lane = 0; lane < 4; lane++) {
    let x = h[lane];
    x = ((x ^ (x >> 16n)) * 0x85ebca6bn) & mask;
    x = ((x ^ (x >> 13n)) * 0xc2b2ae35n) & mask;
    h[lane] = x ^ (x >> 16n);
  }
  sum();
  return (h[0] << 32n) | h[1];
}

describe('hash64', () => {
  it('is MurmurHash3 x86_128, first 64 bits', () => {
    expect(formatToken(hash64(utf8.encode('The quick brown fox jumps over the lazy dog')))).toBe('2f1583c3ecee2c67');
    expect(formatToken(hash64(new Uint8Array()))).toBe('0000000000000000');
  });

  it('agrees with its slow twin on any bytes, anywhere in a buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80, size: 'max' }), fc.nat(7), (bytes, pad) => {
        const padded = new Uint8Array(pad + bytes.length + 5).fill(0xee);
        padded.set(bytes, pad);
        const expected = slowHash64(bytes).toString(16).padStart(16, '0');
        expect(formatToken(hash64(bytes))).toBe(expected);
        expect(formatToken(hash64(padded, pad, pad + bytes.length))).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });
});

describe('tokens', () => {
  it.each([
    ['cart', 'alice', '12fac3e5fcfc3bad', 75],
    ['', '', '04a872bbedcd774b', 18],
    ['ab', 'c', 'a835cadf875a05d6', 672],
    ['a', 'bc', '45e82cae40bd24d9', 279],
    ['bücher', 'k'.repeat(100), '8b2082fb39132758', 556],
  ])('keep their vectors: bucket %j, key %j', (bucket, key, token, partition) => {
    const found = tokenOf(utf8.encode(bucket), utf8.encode(key));
    expect(formatToken(found)).toBe(token);
    expect(partitionOf(found, 1024)).toBe(partition);
  });

  it('sort as bytes as they sort as numbers, and the partition is the top bits', () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(word, word, fc.integer({ min: 6, max: 16 }), (high, low, k) => {
        const bytes = new Uint8Array(9);
        expect(writeToken(bytes, 1, { high, low })).toBe(9);
        const number = (BigInt(high) << 32n) | BigInt(low);
        expect(BigInt(`0x${Buffer.from(bytes.subarray(1)).toString('hex')}`)).toBe(number);
        expect(partitionOf({ high, low }, 2 ** k)).toBe(Number(number >> BigInt(64 - k)));
      }),
    );
  });

  it('spread keys evenly over the partitions', () => {
    const counts = new Array<number>(64).fill(0);
    const keys = 64_000;
    for (let i = 0; i < keys; i++) counts[partitionOf(tokenOf(utf8.encode('b'), utf8.encode(`user:${i}`)), 64)]++;
    const expected = keys / 64;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 63 degrees of freedom: above 115 once in 10,000 hashes that are perfect.
    expect(chiSquare).toBeLessThan(115);
  });

  it('refuse a bucket that the frame cannot hold', () => {
    expect(() => tokenOf(new Uint8Array(65_536), new Uint8Array())).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
