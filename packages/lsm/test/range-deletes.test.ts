import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RangeDelete } from '@coterie/bytes';
import { RangeDeleteIndex } from '../src/range-deletes.ts';

const key = fc.integer({ min: 0, max: 60 }).map((n) => Uint8Array.of(n));
const range = fc.tuple(key, key).filter(([from, to]) => from[0] < to[0]);

test('covering agrees with looking at every range delete, while the list grows', () => {
  fc.assert(
    fc.property(
      fc.array(range, { maxLength: 90 }),
      fc.array(fc.tuple(key, fc.integer({ min: 0, max: 100 })), { maxLength: 40 }),
      (ranges, queries) => {
        const list: RangeDelete[] = [];
        const index = new RangeDeleteIndex(list);
        ranges.forEach(([from, to], i) => {
          list.push({ from, to, sequence: i + 1 });
          const query = queries[i % Math.max(1, queries.length)];
          if (query === undefined) return;
          const [at, maxSequence] = query;
          const covering = list
            .filter((one) => one.sequence <= maxSequence && one.from[0] <= at[0] && one.to[0] > at[0])
            .map((one) => one.sequence);
          expect(index.covering(at, 0, 1, maxSequence)).toBe(Math.max(0, ...covering));
        });
      },
    ),
    { numRuns: 300 },
  );
});
