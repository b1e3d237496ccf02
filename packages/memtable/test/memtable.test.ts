import { compareBytes, hash32, maxSequence } from '@coterie/bytes';
import { describe, expect, test } from 'vitest';
import { Memtable } from '../src/index.ts';
import { addEntry, findEntry, forward, keyOf, memtableOf } from './drive.ts';
import { Twin } from './twin.ts';

const entry = (key: string, sequence: number, value = 'v'): { key: Uint8Array; sequence: number; type: number; value: Uint8Array } => ({
  key: keyOf(key),
  sequence,
  type: 1,
  value: keyOf(value),
});

describe('capacity', () => {
  test('the smallest arena for an entry holds it, and one word less does not', () => {
    for (const [keyBytes, valueBytes] of [
      [1, 0],
      [4, 4],
      [5, 1],
      [16, 100],
      [65535, 3],
      [3, 70_000],
    ]) {
      const one = { ...entry('k'.repeat(keyBytes), 7), value: new Uint8Array(valueBytes).fill(9) };
      const needed = Memtable.arenaBytesFor(keyBytes, valueBytes);
      const table = memtableOf(needed);
      expect(table.remainingBytes).toBe(Memtable.entryBytesMax(keyBytes, valueBytes));
      addEntry(table, one);
      expect([table.remainingBytes, table.usedBytes]).toEqual([0, needed]);
      table.freeze();
      const [read] = forward(Memtable.attach(table.arena));
      expect([compareBytes(read.key, one.key), compareBytes(read.value, one.value), read.sequence, read.type]).toEqual([0, 0, 7, 1]);
      expect(() => addEntry(memtableOf(needed - 4), one)).toThrow('fits');
    }
  });

  test('a range delete fits where an entry of its lengths does', () => {
    const range = { from: keyOf('from'), to: keyOf('to-and-on'), sequence: 3 };
    const table = memtableOf(Memtable.arenaBytesFor(4, 9));
    expect(table.fits(Memtable.rangeDeleteBytesMax(4, 9))).toBe(true);
    table.addRangeDelete(range);
    table.freeze();
    expect(Memtable.attach(table.arena).rangeDeletes).toEqual([range]);
  });

  test('a tiny arena is filled to its last word, by new keys and by versions, and freezes', () => {
    for (let arenaBytes = 64; arenaBytes < 1100; arenaBytes += 20) {
      const table = memtableOf(arenaBytes + (arenaBytes % 3));
      const twin = new Twin();
      for (let sequence = 1; ; sequence++) {
        const next = entry(`key${(sequence * 7) % 13}`, sequence, 'x'.repeat(sequence % 4));
        if (!table.fits(Memtable.entryBytesMax(next.key.length, next.value.length))) break;
        const before = table.remainingBytes;
        addEntry(table, next);
        twin.add(next);
        expect(before - table.remainingBytes).toBeLessThanOrEqual(Memtable.entryBytesMax(next.key.length, next.value.length));
      }
      table.freeze();
      expect(table.remainingBytes).toBeLessThan(Memtable.entryBytesMax(5, 3));
      expect(forward(Memtable.attach(table.arena))).toEqual(twin.entries);
    }
  });

  test('16 MiB hold 120,000 entries of 16 + 100 bytes', () => {
    expect(Math.floor(2 ** 24 / Memtable.entryBytesMax(16, 100))).toBeGreaterThan(120_000);
  });

  test('an arena of 128 MiB with a value of 32 MiB at its end', () => {
    const table = memtableOf(128 * 2 ** 20);
    const value = new Uint8Array(32 * 2 ** 20);
    value[0] = 1;
    value[value.length - 1] = 2;
    for (const [sequence, key] of ['a', 'c', 'b'].entries()) addEntry(table, { key: keyOf(key), sequence: sequence + 1, type: 1, value });
    expect(table.fits(Memtable.entryBytesMax(1, value.length))).toBe(false);
    addEntry(table, { key: keyOf('bb'), sequence: 9, type: 1, value: value.subarray(0, value.length - 1024) });
    const found = table.find(keyOf('bb'), hash32(keyOf('bb'), 0, 2), maxSequence);
    expect(table.valueEndAt(found) - table.valueStartAt(found)).toBe(value.length - 1024);
    expect(table.bytes[table.valueStartAt(found)]).toBe(1);
    table.freeze();
    const cursor = Memtable.attach(table.arena).cursor();
    const keys: string[] = [];
    for (cursor.seekToFirst(); cursor.valid; cursor.next())
      keys.push(String.fromCharCode(...cursor.keyBytes.slice(cursor.keyStart, cursor.keyEnd)));
    expect(keys).toEqual(['a', 'b', 'bb', 'c']);
    expect(() => memtableOf(128 * 2 ** 20 + 4)).toThrow('128 MiB');
  });
});

