import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, varintLength, writeVarint } from '../src/index.ts';

/** The definition, in the slowest and plainest way: groups of seven bits, least significant first. */
function twin(value: number): number[] {
  const groups: number[] = [];
  for (let rest = BigInt(value); groups.length === 0 || rest > 0n; rest >>= 7n) groups.push(Number(rest & 0x7fn));
  return groups.map((group, i) => (i < groups.length - 1 ? group | 0x80 : group));
}

/** Integers of every length, edges of each length included. */
const integers = fc.oneof(
  fc.maxSafeNat(),
  fc.tuple(fc.nat(52), fc.constantFrom(-1, 0, 1)).map(([power, step]) => Math.max(0, 2 ** power + step)),
  fc.constant(Number.MAX_SAFE_INTEGER),
);

describe('varints', () => {
  it('are those of the definition, in as many bytes as announced', () => {
    fc.assert(
      fc.property(integers, (value) => {
        const bytes = new Uint8Array(10);
        const end = writeVarint(bytes, 1, value);
        expect([...bytes.subarray(1, end)]).toEqual(twin(value));
        expect(varintLength(value)).toBe(end - 1);
        expect(new ByteReader(bytes, 1).varint()).toBe(value);
      }),
    );
  });

  it('have worked examples', () => {
    const written = (value: number) => {
      const bytes = new Uint8Array(8);
      return [...bytes.subarray(0, writeVarint(bytes, 0, value))];
    };
    expect(written(0)).toEqual([0x00]);
    expect(written(127)).toEqual([0x7f]);
    expect(written(128)).toEqual([0x80, 0x01]);
    expect(written(300)).toEqual([0xac, 0x02]);
    expect(written(2 ** 32)).toEqual([0x80, 0x80, 0x80, 0x80, 0x10]);
    expect(written(Number.MAX_SAFE_INTEGER)).toEqual([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]);
  });

  it('are refused above 2^53 - 1, however they are written', () => {
    for (const bytes of [
      [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10],
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
      [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
      Array<number>(20).fill(0xff),
    ]) {
      expect(() => new ByteReader(Uint8Array.from(bytes)).varint()).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
    }
  });
});
