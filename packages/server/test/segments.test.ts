import { isCoterieError } from '@coterie/env';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeKey, decodeSegment, decodeText, encodeKey } from '../src/http/segments.ts';

const bytes = fc.uint8Array({ maxLength: 64 });

describe('keys as text', () => {
  test('any bytes come back from their percent-encoded form', () => {
    fc.assert(
      fc.property(bytes, (key) => {
        const text = encodeKey(key);
        expect(text).toMatch(/^[\x21-\x7e]*$/);
        expect(text).not.toMatch(/[/?#"\\ ]/);
        expect(Uint8Array.from(decodeSegment(text, 'key'))).toEqual(key);
        expect(Uint8Array.from(decodeKey(text, 'key'))).toEqual(key);
      }),
    );
  });

  test('what encodeURIComponent writes is read as UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), (text) => {
        expect(Buffer.from(decodeSegment(encodeURIComponent(text), 'key')).toString('utf8')).toBe(text);
        expect(decodeText(encodeURIComponent(text), 'bucket')).toBe(text);
      }),
    );
  });

  test('nothing is normalised', () => {
    for (const raw of ['.', '..', '...', '%2E%2e', 'a+b', '%2F', '%00', 'A%41']) {
      const expected = raw.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
      expect(Buffer.from(decodeSegment(raw, 'key')).toString('latin1')).toBe(expected);
    }
  });

  test('text past ASCII in JSON stands for its UTF-8 bytes', () => {
    expect(Buffer.from(decodeKey('é%ff/x', 'key'))).toEqual(Buffer.from([0xc3, 0xa9, 0xff, 0x2f, 0x78]));
  });

  test.each(['%', '%4', '%zz', '%4%41', 'a b', 'é', 'a#b', '\u0000', 'x%'])('%j is refused in a path', (raw) => {
    expect(() => decodeSegment(raw, 'the key')).toThrowError(expect.toSatisfy((error) => isCoterieError(error, 'INVALID_ARGUMENT')));
  });

  test.each(['%', '%zz', '\ud800', 'a\udfffb', '%41\ud800'])('%j is refused in JSON', (text) => {
    expect(() => decodeKey(text, 'key')).toThrowError(expect.toSatisfy((error) => isCoterieError(error, 'INVALID_ARGUMENT')));
  });

  test('a bucket that is not UTF-8 is refused', () => {
    expect(() => decodeText('%ff', 'the bucket')).toThrow(/not UTF-8/);
  });
});
