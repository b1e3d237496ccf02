/** Loose entries: kept from those who read the memtable, and there, in order, for who writes it to a file. */
import { hash32, maxSequence } from '@coterie/bytes';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Memtable } from '../src/index.ts';
import { addEntry, findEntry, forward, keyOf, memtableOf } from './drive.ts';
import { Twin, type TwinEntry } from './twin.ts';

function addLoose(table: Memtable, { key, sequence, type, value }: TwinEntry): void {
  const keyHash = hash32(key, 0, key.length);
  table.addLoose({
    keyBytes: key,
    keyStart: 0,
    keyEnd: key.length,
    keyHash,
    sequence,
    type,
    valueBytes: value,
    valueStart: 0,
    valueEnd: value.length,
  });
}

/** What is added: which of a few keys, what value, and how. */
interface Step {
  readonly key: number;
  readonly valueBytes: number;
  readonly isLoose: boolean;
}

const steps = fc.array(fc.record({ key: fc.nat(30), valueBytes: fc.nat(30), isLoose: fc.boolean() }), { minLength: 1, maxLength: 400 });

/** Adds steps as long as they fit, to a memtable and to a twin of either kind. */
function fill(todo: readonly Step[]): { readonly table: Memtable; readonly read: Twin; readonly loose: Twin } {
  const table = memtableOf(12_000);
  const [read, loose] = [new Twin(), new Twin()];
  for (const [at, { key, valueBytes, isLoose }] of todo.entries()) {
    const entry = {
      key: keyOf(`key ${key}`),
      sequence: at + 1,
      type: valueBytes === 0 ? 0 : 1,
      value: new Uint8Array(valueBytes).fill(at),
    };
    if (!table.fits(Memtable.entryBytesMax(entry.key.length, valueBytes))) break;
    if (isLoose) addLoose(table, entry);
    else addEntry(table, entry);
    (isLoose ? loose : read).add(entry);
  }
  return { table, read, loose };
}

describe('loose entries', () => {
  test('are met by nobody who reads, and come in order where the arena is attached to', () => {
    fc.assert(
      fc.property(steps, (todo) => {
        const { table, read, loose } = fill(todo);
        for (const { key } of loose.entries) expect(findEntry(table, key)).toEqual(read.find(key, maxSequence));
        expect(forward(table)).toEqual(read.entries);
        table.freeze();
        const attached = Memtable.attach(table.arena);
        const sorted = attached.loose();
        expect(forward(attached)).toEqual(read.entries);
        expect(sorted === undefined ? [] : forward(sorted)).toEqual(loose.entries);
        expect(attached.entries).toBe(read.entries.length + loose.entries.length);
      }),
    );
  });

  test('are all that a memtable needs to have', () => {
    const table = memtableOf(Memtable.arenaBytesFor(5, 1));
    const entry = { key: keyOf('alone'), sequence: 3, type: 1, value: keyOf('v') };
    addLoose(table, entry);
    expect(() => addLoose(table, { ...entry, sequence: 4 })).toThrow('fits');
    table.freeze();
    const attached = Memtable.attach(table.arena);
    expect([forward(attached), forward(attached.loose() as Memtable)]).toEqual([[], [entry]]);
    expect([table.firstSequence, table.lastSequence, table.entries]).toEqual([3, 3, 1]);
  });

  test('are none after a reset, and none where none were added', () => {
    const table = memtableOf(4096);
    addLoose(table, { key: keyOf('gone'), sequence: 1, type: 1, value: keyOf('v') });
    table.freeze();
    table.reset();
    addEntry(table, { key: keyOf('there'), sequence: 2, type: 1, value: keyOf('v') });
    table.freeze();
    expect(Memtable.attach(table.arena).loose()).toBeUndefined();
  });

  test('have the same limits as others', () => {
    const table = memtableOf(4096);
    const entry = { key: keyOf('k'), sequence: 5, type: 1, value: keyOf('v') };
    addLoose(table, entry);
    expect(() => addLoose(table, entry)).toThrow('sequences rise');
    expect(() => addLoose(table, { ...entry, sequence: 6, key: keyOf('') })).toThrow('a key has');
    expect(() => table.loose()).toThrow('where the arena is read');
  });
});
