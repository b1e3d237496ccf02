import { compareBytes } from '@coterie/bytes';
import { describe, expect, test } from 'vitest';
import { Memtable } from '../src/index.ts';
import { addEntry, current, forward, keyOf, memtableOf } from './drive.ts';
import { Twin } from './twin.ts';

/** Every string of one to three of these bytes, with and without eight and four bytes in front. */
function edgeKeys(): Uint8Array[] {
  const letters = ['\x00', '\x01', '\x7f', '\x80', '\xff'];
  const tails = [...letters];
  for (const a of letters) for (const b of letters) tails.push(a + b, a + b + a, a + b + b);
  const keys = ['', 'abcd', 'abcdefgh', '\xff\xff\xff\xff', '\x00\x00\x00\x00'].flatMap((front) => [
    ...tails.map((tail) => front + tail),
    front,
  ]);
  return [...new Set(keys)].filter((text) => text.length > 0).map(keyOf);
}

describe('seek and seekBefore', () => {
  const keys = edgeKeys();
  const twin = new Twin();
  const table = memtableOf(1 << 20);
  let sequence = 0;
  // Every second key stays absent. The stride visits all places in no order.
  for (let i = 0; i < keys.length; i++) {
    const key = keys[(i * 101) % keys.length];
    if (keys.indexOf(key) % 2 === 1) continue;
    for (let version = 0; version <= keys.indexOf(key) % 3; version++) {
      const entry = { key, sequence: ++sequence * 3, type: 1, value: keyOf(`value ${sequence}`) };
      addEntry(table, entry);
      twin.add(entry);
    }
  }
  table.freeze();

  test.each([
    ['tree', table],
    ['list', Memtable.attach(table.arena)],
  ])('meet every edge in the %s', (_, reader) => {
    expect(forward(reader)).toEqual(twin.entries);
    const cursor = reader.cursor();
    for (const key of [...keys, keyOf('b'), keyOf('abcdefghi'), keyOf('abc'), keyOf('\xff'.repeat(20))]) {
      cursor.seek(key);
      expect(current(cursor)).toEqual(twin.seek(key));
      cursor.seekBefore(key);
      expect(current(cursor)).toEqual(twin.seekBefore(key));
      for (const at of [0, 1, sequence, sequence * 3 - 1, sequence * 3]) {
        cursor.seek(key, at);
        expect(current(cursor)).toEqual(twin.seek(key, at));
      }
    }
    for (const entry of twin.entries) {
      for (const by of [-1, 0, 1]) {
        cursor.seek(entry.key, entry.sequence + by);
        expect(current(cursor)).toEqual(twin.seek(entry.key, entry.sequence + by));
      }
    }
  });
});

describe('a cursor', () => {
  test('is nowhere in an empty memtable, and moves from nowhere go nowhere', () => {
    const table = memtableOf(1024);
    const cursor = table.cursor();
    const moves = [
      () => cursor.seekToFirst(),
      () => cursor.seekToLast(),
      () => cursor.seek(keyOf('a')),
      () => cursor.seekBefore(keyOf('a')),
      () => cursor.next(),
      () => cursor.previous(),
    ];
    for (const move of moves) {
      move();
      expect(cursor.valid).toBe(false);
    }
    addEntry(table, { key: keyOf('a'), sequence: 1, type: 1, value: keyOf('x') });
    cursor.next();
    expect(cursor.valid).toBe(false);
    cursor.seekToFirst();
    cursor.release();
    expect(cursor.valid).toBe(false);
    cursor.seekToLast();
    expect(current(cursor)?.key).toEqual(keyOf('a'));
  });

  test('keeps its place while leaves split around it, in both directions', () => {
    const table = memtableOf(8 << 20);
    const twin: { key: Uint8Array; sequence: number }[] = [];
    let sequence = 0;
    const add = (text: string): void => {
      const entry = { key: keyOf(text), sequence: ++sequence, type: 1, value: keyOf('') };
      addEntry(table, entry);
      twin.push(entry);
    };
    for (let i = 0; i < 400; i += 2) add(`k${String(i).padStart(4, '0')}`);
    const up = table.cursor();
    const down = table.cursor();
    up.seekToFirst();
    down.seekToLast();
    const seenUp: string[] = [];
    const seenDown: string[] = [];
    for (let round = 0; round < 10_000 && (up.valid || down.valid); round++) {
      if (up.valid) seenUp.push(text(up));
      if (down.valid) seenDown.push(text(down));
      // Keys just behind the rising cursor and just behind the falling one, so never met until the two cross.
      for (let i = 0; i < 20 && round < 100; i++) {
        if (up.valid && round > 0) add(`${evenBefore(text(up))}~${i}`);
        if (down.valid) add(`${text(down)}!${round}-${i}`);
      }
      up.next();
      down.previous();
    }
    const old = Array.from({ length: 200 }, (_, i) => `k${String(i * 2).padStart(4, '0')}`);
    expect(seenUp.filter(isOld)).toEqual(old);
    expect(seenDown.filter(isOld)).toEqual(old.toReversed());
    expect(forward(table).map((entry) => entry.key)).toEqual(twin.map((entry) => entry.key).sort(compareBytes));
  });

  test('meets what is added ahead of it, and versions of its key in their order', () => {
    const table = memtableOf(4096);
    const add = (key: string, sequence: number): void =>
      addEntry(table, { key: keyOf(key), sequence, type: 1, value: keyOf(String(sequence)) });
    add('b', 1);
    const cursor = table.cursor();
    cursor.seekToFirst();
    add('b', 2);
    add('c', 3);
    add('a', 4);
    add('b', 5);
    cursor.next();
    expect(current(cursor)?.sequence).toBe(3);
    cursor.previous();
    cursor.previous();
    expect([current(cursor)?.key, current(cursor)?.sequence]).toEqual([keyOf('b'), 2]);
    cursor.previous();
    expect(current(cursor)?.sequence).toBe(5);
    cursor.previous();
    expect(current(cursor)?.key).toEqual(keyOf('a'));
    cursor.previous();
    expect(cursor.valid).toBe(false);
  });
});

function text(cursor: { keyBytes: Uint8Array; keyStart: number; keyEnd: number }): string {
  return String.fromCharCode(...cursor.keyBytes.slice(cursor.keyStart, cursor.keyEnd));
}

/** The even key before an even key. */
function evenBefore(key: string): string {
  return `k${String(Number(key.slice(1, 5)) - 2).padStart(4, '0')}`;
}

function isOld(key: string): boolean {
  return /^k\d{4}$/.test(key);
}
