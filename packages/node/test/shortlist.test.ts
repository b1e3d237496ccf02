import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Standing } from '../src/coordinator/pursuit.ts';
import { shortlist } from '../src/coordinator/shortlist.ts';

const owners = ['a', 'b', 'c', 'd', 'e'];
const all = { standing: (): Standing => 'up', isQuick: () => true };

describe('a shortlist', () => {
  it('has the asker first, and of the others another one each turn', () => {
    const lists = [0, 1, 2].map((turn) => shortlist({ owners: ['a', 'b', 'c'], needed: 2, self: 'a', turn, ...all }));
    expect(lists).toEqual([
      ['a', 'b'],
      ['a', 'c'],
      ['a', 'b'],
    ]);
    expect(shortlist({ owners: ['a', 'b', 'c'], needed: 2, self: 'x', turn: 1, ...all })).toEqual(['b', 'c']);
    expect(shortlist({ owners: ['a', 'b', 'c'], needed: 1, self: 'a', turn: 1, ...all })).toEqual(['a']);
  });

  it('leaves out who was slow of late, and is none when too few are left', () => {
    const isQuick = (store: string): boolean => store !== 'b';
    expect(shortlist({ owners: ['a', 'b', 'c'], needed: 2, self: 'a', turn: 0, ...all, isQuick })).toEqual(['a', 'c']);
    expect(shortlist({ owners: ['a', 'b', 'c'], needed: 3, self: 'a', turn: 0, ...all, isQuick })).toBeUndefined();
  });

  it('is none, or as many owners as are needed, each once and all of them quick', () => {
    const some = fc.subarray(owners);
    const standings = fc.array(fc.constantFrom<Standing>('up', 'up', 'up', 'up', 'doubtful', 'down'), { minLength: 5, maxLength: 5 });
    const given = fc.record({
      held: some.filter((held) => held.length > 0),
      slow: some,
      standings,
      turn: fc.nat(),
      needed: fc.integer({ min: 1, max: 5 }),
    });
    let found = 0;
    fc.assert(
      fc.property(given, fc.constantFrom(...owners, 'x'), ({ held, slow, standings: of, turn, needed }, self) => {
        const standing = (store: string): Standing => of[owners.indexOf(store)] ?? 'up';
        const list = shortlist({ owners: held, needed, self, turn, standing, isQuick: (store) => !slow.includes(store) });
        const usable = held.filter((store) => store === self || !slow.includes(store));
        expect(list !== undefined).toBe(held.every((store) => standing(store) === 'up') && usable.length >= needed);
        if (list === undefined) return;
        found += 1;
        expect(new Set(list).size).toBe(needed);
        expect(list.every((store) => usable.includes(store))).toBe(true);
        if (held.includes(self)) expect(list[0]).toBe(self);
      }),
      { numRuns: 500 },
    );
    expect(found).toBeGreaterThan(0);
  });
});
