import { crc32 as zlibCrc32 } from 'node:zlib';
import crc32Package from 'crc-32';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32, crc32Range } from '../src/index.ts';

/** The definition: divide by the polynomial, one bit at a time. */
function twin(bytes: Uint8Array, seed = 0): number {
  let remainder = ~seed;
  for (const byte of bytes) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  }
  return ~remainder >>> 0;
}

describe('crc32', () => {
  it('has the published check value', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array(0))).toBe(0);
  });

  it('is one function on both sides of the crossover', () => {
    const bytes = Uint8Array.from({ length: 400 }, (_, i) => (i * 131 + (i >>> 3)) & 0xff);
    for (let length = 150; length <= 400; length++) {
      const input = bytes.subarray(0, length);
      expect(crc32(input)).toBe(twin(input));
      expect(crc32Package.buf(input) >>> 0).toBe(zlibCrc32(input));
    }
  });

  it('is that of the definition, unsigned, also on a part of a shared buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1000 }), fc.nat(16), (bytes, offset) => {
        const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + offset), offset);
        shared.set(bytes);
        expect(crc32(shared)).toBe(twin(bytes));
      }),
    );
  });

  it('chains: of parts, in turn, as of the whole', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1000 }), fc.nat(1000), (bytes, cut) => {
        expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(crc32(bytes));
      }),
    );
  });
});

describe('crc32Range', () => {
  it('is crc32 of the range, continuing from a seed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(20), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (bytes, start, seed) => {
        const from = Math.min(start, bytes.length);
        expect(crc32Range(bytes, from, bytes.length, seed)).toBe(crc32(bytes.subarray(from), seed));
      }),
    );
  });
});
