import { CoterieError, errorCodes } from '@coterie/env';
import type { ErrorCode } from '@coterie/env';
import { describe, expect, test } from 'vitest';
import { errorFromBody, errorToBody } from '../src/wire-error.ts';

function journey(error: unknown): CoterieError {
  return errorFromBody(errorToBody(error), 'b:1');
}

describe('an error that crosses the wire', () => {
  test('of any code is itself again, with the address it came from', () => {
    for (const code of Object.keys(errorCodes) as ErrorCode[]) {
      const error = new CoterieError(code, 'why', { retryable: true, details: { n: 1, text: 'x', flag: false } });
      const found = journey(error);
      expect([found.code, found.message, found.retryable, found.details]).toEqual([
        code,
        'why',
        true,
        { n: 1, text: 'x', flag: false, peer: 'b:1' },
      ]);
    }
  });

  test('takes along plain details with plain names only, and not many', () => {
    const strange = { a: Number.NaN, b: { c: 1 }, d: undefined, 'e f': 1, __proto__x: 1, A: 1, toString: 'kept', ok: 1 };
    const body = errorToBody(new CoterieError('TIMEOUT', 'why', { details: strange as never }));
    expect(body).toEqual(['TIMEOUT', 'why', true, ['toString', 'kept', 'ok', 1]]);
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`n${'x'.repeat(i % 20)}${'y'.repeat(i / 20)}`, i]));
    expect(Object.keys(journey(new CoterieError('TIMEOUT', 'x', { details: many })).details)).toHaveLength(17);
  });

  test('is cut where it is long', () => {
    const error = new CoterieError('TIMEOUT', 'm'.repeat(2000), { details: { text: 't'.repeat(2000) } });
    expect([journey(error).message.length, String(journey(error).details['text']).length]).toEqual([1024, 512]);
  });

  test('is REMOTE when it is no CoterieError, or one of a later version', () => {
    expect(journey(new TypeError('a bug'))).toMatchObject({ code: 'REMOTE', message: 'the handler failed: a bug', retryable: false });
    expect(journey('thrown text')).toMatchObject({ code: 'REMOTE', message: 'the handler failed: thrown text' });
    const later = errorFromBody(['NEW_CODE', 'why', true, ['a', 1]], 'b:1');
    expect(later).toMatchObject({
      code: 'REMOTE',
      message: 'NEW_CODE: why',
      retryable: true,
      details: { remoteCode: 'NEW_CODE', a: 1, peer: 'b:1' },
    });
    expect(errorFromBody(['toString', 'why', true, []], 'b:1').code).toBe('REMOTE');
  });

  test('cannot smuggle names, and cannot be malformed', () => {
    const details = ['__proto__', 1, 'constructor', 'x', 'peer', 'forged', 5, 5, 'odd'];
    const found = errorFromBody(['TIMEOUT', 'why', true, details], 'b:1').details;
    expect(Object.entries(found)).toEqual([
      ['constructor', 'x'],
      ['peer', 'b:1'],
    ]);
    for (const body of [
      null,
      [],
      ['TIMEOUT'],
      [1, 'x', true, []],
      ['TIMEOUT', 1, true, []],
      ['TIMEOUT', 'x', 1, []],
      ['TIMEOUT', 'x', true, null],
    ])
      expect(() => errorFromBody(body, 'b:1')).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
  });
});
