import { describe, expect, it } from 'vitest';
import { overMs, type Write } from '../../src/cluster/history.ts';

/** A write with one attempt for each outcome, a second each. */
function attempted(...outcomes: readonly object[]): Write {
  const attempts = outcomes.map((outcome, at) => ({ node: 'n1', startMs: 1000 * at, endMs: 1000 * (at + 1), outcome }));
  return { attempts } as unknown as Write;
}

describe('until when a write may have been carried out', () => {
  it('is the end of its last attempt, if the outcome of each is known', () => {
    const refused = { kind: 'refused', code: 'OVERLOADED', mayHaveTakenEffect: false };
    expect(overMs(attempted(refused, { kind: 'ok' }))).toBe(2000);
  });

  it('is never over while an attempt is in doubt: it may lie in a buffer somewhere', () => {
    const doubtful = { kind: 'refused', code: 'TIMEOUT', mayHaveTakenEffect: true };
    expect(overMs(attempted(doubtful, { kind: 'ok' }))).toBe(Infinity);
  });
});
