import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes, compareRanges, equalBytes } from '../src/index.ts';

/** Short strings over a small alphabet, so that equal ones and prefixes are common. */
const strings = fc.oneof(
  fc.array(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), { maxLength: 6 }).map((bytes) => Uint8Array.from(bytes)),
  fc.uint8Array({ maxLength: 40 }),
);

describe('order of bytes', () => {
  it("is Buffer's", () => {
    fc.assert(
      fc.property(strings, strings, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
      }),
    );
  });

  it('of ranges looks at nothing outside them', () => {
    fc.assert(
      fc.property(strings, strings, strings, (a, b, around) => {
        const inA = Uint8Array.from([...around, ...a, ...around]);
        const inB = Uint8Array.from([...around, 1, ...b, 0xff, ...around]);
        const start = around.length;
        const actual = compareRanges(inA, start, start + a.length, inB, start + 1, start + 1 + b.length);
        expect(Math.sign(actual)).toBe(Buffer.compare(a, b));
      }),
    );
  });

  it('knows equal bytes in different arrays', () => {
    expect(equalBytes(new Uint8Array(0), new Uint8Array(0))).toBe(true);
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0))).toBe(false);
  });
});
