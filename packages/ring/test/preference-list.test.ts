import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fallbacks, preferenceList, preferenceListOf, type Ring } from '../src/index.ts';
import { clusterDrafts, ringFrom } from './arbitrary-ring.ts';

const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
const members = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ id: name, name }));

/** A ring whose partitions hold, from 0 on, what the words say, and then the last word's over and over. */
function ringOf(...words: string[]): Ring {
  const lists = words.map((word) => Array.from(word, (name) => members.findIndex((member) => member.name === name)));
  return { epoch: 2, partitions: 64, members, replicas: Array.from({ length: 64 }, (_, i) => lists[Math.min(i, lists.length - 1)]) };
}

function shown(ring: Ring, partition: number, n: number): string {
  const list = preferenceListOf(ring, partition, n);
  const names = (some: readonly { readonly name: string }[]): string => some.map(({ name }) => name).join('');
  return `${names(list.primaries)}|${names(list.fallbacks)}`;
}

describe('a preference list', () => {
  it('gives shorter lists as prefixes of longer ones', () => {
    const ring = ringOf('cadb');
    expect([1, 2, 3, 4, 9].map((n) => shown(ring, 0, n))).toEqual(['c|adbef', 'ca|dbef', 'cad|bef', 'cadb|ef', 'cadb|ef']);
  });

  it('walks on clockwise, past the end, and ends with those who hold nothing', () => {
    const ring = ringOf('ab', 'bc', 'ad', 'ab');
    expect(shown(ring, 0, 2)).toBe('ab|cdef');
    expect(shown(ring, 1, 2)).toBe('bc|adef');
    expect(shown(ring, 2, 1)).toBe('a|dbcef');
    expect(shown(ring, 63, 2)).toBe('ab|cdef');
  });

  it('has a list that is shorter than n while it grows', () => {
    expect(shown(ringOf('b', 'ca'), 0, 3)).toBe('b|cadef');
  });

  it('names every member once, primaries first, and is the list of any token of the partition', () => {
    fc.assert(
      fc.property(clusterDrafts({ membersMax: 80, partitionBitsMax: 7 }), fc.nat(), fc.integer({ min: 1, max: 6 }), (draft, seed, n) => {
        const ring = ringFrom(draft);
        const partition = seed % ring.partitions;
        const list = preferenceListOf(ring, partition, n);
        expect(list.primaries).toEqual(ring.replicas[partition].slice(0, n).map((index) => ring.members[index]));
        const all = [...list.primaries, ...list.fallbacks].map(({ id }) => id);
        expect(all.toSorted()).toEqual(ring.members.map(({ id }) => id).toSorted());
        expect([...fallbacks(ring, partition, n)]).toEqual(list.fallbacks);
        expect(preferenceList(ring, { high: partition * (2 ** 32 / ring.partitions) + 5, low: 9 }, n)).toBe(list);
      }),
      { numRuns: 50 },
    );
  });

  it('finds the first fallback without looking for the rest', () => {
    const ring = ringOf('ab', 'bc', 'ad', 'ab');
    const [first] = fallbacks(ring, 0, 2);
    expect(first).toEqual(members[2]);
  });

  it('refuses partitions that are not there, and an impossible n', () => {
    const ring = ringOf('ab');
    for (const partition of [-1, 64, 0.5, Number.NaN]) expect(() => preferenceListOf(ring, partition, 3)).toThrow(refused);
    for (const n of [0, -1, 32, Number.NaN]) expect(() => preferenceListOf(ring, 0, n)).toThrow(refused);
  });
});
