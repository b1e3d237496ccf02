import { isCoterieError } from '@coterie/env';
import fc from 'fast-check';
import { Packr } from 'msgpackr/pack';
import { describe, expect, test } from 'vitest';
import { checkBody, depthMax, packBody, unpackBody } from '../src/body.ts';
import { headerBytes } from '../src/frame.ts';

function journey(body: unknown): unknown {
  const packed = packBody(body, 0);
  return unpackBody(packed, headerBytes, packed.length);
}

function nested(depth: number): unknown {
  let body: unknown = 1;
  for (let i = 0; i < depth; i++) body = [body];
  return body;
}

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, depthSize: 'small' },
    fc.string({ unit: 'grapheme' }),
    fc.integer(),
    fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    fc.double({ noNaN: true }).map(positiveZero),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    fc.array(tie('value')),
  ),
})).value;

describe('a body', () => {
  test('arrives as it was sent', () => {
    fc.assert(
      fc.property(plain, (body) => {
        expect(bytesAsBytes(journey(body))).toEqual(body);
      }),
      { numRuns: 1000 },
    );
  });

  test('at the edges of each encoding', () => {
    const edges = [
      0,
      127,
      128,
      255,
      256,
      65_535,
      65_536,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 53 - 1,
      -1,
      -32,
      -33,
      -128,
      -129,
      -32_768,
      -32_769,
      -(2 ** 31),
    ];
    expect(journey(edges)).toEqual(edges);
    for (const length of [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536, 70_000]) {
      expect(journey('x'.repeat(length))).toBe('x'.repeat(length));
      expect(journey(Array(length).fill(1))).toHaveLength(length);
      expect((journey(new Uint8Array(length)) as Uint8Array).length).toBe(length);
    }
    expect(journey([undefined, null])).toEqual([null, null]);
    expect(journey(nested(depthMax))).toEqual(nested(depthMax));
  });

  test('refuses at the sender what no body can hold', () => {
    for (const body of [{}, { a: 1 }, [new Map()], new Date(0), 10n, 2n ** 64n, Symbol('x')])
      expect(() => packBody(body, 0)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => packBody(nested(depthMax + 1), 0)).toThrow('deep');
  });
});

/** The library writes -0 as 0. */
function positiveZero(number: number): number {
  return number === 0 ? 0 : number;
}

/** Bodies as somebody else's library would write them. */
const rich = new Packr({ useRecords: true, structuredClone: true, moreTypes: true });

describe('a hostile body', () => {
  const hostile: readonly [string, Uint8Array][] = [
    ['a record', rich.pack({ a: 1, b: 2 })],
    ['a map', Uint8Array.of(0x81, 0xa1, 0x61, 1)],
    ['a map of 2^32 - 1', Uint8Array.of(0xdf, 255, 255, 255, 255)],
    ['a proto key', Buffer.concat([Uint8Array.of(0x81, 0xa9), Buffer.from('__proto__'), Uint8Array.of(0x80)])],
    ['0xc1', Uint8Array.of(0xc1)],
    ['0xc1 in an array', Uint8Array.of(0x92, 1, 0xc1)],
    ['a regular expression', rich.pack(/a+/)],
    ['a date', rich.pack(new Date(1))],
    ['a set', rich.pack(new Set([1]))],
    ['an extension', Uint8Array.of(0xd4, 0x72, 0x40)],
    ['a long extension', Uint8Array.of(0xc7, 3, 0x72, 1, 2, 3)],
    ['a 64-bit integer', Uint8Array.of(0xcf, 0, 0, 0, 0, 0, 0, 0, 1)],
    ['an array of 2^32 - 1', Uint8Array.of(0xdd, 255, 255, 255, 255)],
    ['an array longer than its bytes', Uint8Array.of(0x93, 1, 2)],
    ['a string of 4 GiB', Uint8Array.of(0xdb, 255, 255, 255, 255, 0x61)],
    ['a string that ends too early', Uint8Array.of(0xa3, 0x61, 0x61)],
    ['a length that ends too early', Uint8Array.of(0xda, 0)],
    ['half a float', Uint8Array.of(0xcb, 0, 0, 0)],
    ['nothing', new Uint8Array(0)],
    ['two values', Uint8Array.of(1, 2)],
    ['a very deep one', new Uint8Array(100_000).fill(0x91)],
  ];

  test.each(hostile)('with %s is PROTOCOL', (_name, bytes) => {
    expect(() => unpackBody(bytes, 0, bytes.length)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
  });

  test('never leads past the check to anything but plain values', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const problem = checkBody(bytes, 0, bytes.length);
        try {
          expect(isPlain(unpackBody(bytes, 0, bytes.length))).toBe(true);
          expect(problem).toBeUndefined();
        } catch (error) {
          if (!isCoterieError(error, 'PROTOCOL')) throw error;
          expect(problem).toBeTypeOf('string');
        }
      }),
      { numRuns: 5000 },
    );
  });
});

function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isPlain);
  return value === null || value instanceof Uint8Array || ['string', 'number', 'boolean'].includes(typeof value);
}

/** The library makes Buffers. */
function bytesAsBytes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bytesAsBytes);
  return value instanceof Uint8Array ? Uint8Array.from(value) : value;
}