describe('what is not allowed asserts', () => {
  test.each([
    ['an empty key', { key: keyOf(''), sequence: 9 }],
    ['a key of 64 KiB', { key: new Uint8Array(65536), sequence: 9 }],
    ['a sequence again', { sequence: 5 }],
    ['a sequence of 2^48', { sequence: 2 ** 48 }],
    ['a type over four bits', { sequence: 9, type: 16 }],
    ['too much', { sequence: 9, value: new Uint8Array(1 << 20) }],
  ])('%s', (_, wrong) => {
    const table = memtableOf(1 << 20);
    addEntry(table, entry('a', 5));
    expect(() => addEntry(table, { ...entry('b', 6), ...wrong })).toThrow('assertion failed');
    expect(forward(table)).toEqual([entry('a', 5)]);
    expect([table.entries, table.lastSequence]).toEqual([1, 5]);
  });

  test('adding to, and freezing, a frozen memtable; attaching to one that is not; adding to an attached one', () => {
    const table = memtableOf(4096);
    addEntry(table, entry('a', 1));
    expect(() => Memtable.attach(table.arena)).toThrow('frozen');
    table.freeze();
    expect(() => addEntry(table, entry('b', 2))).toThrow('frozen');
    expect(() => table.addRangeDelete({ from: keyOf('a'), to: keyOf('b'), sequence: 2 })).toThrow('frozen');
    expect(() => table.freeze()).toThrow('once');
    const attached = Memtable.attach(table.arena);
    expect(() => addEntry(attached, entry('b', 2))).toThrow('frozen');
    expect(() => attached.reset()).toThrow('read only');
    table.reset();
    addEntry(table, entry('b', 1));
    expect(() => Memtable.attach(table.arena)).toThrow('frozen');
  });
});

describe('values and sequences', () => {
  test('a key record and its versions keep sequences up to 2^48 - 1', () => {
    const table = memtableOf(4096);
    const sequences = [1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 47, maxSequence];
    for (const sequence of sequences) addEntry(table, entry('k', sequence, String(sequence)));
    for (const sequence of sequences) expect(findEntry(table, keyOf('k'), sequence)).toEqual(entry('k', sequence, String(sequence)));
    expect(findEntry(table, keyOf('k'), 0)).toBeUndefined();
    expect(forward(table).map((each) => each.sequence)).toEqual(sequences.toReversed());
    table.freeze();
    const attached = Memtable.attach(table.arena);
    expect([attached.firstSequence, attached.lastSequence]).toEqual([1, maxSequence]);
  });

  test('every value length from parts of arrays and whole ones, plain or Buffer, arrives as it was', () => {
    const table = memtableOf(1 << 20);
    let sequence = 0;
    for (let length = 0; length < 140; length++) {
      const value = Uint8Array.from({ length }, (_, i) => i * 7 + length);
      for (const [kind, surround] of [
        ['whole', 0],
        ['part', 1],
        ['part', 4],
      ] as const) {
        const one = { ...entry(`${kind}${surround}-${length}`, ++sequence), value };
        addEntry(table, one, surround);
        addEntry(table, { ...one, key: Buffer.from(`${one.key}b`), sequence: ++sequence, value: Buffer.from(value) });
        expect(findEntry(table, one.key)?.value).toEqual(value);
        expect(findEntry(table, keyOf(`${one.key}b`))?.value).toEqual(value);
      }
    }
  });

  test('entries that lie side by side in one array, then in another, arrive as they were', () => {
    const table = memtableOf(1 << 20);
    const twin = new Twin();
    let sequence = 0;
    for (let source = 0; source < 6; source++) {
      const bytes = source % 2 === 0 ? new Uint8Array(30_000) : Buffer.alloc(30_000);
      let at = source;
      // Lengths on both sides of every limit, at every offset within a word.
      for (let length = 1; length < 40 + source * 100; length += 1 + source * 3) {
        for (let i = 0; i < 2 * length; i++) bytes[at + i] = (i * 31 + length * 7 + source) & 0xff;
        const middle = at + length;
        const end = middle + length;
        const keyHash = hash32(bytes, at, middle);
        const range = { keyBytes: bytes, keyStart: at, keyEnd: middle, valueBytes: bytes, valueStart: middle, valueEnd: end };
        table.add({ ...range, keyHash, sequence: ++sequence, type: 1 });
        twin.add({ key: new Uint8Array(bytes.slice(at, middle)), sequence, type: 1, value: new Uint8Array(bytes.slice(middle, end)) });
        at = end < 28_000 ? end : source;
      }
    }
    expect(forward(table)).toEqual(twin.entries);
  });

  test('what the caller does to its bytes afterwards changes nothing', () => {
    const table = memtableOf(4096);
    const one = entry('key', 1, 'value');
    const range = { from: keyOf('a'), to: keyOf('b'), sequence: 2 };
    addEntry(table, one);
    table.addRangeDelete(range);
    one.key.fill(0);
    one.value.fill(0);
    range.from.fill(0);
    expect(forward(table)).toEqual([entry('key', 1, 'value')]);
    expect(table.rangeDeletes[0].from).toEqual(keyOf('a'));
  });
});

describe('reset', () => {
  test('leaves nothing of what was, over many fillings of one arena', () => {
    const table = memtableOf(8 * 1024);
    for (let filling = 0; filling < 12; filling++) {
      const twin = new Twin();
      expect([table.entries, table.firstSequence, table.lastSequence, table.rangeDeletes.length, table.frozen]).toEqual([
        0,
        0,
        0,
        0,
        false,
      ]);
      const range = { from: keyOf('a'), to: keyOf(`b${filling}`), sequence: 1 };
      table.addRangeDelete(range);
      for (let i = 2; table.fits(Memtable.entryBytesMax(8, 10)); i++) {
        const one = entry(`k${(i * 31 + filling) % 997}`, i, `${filling}`);
        addEntry(table, one);
        twin.add(one);
      }
      expect(findEntry(table, keyOf('nothing'))).toBeUndefined();
      expect(forward(table)).toEqual(twin.entries);
      if (filling % 2 === 0) {
        table.freeze();
        expect(Memtable.attach(table.arena).rangeDeletes).toEqual([range]);
      }
      table.reset();
      expect(forward(table)).toEqual([]);
      expect(findEntry(table, keyOf('k1'))).toBeUndefined();
    }
  });
});
