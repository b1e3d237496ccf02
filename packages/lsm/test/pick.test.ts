import { expect, test } from 'vitest';
import { pick, type PickInput } from '../src/pick.ts';
import { emptyVersion, levelCount, type TableMeta, type Version } from '../src/version.ts';
import { meta } from './meta.ts';

function version(levels: Readonly<Record<number, readonly TableMeta[]>>): Version {
  return { levels: emptyVersion.levels.map((_, level) => levels[level] ?? []), losses: [] };
}

function input(levels: Readonly<Record<number, readonly TableMeta[]>>, more: Partial<PickInput> = {}): PickInput {
  return {
    version: version(levels),
    eagerness: 'debt',
    level0Tables: 4,
    level1Bytes: 10_000,
    snapshots: [],
    quarantined: new Set(),
    rangeDeletes: [],
    lastPushed: new Array<undefined>(levelCount).fill(undefined),
    ...more,
  };
}

const numbers = (tables: readonly TableMeta[]): number[] => tables.map((one) => one.number);

test('level 0 waits for its trigger, less when idle, not at all when settling', () => {
  const two = { 0: [meta(2, 0, 9), meta(1, 0, 9)], 1: [meta(9, 3, 4), meta(8, 20, 30)] };
  expect(pick(input(two))).toBeUndefined();
  const idle = pick(input(two, { eagerness: 'idle' }));
  expect(idle).toMatchObject({ kind: 'merge', inputLevel: 0, outputLevel: 1, lowestRun: true });
  expect(idle?.kind === 'merge' && idle.runs.map(numbers)).toEqual([[2], [1], [9]]);
  expect(pick(input({ 0: [meta(1, 0, 9)] }, { eagerness: 'settle' }))).toMatchObject({ kind: 'move', outputLevel: 1 });
});

test('one table of mostly tombstones is reason enough for level 0 when idle, unless a snapshot needs them', () => {
  const levels = { 0: [meta(5, 0, 9, { tombstones: 8 })], 1: [meta(9, 3, 4)] };
  expect(pick(input(levels))).toBeUndefined();
  expect(pick(input(levels, { eagerness: 'idle' }))).toMatchObject({ kind: 'merge', inputLevel: 0, outputLevel: 1, lowestRun: true });
  expect(pick(input(levels, { eagerness: 'idle', snapshots: [52] }))).toBeUndefined();
});

test('a merge above deeper tables of the same keys is not the lowest run', () => {
  const choice = pick(input({ 0: [4, 3, 2, 1].map((n) => meta(n, 0, 9)), 2: [meta(9, 5, 5)] }));
  expect(choice).toMatchObject({ kind: 'merge', lowestRun: false });
});

test('a level over its target pushes down one table, in turn around the key space', () => {
  const full = [meta(1, 0, 9, { fileBytes: 9000 }), meta(2, 10, 19, { fileBytes: 9000 })];
  expect(pick(input({ 1: full }))).toMatchObject({ kind: 'move', table: { number: 1 }, outputLevel: 2 });
  const lastPushed = new Array<Uint8Array | undefined>(levelCount).fill(undefined);
  lastPushed[1] = Uint8Array.of(9);
  expect(pick(input({ 1: full }, { lastPushed }))).toMatchObject({ kind: 'move', table: { number: 2 } });
});

test('tables of mostly tombstones go first, unless a snapshot needs them', () => {
  const levels = { 1: [meta(5, 0, 9, { tombstones: 8 })] };
  expect(pick(input(levels))).toMatchObject({ kind: 'merge', inputLevel: 1, outputLevel: 1, lowestRun: true });
  expect(pick(input(levels, { snapshots: [52] }))).toBeUndefined();
});

test('tables that a range delete hides from everybody are dropped, unread', () => {
  const levels = { 1: [meta(1, 2, 3), meta(2, 5, 9)] };
  const rangeDeletes = [{ from: Uint8Array.of(4), to: Uint8Array.of(10), sequence: 500 }];
  expect(pick(input(levels, { rangeDeletes }))).toMatchObject({ kind: 'drop', tables: [{ number: 2 }] });
  expect(pick(input(levels, { rangeDeletes, snapshots: [30] }))).toBeUndefined();
  expect(pick(input(levels, { rangeDeletes: [{ ...rangeDeletes[0], to: Uint8Array.of(9) }] }))).toBeUndefined();
});

test('pushing a table down whose tombstones a snapshot keeps gets it a level further, never back where it was', () => {
  const table = meta(5, 0, 9, { fileBytes: 20_000, tombstones: 3 });
  expect(pick(input({ 1: [table] }, { snapshots: [1], eagerness: 'settle' }))).toMatchObject({ inputLevel: 1, outputLevel: 2 });
  expect(pick(input({ 6: [table] }, { snapshots: [1], eagerness: 'settle' }))).toBeUndefined();
});

test('a quarantined table is left alone', () => {
  const levels = { 0: [4, 3, 2, 1].map((n) => meta(n, 0, 9)) };
  expect(pick(input(levels, { quarantined: new Set([3]) }))).toBeUndefined();
});
