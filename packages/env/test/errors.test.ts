import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assert, CoterieError, type ErrorCode, errorCodes, isCoterieError } from '../src/index.ts';

const codes = Object.keys(errorCodes) as ErrorCode[];

describe('error codes', () => {
  it('are exactly those that docs/errors.md explains, and say the same about trying again', () => {
    const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
    const explained = [...page.matchAll(/^## ([A-Z_]+)\nRetryable: (yes|no)\./gm)].map(([, code, retryable]) => [
      code,
      retryable === 'yes',
    ]);
    expect(explained).toEqual(codes.map((code) => [code, errorCodes[code].retryable]));
  });

  it('never lose one: they are public', () => {
    expect(codes).toEqual([
      'INVALID_ARGUMENT',
      'CLOSED',
      'LOCKED',
      'UNSUPPORTED_FORMAT',
      'CORRUPTION',
      'DISK_IO',
      'DISK_FULL',
      'TIMEOUT',
      'CONNECTION_LOST',
      'PROTOCOL',
      'OVERLOADED',
      'QUORUM_NOT_MET',
      'STALE_RING',
      'PRECONDITION_FAILED',
      'TOO_LARGE',
      'TOO_MANY_SIBLINGS',
      'NOT_READY',
      'UNAUTHORIZED',
      'REMOTE',
    ]);
  });
});

describe('CoterieError', () => {
  it('takes its answer to "can trying again help" from its code', () => {
    for (const code of codes) expect(new CoterieError(code, 'x').retryable).toBe(errorCodes[code].retryable);
  });

  it('takes that answer from its maker when given one', () => {
    expect(new CoterieError('LOCKED', 'x', { retryable: true }).retryable).toBe(true);
    expect(new CoterieError('TIMEOUT', 'x', { retryable: false }).retryable).toBe(false);
  });

  it('carries message, cause and details', () => {
    const cause = new Error('underneath');
    const error = new CoterieError('DISK_IO', 'cannot read', { cause, details: { file: 'a', offset: 7, osCode: 'EIO' } });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'CoterieError', message: 'cannot read', cause, details: { file: 'a', offset: 7, osCode: 'EIO' } });
  });

  it('has no cause of its own accord, and empty details', () => {
    const error = new CoterieError('CLOSED', 'x');
    expect('cause' in error).toBe(false);
    expect(error.details).toEqual({});
  });
});

describe('isCoterieError', () => {
  it('knows one, with and without its code', () => {
    const error: unknown = new CoterieError('CLOSED', 'x');
    expect(isCoterieError(error)).toBe(true);
    expect(isCoterieError(error, 'CLOSED')).toBe(true);
    expect(isCoterieError(error, 'LOCKED')).toBe(false);
  });

  it('knows one made by another copy of the package', () => {
    const foreign = Object.assign(new Error('x'), { name: 'CoterieError', code: 'CLOSED' });
    expect(isCoterieError(foreign, 'CLOSED')).toBe(true);
  });

  it('takes nothing else for one', () => {
    for (const other of [new Error('x'), { name: 'CoterieError', code: 'CLOSED' }, 'CLOSED', null, undefined]) {
      expect(isCoterieError(other)).toBe(false);
    }
  });
});

describe('assert', () => {
  it('is silent about what holds', () => {
    expect(() => assert(1, 'one')).not.toThrow();
  });

  it('throws a plain error, not a Coterie one, about what does not', () => {
    const failing = () => assert(0, 'zero is something');
    expect(failing).toThrow(/^assertion failed: zero is something$/);
    expect(failing).not.toThrow(CoterieError);
  });
});
