import fc from 'fast-check';
import { expect, test } from 'vitest';
import { boundsOf, overlaps, tableForKey } from '../src/bounds.ts';
import { applyEdit, emptyVersion, flawOf } from '../src/version.ts';
import { meta } from './meta.ts';
import { decodeEdit, encodeEdit } from '../src/version-edit.ts';

const table = fc.record({
  number: fc.nat(2 ** 40),
  fileBytes: fc.nat(),
  entries: fc.nat(),
  tombstones: fc.nat(),
  rangeDeletes: fc.nat(),
  smallestSequence: fc.nat(2 ** 47),
  largestSequence: fc.nat(2 ** 47),
  lower: fc.uint8Array({ maxLength: 20 }),
  upper: fc.uint8Array({ maxLength: 20 }),
  upperExclusive: fc.boolean(),
});

test('an edit survives encoding', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(2 ** 40)),
      fc.array(fc.record({ level: fc.nat(6), table })),
      fc.nat(2 ** 40),
      fc.option(fc.nat(2 ** 47), { nil: undefined }),
      (removed, added, nextFileNumber, flushed) => {
        const edit = { removed, added, nextFileNumber, ...(flushed === undefined ? {} : { flushedSequence: flushed }) };
        const decoded = decodeEdit(encodeEdit(edit));
        expect(decoded).toEqual({ ...edit, added: added.map((one) => ({ ...one, table: { ...one.table } })) });
      },
    ),
  );
});

test('cut or changed edits are refused or decode to an edit, never crash otherwise', () => {
  const bytes = encodeEdit({ removed: [1, 2], added: [{ level: 1, table: meta(3, 1, 9) }], nextFileNumber: 4 });
  for (let length = 0; length < bytes.length; length++) {
    expect(() => decodeEdit(bytes.slice(0, length))).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
  }
});

test('edits keep level 0 newest first and runs in key order', () => {
  const first = applyEdit(emptyVersion, {
    removed: [],
    added: [
      { level: 0, table: meta(1, 0, 9) },
      { level: 1, table: meta(7, 5, 6) },
    ],
    nextFileNumber: 9,
  });
  const second = applyEdit(first, {
    removed: [],
    added: [
      { level: 0, table: meta(2, 0, 9) },
      { level: 1, table: meta(8, 1, 2) },
    ],
    nextFileNumber: 9,
  });
  expect(second.levels[0].map((one) => one.number)).toEqual([2, 1]);
  expect(second.levels[1].map((one) => one.number)).toEqual([8, 7]);
  expect(
    applyEdit(second, { removed: [2, 8], added: [], nextFileNumber: 9 })
      .levels.slice(0, 2)
      .map((level) => level.map((one) => one.number)),
  ).toEqual([[1], [7]]);
});

test('bounds, overlap and the table for a key respect exclusive ends', () => {
  const run = [meta(1, 10, 20, { upperExclusive: true }), meta(2, 20, 30)];
  expect(overlaps(run[0], run[1])).toBe(false);
  expect(overlaps(meta(3, 0, 10), run[0])).toBe(true);
  expect(boundsOf(run)).toEqual({ lower: Uint8Array.of(10), upper: Uint8Array.of(30), upperExclusive: false });
  expect([5, 10, 19, 20, 30, 31].map((n) => tableForKey(run, Uint8Array.of(n), 0, 1))).toEqual([0, 0, 0, 1, 1, 2]);
});

test('a version that no edits of ours make is told from a sound one', () => {
  const of = (...added: [number, ReturnType<typeof meta>][]): string | undefined =>
    flawOf(applyEdit(emptyVersion, { removed: [], added: added.map(([level, one]) => ({ level, table: one })), nextFileNumber: 100 }));
  expect(of([0, meta(1, 1, 9)], [0, meta(2, 1, 9)], [1, meta(3, 1, 4)], [1, meta(4, 5, 9)])).toBeUndefined();
  expect(of([1, meta(3, 1, 5, { upperExclusive: true })], [1, meta(4, 5, 9)])).toBeUndefined();
  expect(of([1, meta(3, 1, 5)], [1, meta(4, 5, 9)])).toMatch(/overlap/);
  expect(of([2, meta(3, 1, 5)], [2, meta(3, 1, 5)])).toMatch(/twice/);
  expect(of([0, meta(3, 1, 5)], [1, meta(3, 1, 5)])).toMatch(/twice/);
});
