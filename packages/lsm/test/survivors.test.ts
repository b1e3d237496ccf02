import fc from 'fast-check';
import { expect, test } from 'vitest';
import { entryType } from '@coterie/bytes';
import { Survivors } from '../src/survivors.ts';

interface Version {
  readonly sequence: number;
  readonly type: number;
}

/** What a reader at `at` sees among `versions` (newest first), with range deletes over the key. */
function visible(versions: readonly Version[], ranges: readonly number[], at: number): number | undefined {
  const newest = versions.find((version) => version.sequence <= at);
  if (newest === undefined || newest.type === entryType.delete) return undefined;
  return ranges.some((range) => range <= at && range > newest.sequence) ? undefined : newest.sequence;
}

const history = fc.record({
  sequences: fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 12 }),
  deletes: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
  ranges: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
  snapshots: fc.uniqueArray(fc.integer({ min: 0, max: 31 }), { maxLength: 4 }),
  lowestRun: fc.boolean(),
});

test('every open snapshot, and the present, see the same before and after', () => {
  fc.assert(
    fc.property(history, ({ sequences, deletes, ranges, snapshots, lowestRun }) => {
      const ordered = sequences.toSorted((a, b) => b - a);
      const rangeDeletes = ordered.filter((_, i) => ranges[i]);
      const versions = ordered
        .map((sequence, i) => ({ sequence, type: deletes[i] ? entryType.delete : entryType.put }))
        .filter(({ sequence }) => !rangeDeletes.includes(sequence));
      const sorted = snapshots.toSorted((a, b) => a - b);
      const survivors = new Survivors(sorted, lowestRun);
      const covering = (atMost: number) => Math.max(0, ...rangeDeletes.filter((range) => range <= atMost));
      const kept = versions.filter((version) => survivors.keeps(version.sequence, version.type, covering));
      const keptRanges = rangeDeletes.filter((range) => !survivors.dropsTombstone(range));
      for (const at of [...sorted, 1000]) expect(visible(kept, keptRanges, at)).toBe(visible(versions, rangeDeletes, at));
    }),
    { numRuns: 2000 },
  );
});

test('without snapshots only the newest entry of a key is kept, and no tombstone at the lowest run', () => {
  const survivors = new Survivors([], true);
  const none = () => 0;
  expect(survivors.keeps(9, entryType.put, none)).toBe(true);
  expect(survivors.keeps(4, entryType.put, none)).toBe(false);
  survivors.startKey();
  expect(survivors.keeps(8, entryType.delete, none)).toBe(false);
  expect(survivors.keeps(3, entryType.put, none)).toBe(false);
});
