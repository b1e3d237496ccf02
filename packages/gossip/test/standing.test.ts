import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareStandings, memberStates, mergeStandings, type Standing, weigh, witnessesMax } from '../src/standing.ts';

const witness = fc.constantFrom(...Array.from({ length: 7 }, (_, i) => `${i}`.repeat(16)));
const standing: fc.Arbitrary<Standing> = fc
  .record({ incarnation: fc.nat(2), state: fc.constantFrom(...memberStates), by: fc.uniqueArray(witness, { maxLength: witnessesMax }) })
  .map(({ incarnation, state, by }) => ({ incarnation, state, witnesses: state === 'suspect' || state === 'dead' ? by.toSorted() : [] }));

describe('standings', () => {
  it('form a lattice: merging is commutative, associative and idempotent', () => {
    fc.assert(
      fc.property(standing, standing, standing, (a, b, c) => {
        expect(mergeStandings(a, b)).toEqual(mergeStandings(b, a));
        expect(mergeStandings(mergeStandings(a, b), c)).toEqual(mergeStandings(a, mergeStandings(b, c)));
        expect(mergeStandings(a, a)).toBe(a);
      }),
    );
  });

  it('never fall: not below either, not to a lower incarnation', () => {
    fc.assert(
      fc.property(standing, standing, (a, b) => {
        const merged = mergeStandings(a, b);
        expect(compareStandings(merged, a)).toBeGreaterThanOrEqual(0);
        expect(compareStandings(merged, b)).toBeGreaterThanOrEqual(0);
        expect(merged.incarnation).toBe(Math.max(a.incarnation, b.incarnation));
        expect(merged.witnesses.length).toBeLessThanOrEqual(witnessesMax);
      }),
    );
  });

  it('are outbid by a higher incarnation only, and left wins within one', () => {
    const left: Standing = { incarnation: 3, state: 'left', witnesses: [] };
    const dead: Standing = { incarnation: 3, state: 'dead', witnesses: ['1', '2'] };
    const back: Standing = { incarnation: 4, state: 'alive', witnesses: [] };
    expect(mergeStandings(dead, left)).toBe(left);
    expect(mergeStandings(left, dead)).toBe(left);
    expect(mergeStandings(left, back)).toBe(back);
  });

  it('of death with too few witnesses are a suspicion to who asks for more', () => {
    const dead: Standing = { incarnation: 3, state: 'dead', witnesses: ['1'] };
    expect(weigh(dead, 1)).toBe(dead);
    expect(weigh(dead, 2)).toEqual({ ...dead, state: 'suspect' });
    expect(weigh({ ...dead, witnesses: ['1', '2'] }, 2).state).toBe('dead');
  });
});
