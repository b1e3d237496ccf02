import { describe, expect, test } from 'vitest';
import { hash32 } from '@coterie/bytes';
import { HashIndex } from '../src/hash-index.ts';
import { Records } from '../src/records.ts';
import { addEntry, findEntry, keyOf, memtableOf } from './drive.ts';

describe('the hash index', () => {
  test('grows past what was expected, with versions and range deletes among the keys', () => {
    const table = memtableOf(1 << 20);
    const before = table.indexBytes;
    const newest = new Map<string, number>();
    let sequence = 0;
    let wrong = 0;
    const add = (key: string): void => {
      addEntry(table, { key: keyOf(key), sequence: ++sequence, type: 1, value: keyOf('') });
      newest.set(key, sequence);
    };
    for (let i = 0; i < 15_000; i++) {
      add(`k${i}`);
      // Finds and adds while keys move: long added ones, late ones, absent ones.
      if (i % 7 === 0) add(`k${(i * 31) % (i + 1)}`);
      if (i % 1000 === 0) table.addRangeDelete({ from: keyOf('a'), to: keyOf('bb'), sequence: ++sequence });
      for (const probe of [i, (i * 7919) % (i + 1), i >> 1]) {
        if (findEntry(table, keyOf(`k${probe}`))?.sequence !== newest.get(`k${probe}`)) wrong++;
      }
      if (findEntry(table, keyOf(`k${i + 1}`)) !== undefined) wrong++;
    }
    expect(table.indexBytes).toBeGreaterThan(before);
    for (const [key, expected] of newest) if (findEntry(table, keyOf(key))?.sequence !== expected) wrong++;
    expect(wrong).toBe(0);
  });

  test('moves keys that lie behind a hundred thousand versions', () => {
    const table = memtableOf(4 << 20);
    let sequence = 0;
    const add = (key: string): void => addEntry(table, { key: keyOf(key), sequence: ++sequence, type: 0, value: keyOf('') });
    for (let i = 0; i < 10; i++) add(`first${i}`);
    for (let i = 0; i < 100_000; i++) add(`first${i % 10}`);
    for (let i = 0; i < 2000; i++) add(`second${i}`);
    let found = 0;
    for (let i = 0; i < 2000; i++) if (findEntry(table, keyOf(`second${i}`))?.sequence === 100_011 + i) found++;
    for (let i = 0; i < 10; i++) if (findEntry(table, keyOf(`first${i}`))?.sequence === 100_001 + i) found++;
    expect(found).toBe(2010);
  });

  test('tells keys of one hash apart, around the end of the slots', () => {
    const records = new Records(new SharedArrayBuffer(4096));
    const index = new HashIndex(records);
    const added: [Uint8Array, number, number][] = [];
    for (const [i, hash] of [0xffffffff, 0xffffffff, 0xfffffffe, 0xffffffff, 0, 0].entries()) {
      const bytes = keyOf(`same hash ${i}`);
      expect(index.find(bytes, 0, bytes.length, hash)).toBe(0);
      const key = records.begin(records.top, 1, bytes.length);
      records.finish(key, 0, 0, records.write(key + 4, bytes, 0, bytes.length));
      index.insert(hash, key);
      added.push([bytes, hash, key]);
    }
    for (const [bytes, hash, key] of added) expect(index.find(bytes, 0, bytes.length, hash)).toBe(key);
    expect(index.find(keyOf('same hash 9'), 0, 11, 0xffffffff)).toBe(0);
    index.clear();
    for (const [bytes, hash] of added) expect(index.find(bytes, 0, bytes.length, hash)).toBe(0);
  });

  test('knows keys of up to 64 KiB - 1 that differ only in their last byte', () => {
    const table = memtableOf(1 << 20);
    const long = new Uint8Array(65535).fill(0x61);
    for (let i = 1; i <= 4; i++) {
      long[65534] = i;
      addEntry(table, { key: long.slice(), sequence: i, type: 1, value: keyOf(String(i)) });
    }
    long[65534] = 3;
    expect(findEntry(table, long)?.sequence).toBe(3);
    long[65534] = 9;
    expect(findEntry(table, long)).toBeUndefined();
    expect(hash32(long, 0, 65535)).toBeGreaterThan(0);
  });
});
