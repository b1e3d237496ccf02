import { describe, expect, test } from 'vitest';
import { Memtable } from '../src/index.ts';
import { addEntry, backward, keyOf, memtableOf } from './drive.ts';

/** The worked example of docs/formats/memtable.md, word by word. */
const example = [
  0x4d454d32,
  0x21,
  3,
  2,
  7,
  0,
  10,
  0,
  0x15,
  ...[0x1b, 4, 7, 0x04000004, 0x72616570, 0x65706972],
  ...[0xf, 3, 8, 0x04000001, 0x00676966, 0x78],
  ...[0, 4, 9, 0x80000002, 1, 0x6261],
  ...[9, 8, 10, 0x40000000, 9, 1],
  ...[0xf, 9],
];

describe('the layout', () => {
  test('writes the documented example', () => {
    const table = memtableOf(4 * example.length);
    addEntry(table, { key: keyOf('pear'), sequence: 7, type: 1, value: keyOf('ripe') });
    addEntry(table, { key: keyOf('fig'), sequence: 8, type: 1, value: keyOf('x') });
    table.addRangeDelete({ from: keyOf('a'), to: keyOf('b'), sequence: 9 });
    addEntry(table, { key: keyOf('pear'), sequence: 10, type: 0, value: keyOf('') });
    table.freeze();
    expect(table.remainingBytes).toBe(0);
    expect([...new Uint32Array(table.arena)]).toEqual(example);
  });

  test('reads the documented example', () => {
    const arena = new SharedArrayBuffer(4 * example.length);
    new Uint32Array(arena).set(example);
    const table = Memtable.attach(arena);
    expect(backward(table)).toEqual([
      { key: keyOf('pear'), sequence: 7, type: 1, value: keyOf('ripe') },
      { key: keyOf('pear'), sequence: 10, type: 0, value: keyOf('') },
      { key: keyOf('fig'), sequence: 8, type: 1, value: keyOf('x') },
    ]);
    expect(table.rangeDeletes).toEqual([{ from: keyOf('a'), to: keyOf('b'), sequence: 9 }]);
  });
});
