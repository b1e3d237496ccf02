import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Placed, ShortLivedMap, ShortLivedSet } from '../src/index.ts';

/** What is done to both, one after the other: added where it is missing, removed where it is there. */
const steps = fc.array(fc.nat(400), { minLength: 1, maxLength: 1500 });

describe('ShortLivedSet', () => {
  it('holds what a Set holds', () => {
    fc.assert(
      fc.property(steps, (numbers) => {
        const items = Array.from({ length: 401 }, (_, number) => ({ number, position: -1 }));
        const [set, twin] = [new ShortLivedSet<Placed & { number: number }>(), new Set<number>()];
        for (const number of numbers) {
          const wasThere = twin.delete(number);
          expect(set.remove(items[number])).toBe(wasThere);
          if (wasThere) continue;
          set.add(items[number]);
          twin.add(number);
        }
        expect(set.size).toBe(twin.size);
        expect(new Set(set.list().map(({ number }) => number))).toEqual(twin);
      }),
    );
  });

  it('leaves an item of another set where it is', () => {
    const [set, other] = [new ShortLivedSet<Placed>(), new ShortLivedSet<Placed>()];
    const [item, others] = [{ position: -1 }, { position: -1 }];
    set.add(item);
    other.add(others);
    expect(set.remove(others)).toBe(false);
    expect([set.list(), other.list(), other.remove(others), other.remove(others)]).toEqual([[item], [others], true, false]);
  });

  it('may change while its items are gone through', () => {
    const set = new ShortLivedSet<Placed>();
    for (let i = 0; i < 5; i++) set.add({ position: -1 });
    for (const item of set.list()) set.remove(item);
    expect([set.size, set.list()]).toEqual([0, []]);
  });
});

describe('ShortLivedMap', () => {
  it.each([
    ['numbers', (n: number) => n * 64],
    ['short strings', (n: number) => `k${n}`],
    ['long strings that differ in their midst', (n: number) => `${'x'.repeat(40)}${n}${'y'.repeat(40)}`],
  ])('holds what a Map holds, by %s', (_, idOf: (n: number) => number | string) => {
    fc.assert(
      fc.property(steps, (numbers) => {
        const [map, twin] = [new ShortLivedMap<number | string, { id: number | string }>(), new Map<number | string, unknown>()];
        for (const number of numbers) {
          const id = idOf(number);
          expect(map.get(id)).toBe(twin.get(id));
          expect(map.remove(id)).toBe(twin.get(id));
          if (twin.delete(id)) continue;
          const item = { id };
          map.add(item);
          twin.set(id, item);
        }
        expect(map.size).toBe(twin.size);
        expect(new Set(map.list())).toEqual(new Set(twin.values()));
      }),
      { numRuns: 30 },
    );
  });
});
