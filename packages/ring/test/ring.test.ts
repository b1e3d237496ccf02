import { describe, expect, it } from 'vitest';
import { createRing, preferenceList } from '../src/index.ts';

const alone = { id: '00000000000000a1', name: 'one' };
const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' });

describe('a ring of one member', () => {
  it('gives every partition to it, whatever n asks', () => {
    const ring = createRing({ members: [alone] });
    expect(ring.partitions).toBe(1024);
    for (const high of [0, 1, 0x3fffff, 0x400000, 0x80000000, 0xffffffff]) {
      for (const n of [1, 3]) {
        const list = preferenceList(ring, { high, low: 7 }, n);
        expect(list).toEqual({ partition: Math.floor(high / 2 ** 22), primaries: [alone], fallbacks: [] });
      }
    }
  });

  it.each([0, 1, 63, 65, 100, 1023, 131_072, 1.5, Number.NaN, -64])('refuses %d partitions', (partitions) => {
    expect(() => createRing({ partitions, members: [alone] })).toThrow(refused);
  });

  it.each([64, 1024, 16_384, 65_536])('takes %d partitions', (partitions) => {
    expect(createRing({ partitions, members: [alone] }).replicas).toHaveLength(partitions);
  });

  it('refuses to begin with none or several', () => {
    expect(() => createRing({ members: [] })).toThrow(refused);
    expect(() => createRing({ members: [alone, alone] })).toThrow(refused);
  });

  it('gives shorter lists as prefixes of longer ones', () => {
    const members = ['a', 'b', 'c', 'd'].map((name) => ({ id: name, name }));
    const ring = { epoch: 2, partitions: 64, members, replicas: new Array<number[]>(64).fill([2, 0, 3, 1]) };
    const names = (n: number): string => {
      const list = preferenceList(ring, { high: 0, low: 0 }, n);
      return `${list.primaries.map((m) => m.name).join('')}|${list.fallbacks.map((m) => m.name).join('')}`;
    };
    expect([1, 2, 3, 4, 9].map(names)).toEqual(['c|adb', 'ca|db', 'cad|b', 'cadb|', 'cadb|']);
  });
});
