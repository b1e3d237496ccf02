import { isCoterieError } from '@coterie/env';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../src/index.ts';

type Field = 'u8' | 'u16' | 'u32' | 'u48' | 'u53' | 'varint' | 'string' | 'byteString';
type Written = { readonly field: Field; readonly value: number | string | Uint8Array };

const field = <Value extends Written['value']>(name: Field, values: fc.Arbitrary<Value>): fc.Arbitrary<Written> =>
  values.map((value) => ({ field: name, value }));

const fields = fc.array(
  fc.oneof(
    field('u8', fc.nat(0xff)),
    field('u16', fc.nat(0xffff)),
    field('u32', fc.nat(0xffffffff)),
    field(
      'u48',
      fc.maxSafeNat().map((n) => n % 2 ** 48),
    ),
    field('u53', fc.maxSafeNat()),
    field('varint', fc.maxSafeNat()),
    field('string', fc.string({ unit: 'binary', maxLength: 200 })),
    field('byteString', fc.uint8Array({ maxLength: 300 })),
  ),
  { maxLength: 20 },
);

function write(writer: ByteWriter, { field: name, value }: Written): void {
  if (typeof value === 'string') writer.string(value);
  else if (typeof value !== 'number') writer.byteString(value);
  else if (name !== 'string' && name !== 'byteString') writer[name](value);
}

describe('ByteWriter and ByteReader', () => {
  it('are twins, from whatever capacity the writer starts', () => {
    fc.assert(
      fc.property(fields, fc.nat(64), (written, capacityBytes) => {
        const writer = new ByteWriter(capacityBytes);
        for (const one of written) write(writer, one);
        const reader = new ByteReader(writer.finish());
        for (const { field: name, value } of written) expect(reader[name]()).toEqual(value);
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  it('are little-endian', () => {
    const bytes = new ByteWriter().u16(0x0102).u32(0x03040506).u48(0x0708090a0b0c).u53(0x1f0d0e0f101112).finish();
    const hex = '0201' + '06050403' + '0c0b0a090807' + '1211100f0e0d1f00';
    expect(Buffer.from(bytes).toString('hex')).toBe(hex);
  });

  it('never read past the end: cut anywhere, the rest is CORRUPTION at a place inside', () => {
    fc.assert(
      fc.property(fields, fc.nat(), (written, cut) => {
        const writer = new ByteWriter();
        for (const one of written) write(writer, one);
        const whole = writer.finish();
        const end = whole.length === 0 ? 0 : cut % whole.length;
        const reader = new ByteReader(whole, 0, end);
        let thrown: unknown;
        try {
          for (const { field: name } of written) reader[name]();
        } catch (error) {
          thrown = error;
        }
        if (written.length === 0) expect(thrown).toBeUndefined();
        else if (!isCoterieError(thrown, 'CORRUPTION')) throw new Error('no CORRUPTION', { cause: thrown });
        else expect(thrown.details.offset).toBeLessThanOrEqual(end);
      }),
    );
  });

  it('answer random bytes with a value in range or CORRUPTION, and never move past the end', () => {
    const reads: readonly Field[] = ['u8', 'u16', 'u32', 'u48', 'u53', 'varint', 'string', 'byteString'];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.array(fc.constantFrom(...reads), { maxLength: 10 }), (bytes, order) => {
        const reader = new ByteReader(bytes);
        try {
          for (const name of order) {
            const value = reader[name]();
            if (typeof value === 'number') expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
          }
        } catch (error) {
          expect(isCoterieError(error, 'CORRUPTION')).toBe(true);
        }
        expect(reader.offset).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });

  it('tell apart texts that are read one after the other', () => {
    const texts = [
      '',
      'a',
      'a',
      'b',
      'ab',
      'aé',
      'x'.repeat(64),
      'x'.repeat(64),
      `${'x'.repeat(63)}y`,
      'x'.repeat(65),
      'x'.repeat(65),
      '',
      'a',
    ];
    const writer = new ByteWriter();
    for (const text of texts) writer.string(text);
    const reader = new ByteReader(writer.finish());
    expect(texts.map(() => reader.string())).toEqual(texts);
    expect(() => new ByteReader(Uint8Array.of(1, 0xff)).string()).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
    expect(new ByteReader(Uint8Array.of(1, 0x61)).string()).toBe('a');
  });

  it('keep a byte order mark, and refuse what is not UTF-8', () => {
    expect(new ByteReader(new ByteWriter().string('\ufeffa').finish()).string()).toBe('\ufeffa');
    for (const bytes of [
      [1, 0xff],
      [2, 0xc0, 0x80],
      [3, 0xed, 0xa0, 0x80],
      [1, 0xc3],
    ]) {
      expect(() => new ByteReader(Uint8Array.from(bytes)).string()).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
    }
  });

  it('refuse 64-bit integers that are not exact', () => {
    expect(() => new ByteReader(Uint8Array.of(0, 0, 0, 0, 0, 0, 0x20, 0)).u53()).toThrow(/above 2\^53/);
    expect(new ByteReader(Uint8Array.of(255, 255, 255, 255, 255, 255, 0x1f, 0)).u53()).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('hand out views where views are asked for, and copies where values are', () => {
    const bytes = Uint8Array.of(2, 7, 8);
    const reader = new ByteReader(bytes, 1);
    const view = reader.view(2);
    const copy = new ByteReader(bytes).byteString();
    bytes[1] = 99;
    expect([...view]).toEqual([99, 8]);
    expect([...copy]).toEqual([7, 8]);
  });

  it('keep what was written when the writer grows and goes on', () => {
    const writer = new ByteWriter(0);
    const first = writer.raw(Uint8Array.of(1, 2, 3)).finish();
    writer.raw(new Uint8Array(1000).fill(9));
    expect([...first]).toEqual([1, 2, 3]);
    expect([...writer.finish().subarray(0, 4)]).toEqual([1, 2, 3, 9]);
    expect(writer.length).toBe(1003);
  });
});
