import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Memtable } from '../src/index.ts';
import { backward, findEntry, forward } from './drive.ts';
import { type Operation, operation, Pair } from './pair.ts';

const runs = process.env['COTERIE_LONG'] ? 5000 : 300;

describe('against a sorted array', () => {
  test('any operations give the same answers, before and after freezing', () => {
    fc.assert(fc.property(fc.array(operation, { maxLength: 200 }), replay), { numRuns: runs });
  });
});

function replay(operations: Operation[]): void {
  const pair = new Pair();
  for (const step of operations) pair.step(step);
  const { table, twin } = pair;
  expect(forward(table)).toEqual(twin.entries);
  table.freeze();
  for (const reader of [table, Memtable.attach(table.arena)]) {
    expect(forward(reader)).toEqual(twin.entries);
    expect(backward(reader)).toEqual(twin.entries.toReversed());
    expect(reader.rangeDeletes).toEqual(pair.ranges);
    expect([reader.firstSequence, reader.lastSequence, reader.entries]).toEqual([pair.first, pair.sequence, twin.entries.length]);
    for (const { key, sequence } of twin.entries) {
      expect(findEntry(reader, key, sequence)).toEqual(twin.find(key, sequence));
      expect(findEntry(reader, key, sequence - 1)).toEqual(twin.find(key, sequence - 1));
    }
  }
}
