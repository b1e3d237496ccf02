import { hash32 } from '@coterie/bytes';
import bloomFilters from 'bloom-filters';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Filter, filterHeaderBytes, filterIndexes, filterLine } from '../src/filter.ts';
import { emptyFilter, FilterBuilder } from '../src/filter-builder.ts';
import { bytes } from './support/tables.ts';

/** Hashes of keys like db_bench's. */
function hashes(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const key = bytes(String(first + i).padStart(16, '0'));
    return hash32(key, 0, key.length);
  });
}

function build(keyHashes: readonly number[], bitsPerKey: number): Uint8Array {
  const builder = new FilterBuilder(bitsPerKey, 1);
  for (const hash of keyHashes) builder.add(hash);
  return builder.finish();
}

describe('a filter', () => {
  it('never denies a key that it holds', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(0xffffffff), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 23 }),
        (keyHashes, bitsPerKey) => {
          const filter = new Filter(build(keyHashes, bitsPerKey));
          expect(keyHashes.every((hash) => filter.mayContain(hash))).toBe(true);
        },
      ),
    );
  });

  it('passes at most 1.2 % of absent keys at 10 bits a key', () => {
    for (const keys of [100, 5000, 100_000]) {
      const section = build(hashes(0, keys), 10);
      expect(section.length * 8).toBeLessThanOrEqual(keys * 10 + 512 + filterHeaderBytes * 8);
      const filter = new Filter(section);
      const absent = hashes(10_000_000, 50_000);
      expect(absent.filter((hash) => filter.mayContain(hash)).length / absent.length).toBeLessThan(0.012);
    }
  });

  it('answers as the package does over the same bits', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(0xffffffff), { minLength: 1, maxLength: 200 }),
        fc.array(fc.nat(0xffffffff), { maxLength: 200 }),
        fc.constantFrom(1, 3, 10, 20),
        (held, asked, bitsPerKey) => {
          const twin = emptyFilter(held.length, bitsPerKey);
          for (const hash of held) twin.add(hash as unknown as string);
          const section = build(held, bitsPerKey);
          expect(section.subarray(filterHeaderBytes)).toEqual(twin._filter.array);
          const filter = new Filter(section);
          for (const hash of [...held, ...asked]) expect(filter.mayContain(hash)).toBe(twin.has(hash as unknown as string));
        },
      ),
    );
  });

  it('is sized by the package: so many bits a key, in whole lines', () => {
    const classic = bloomFilters.BloomFilter.create(10_000, Math.exp(-10 * Math.LN2 ** 2));
    const filter = emptyFilter(10_000, 10);
    expect(filter.size).toBe(Math.ceil(classic.size / 512) * 512);
    expect(filter._nbHashes).toBe(6);
  });

  it('keeps all bits of a key in one line', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.integer({ min: 1, max: 2 ** 21 }), (hash, lines) => {
        const line = filterLine(hash, lines);
        expect(line).toBeLessThan(lines);
        const indexes = filterIndexes(hash, lines * 512, new Array<number>(16).fill(0));
        expect(indexes.every((index) => Math.floor(index / 512) === line)).toBe(true);
      }),
    );
  });

  it('lets everything pass when there is none', () => {
    expect(build(hashes(0, 10), 0)).toHaveLength(0);
    expect(build([], 10)).toHaveLength(0);
    expect(new Filter(new Uint8Array(0)).mayContain(7)).toBe(true);
  });

  it('refuses what it does not know and what does not fit', () => {
    const section = build(hashes(0, 10), 10);
    const changed = (at: number, value: number): Uint8Array => section.map((byte, i) => (i === at ? value : byte));
    expect(() => new Filter(changed(0, 2))).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_FORMAT' }));
    expect(() => new Filter(changed(1, 9))).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_FORMAT' }));
    expect(() => new Filter(changed(2, 17))).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
    expect(() => new Filter(changed(4, 7))).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
    expect(() => new Filter(section.subarray(0, 5))).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
  });
});
