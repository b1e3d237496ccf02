import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addAnswer, type Answer, failureOf, needsOf, reachedBy, startTally, verdict } from '../src/quorum.ts';

const answer = fc.record({
  store: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  role: fc.constantFrom('primary' as const, 'fallback' as const),
  outcome: fc.constantFrom('ok' as const, 'failed' as const),
  synced: fc.boolean(),
});

describe('counting answers', () => {
  it('says met and failed exactly when they are certain', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(answer, { selector: (a) => a.store, maxLength: 5 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(5),
        fc.nat(5),
        (answers, total, primary, known) => {
          const needs = { total: Math.max(total, primary), primary, copies: 5 };
          const given = answers.slice(0, known);
          const tally = given.reduce(addAnswer, startTally(needs));
          // The truth: try every way in which the stores that are still open can answer.
          const open = answers.length - given.length;
          const good = given.filter((a) => a.outcome === 'ok').length;
          const primaries = given.filter((a) => a.outcome === 'ok' && a.role === 'primary').length;
          const met = good >= needs.total && primaries >= needs.primary;
          const hopeless = good + open < needs.total || primaries + open < needs.primary;
          expect(verdict(tally, answers.length)).toBe(met ? 'met' : hopeless ? 'failed' : 'waiting');
          expect(reachedBy(tally)).toMatchObject({ primaries, fallbacks: good - primaries });
        },
      ),
    );
  });

  it('counts a store once', () => {
    const one: Answer = { store: 'a', role: 'primary', outcome: 'ok', synced: true };
    const tally = [one, one, one].reduce(addAnswer, startTally({ total: 2, primary: 0, copies: 3 }));
    expect(verdict(tally, 3)).toBe('waiting');
    expect(reachedBy(tally)).toEqual({ primaries: 1, fallbacks: 0, synced: 1 });
  });

  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
  ])('takes of %d copies %d for a majority', (copies, majority) => {
    expect(needsOf({ total: 'majority', primary: 0 }, copies, ['w', 'pw'])).toEqual({ total: majority, primary: 0, copies });
  });

  it('waits for as many as the larger number asks', () => {
    expect(needsOf({ total: 1, primary: 3 }, 3, ['w', 'pw'])).toEqual({ total: 3, primary: 3, copies: 3 });
    expect(() => needsOf({ total: 1, primary: 4 }, 3, ['w', 'pw'])).toThrow(/pw=4 cannot be met: 3 stores/);
    expect(() => needsOf({ total: 0, primary: 0 }, 3, ['r', 'pr'])).toThrow(/r must be/);
  });

  it("passes on the only store's error, and counts when there are several", () => {
    const failed: Answer = { store: 'a', role: 'primary', outcome: 'failed', error: new Error('its own') };
    const one = addAnswer(startTally({ total: 1, primary: 0, copies: 1 }), failed);
    expect(failureOf(one, true)).toBe(failed.error);
    const two = addAnswer(one, { store: 'b', role: 'primary', outcome: 'ok' });
    expect(failureOf(two, true)).toMatchObject({ code: 'QUORUM_NOT_MET', details: { mayHaveTakenEffect: true } });
  });
});
