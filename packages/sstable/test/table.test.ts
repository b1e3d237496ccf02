import { readFileSync } from 'node:fs';
import { compareBytes, maxSequence } from '@coterie/bytes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Table, type TableCursor } from '../src/index.ts';
import {
  anyEntries,
  anyKey,
  anyOptions,
  anyWorld,
  at,
  bytes,
  compareEntries,
  type Entry,
  find,
  line,
  numbered,
  tableOf,
  world,
  write,
} from './support/tables.ts';

const runs = process.env['COTERIE_LONG'] === undefined ? 250 : 20_000;

/** What a table should answer, from a sorted array. */
class Twin {
  readonly entries: readonly Entry[];
  index = -1;

  constructor(entries: readonly Entry[]) {
    this.entries = entries;
  }

  find(key: Uint8Array, sequence: number): Entry | undefined {
    return this.entries.find((entry) => compareBytes(entry.key, key) === 0 && entry.sequence <= sequence);
  }

  seek(key: Uint8Array, sequence: number): void {
    const sought: Entry = { key, sequence, type: 0, value: key };
    this.index = this.entries.findIndex((entry) => compareEntries(entry, sought) >= 0);
  }

  seekBefore(key: Uint8Array): void {
    this.index = this.entries.findLastIndex((entry) => compareBytes(entry.key, key) < 0);
  }

  move(step: number): void {
    if (this.index < 0) return;
    this.index += step;
    if (this.index >= this.entries.length) this.index = -1;
  }

  get current(): Entry | undefined {
    return this.entries[this.index];
  }
}

const anyMoves = fc.array(
  fc.oneof(
    fc.record({ move: fc.constant('seek' as const), key: anyKey, sequence: fc.constantFrom(1, 5, 2 ** 32, maxSequence) }),
    fc.record({ move: fc.constant('seekBefore' as const), key: anyKey }),
    fc.record({
      move: fc.constantFrom(
        'next' as const,
        'next' as const,
        'next' as const,
        'previous' as const,
        'previous' as const,
        'first' as const,
        'last' as const,
        'release' as const,
      ),
    }),
  ),
  { maxLength: 60 },
);

type Move = ReturnType<typeof anyMoves.generate>['value'][number];

function make(move: Move, cursor: TableCursor, twin: Twin): void {
  switch (move.move) {
    case 'seek':
      cursor.seek(move.key, move.sequence);
      return twin.seek(move.key, move.sequence);
    case 'seekBefore':
      cursor.seekBefore(move.key);
      return twin.seekBefore(move.key);
    case 'next':
      cursor.next();
      return twin.move(1);
    case 'previous':
      cursor.previous();
      return twin.move(-1);
    case 'first':
      cursor.seekToFirst();
      twin.index = twin.entries.length === 0 ? -1 : 0;
      return;
    case 'last':
      cursor.seekToLast();
      twin.index = twin.entries.length - 1;
      return;
    case 'release':
      cursor.release();
      twin.index = -1;
  }
}

describe('a table against a sorted array', () => {
  it('finds the same, whatever the options', () => {
    fc.assert(
      fc.property(
        anyEntries,
        anyOptions,
        anyWorld,
        fc.array(fc.tuple(anyKey, fc.constantFrom(1, 4, 9, 2 ** 32, maxSequence)), { maxLength: 30 }),
        (entries, options, limits, questions) => {
          const table = tableOf(entries, options, world(limits));
          const twin = new Twin(entries);
          for (const { key, sequence } of entries) expect(line(find(table, key, sequence))).toBe(line(twin.find(key, sequence)));
          for (const [key, sequence] of questions) expect(line(find(table, key, sequence))).toBe(line(twin.find(key, sequence)));
        },
      ),
      { numRuns: runs },
    );
  });

  it('moves the same both ways, whatever the options', () => {
    const anyCursor = fc.record({
      access: fc.constant('read' as const),
      fillCache: fc.boolean(),
      readAheadBytes: fc.constantFrom(0, 700, 100_000),
      ownBlocks: fc.boolean(),
    });
    fc.assert(
      fc.property(anyEntries, anyOptions, anyWorld, anyCursor, anyMoves, (entries, options, limits, cursorOptions, moves) => {
        const where = world(limits);
        const table = tableOf(entries, options, where);
        const twin = new Twin(entries);
        const cursor = table.cursor(cursorOptions);
        for (const move of moves) {
          make(move, cursor, twin);
          expect(line(at(cursor))).toBe(line(twin.current));
        }
        cursor.release();
        expect(where.context.blocks.stats.pinned).toBe(0);
        expect(where.context.blocks.stats.usedBytes).toBeLessThanOrEqual(where.context.blocks.stats.capacityBytes);
      }),
      { numRuns: runs },
    );
  });

  it('verifies, and says what it holds', () => {
    fc.assert(
      fc.property(anyEntries, anyOptions, (entries, options) => {
        const table = tableOf(entries, options);
        for (const slice of table.verify()) expect(slice).toBeUndefined();
        const { properties } = table;
        expect(properties.entries).toBe(entries.length);
        expect(properties.deletes).toBe(entries.filter(({ type }) => type === 0).length);
        expect(properties.smallestKey).toEqual(entries[0]?.key);
        expect(properties.largestKey).toEqual(entries.at(-1)?.key);
        const sequences = entries.map(({ sequence }) => sequence);
        expect(properties.smallestSequence).toBe(entries.length === 0 ? 0 : Math.min(...sequences));
        expect(properties.largestSequence).toBe(Math.max(0, ...sequences));
      }),
      { numRuns: runs / 2 },
    );
  });
});

describe('a table', () => {
  it('is described the same by builder and reader', () => {
    const where = world();
    const ranges = [
      { from: bytes('x'), to: bytes('z'), sequence: 900 },
      { from: bytes('!'), to: bytes('0'), sequence: 7 },
      { from: bytes('x'), to: bytes('y'), sequence: 1000 },
    ];
    const built = write(where.memory, 't', numbered(500), { ranges });
    const table = Table.openSync(where.context, 't');
    expect(table.properties).toEqual(built);
    expect(built).toMatchObject({
      entries: 500,
      deletes: 0,
      rangeDeletes: 3,
      lowerBound: bytes('!'),
      upperBound: bytes('z'),
      upperExclusive: true,
      smallestSequence: 1,
      largestSequence: 1000,
    });
    expect(built.fileBytes).toBe(where.memory.contents.get('t')?.length);
    expect(table.rangeDeletes.map(({ sequence }) => sequence)).toEqual([7, 1000, 900]);
  });

  it('may hold nothing, or range deletes only', () => {
    const empty = tableOf([]);
    expect(empty.properties).toMatchObject({
      entries: 0,
      blockCount: 0,
      smallestKey: undefined,
      smallestSequence: 0,
      largestSequence: 0,
      upperExclusive: false,
    });
    expect(find(empty, bytes('a'))).toBeUndefined();
    const cursor = empty.cursor({ access: 'read' });
    cursor.seekToLast();
    expect(cursor.valid).toBe(false);
    const ranges = tableOf([], { ranges: [{ from: bytes('a'), to: bytes('c'), sequence: 5 }] });
    expect(ranges.properties).toMatchObject({
      lowerBound: bytes('a'),
      upperBound: bytes('c'),
      upperExclusive: true,
      smallestSequence: 5,
      largestSequence: 5,
    });
    expect([...ranges.verify()]).toEqual([]);
  });

  it('ends at its largest key when a range delete ends before or there', () => {
    const entry: Entry = { key: bytes('m'), sequence: 1, type: 1, value: bytes('v') };
    expect(tableOf([entry], { ranges: [{ from: bytes('a'), to: bytes('m'), sequence: 2 }] }).properties).toMatchObject({
      upperBound: bytes('m'),
      upperExclusive: false,
    });
  });

  it('holds blocks to their size, and gives long entries blocks alone', () => {
    const long: Entry = { key: bytes('0000000000000050x'), sequence: 9, type: 1, value: new Uint8Array(300_000).fill(7) };
    const entries = [...numbered(100), long].sort(compareEntries);
    const where = world();
    const table = tableOf(entries, { blockBytes: 1024 }, where);
    const { offsets, blocks } = table.index;
    const lengths = Array.from({ length: blocks }, (_, block) => offsets[block + 1] - offsets[block] - 5);
    expect(lengths.filter((length) => length > 1024)).toHaveLength(1);
    expect(line(find(table, long.key))).toBe(line(long));
    expect(line(find(table, long.key))).toBe(line(long));
    expect(where.memory.writes.every((length) => length > 0)).toBe(true);
  });

  it('takes keys of 64 KiB - 1 and values of 32 MiB', () => {
    const entry: Entry = {
      key: new Uint8Array(65_535).fill(1),
      sequence: maxSequence,
      type: 1,
      value: new Uint8Array(32 * 1024 * 1024).fill(3),
    };
    const neighbour: Entry = { key: new Uint8Array(65_535).fill(1).fill(2, 65_534), sequence: 1, type: 0, value: new Uint8Array(0) };
    const table = tableOf([entry, neighbour]);
    expect(find(table, entry.key)?.value.length).toBe(entry.value.length);
    expect(line(find(table, neighbour.key))).toBe(line(neighbour));
    const cursor = table.cursor({ access: 'read' });
    cursor.seekToLast();
    cursor.previous();
    expect(line(at(cursor))).toBe(line(entry));
    cursor.release();
  });

  it('keeps versions of a key together over many blocks', () => {
    const versions = Array.from({ length: 400 }, (_, i) => ({
      key: bytes('k'),
      sequence: 1000 - i,
      type: 1,
      value: bytes(`version ${1000 - i}`),
    }));
    const entries: Entry[] = [
      { key: bytes('a'), sequence: 1, type: 1, value: bytes('before') },
      ...versions,
      { key: bytes('z'), sequence: 2, type: 1, value: bytes('after') },
    ];
    const table = tableOf(entries, { blockBytes: 128 });
    expect(table.index.anyContinued).toBe(true);
    for (const { key, sequence, value } of entries) expect(find(table, key, sequence)?.value).toEqual(value);
    expect(find(table, bytes('k'), 600)).toBeUndefined();
    const cursor = table.cursor({ access: 'read' });
    cursor.seek(bytes('k'), 900);
    expect(cursor.sequence).toBe(900);
    cursor.seekBefore(bytes('k'));
    expect(at(cursor)?.value).toEqual(bytes('before'));
    cursor.seek(bytes('k'), 600);
    expect(at(cursor)?.value).toEqual(bytes('after'));
    cursor.release();
  });

  it('refuses entries out of order', () => {
    const [a, b] = numbered(2);
    expect(() => tableOf([b, a])).toThrow('keys come in order');
    expect(() => tableOf([a, a])).toThrow('newest first');
    expect(() =>
      tableOf([
        { ...a, key: bytes('ab') },
        { ...a, key: bytes('a') },
      ]),
    ).toThrow('keys come in order');
  });

  it('writes in chunks of 256 KiB', () => {
    const where = world();
    tableOf(numbered(20_000), {}, where);
    const { writes } = where.memory;
    expect(writes.slice(0, -1).every((length) => length >= 256 * 1024)).toBe(true);
    expect(where.memory.syncs).toBe(1);
  });

  it('keeps its bytes near those of the user', () => {
    const { fileBytes, keyBytes, valueBytes } = tableOf(numbered(20_000)).properties;
    expect(fileBytes / (keyBytes + valueBytes)).toBeLessThan(1.02);
  });

  it('lends one cursor to many tables', () => {
    const where = world();
    write(where.memory, 'a', numbered(10));
    write(where.memory, 'b', numbered(20));
    const cursor = Table.openSync(where.context, 'a').cursor({ access: 'read', fillCache: false });
    cursor.seekToLast();
    expect(cursor.sequence).toBe(10);
    const again = Table.openSync(where.context, 'b').cursor({ access: 'read', fillCache: false }, cursor);
    expect(again).toBe(cursor);
    expect(again.valid).toBe(false);
    again.seekToLast();
    expect(again.sequence).toBe(20);
    again.release();
  });

  it('leaves its values to a cursor that owns them', () => {
    const where = world({ cacheBytes: 1 });
    const entries = numbered(500);
    const cursor = tableOf(entries, {}, where).cursor({ access: 'read', ownBlocks: true });
    const views: Uint8Array[] = [];
    for (cursor.seekToFirst(); cursor.valid; cursor.next()) {
      expect(cursor.ownsValue).toBe(true);
      expect(where.context.blocks.stats.pinned).toBe(0);
      views.push(cursor.valueBytes.subarray(cursor.valueStart, cursor.valueEnd));
    }
    expect(views.every((view, i) => view.every((byte) => byte === (i & 0xff)))).toBe(true);
    expect(views).toHaveLength(500);
  });

  it('reads without loading what only the builder needs', () => {
    const seen = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      const text = readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8');
      for (const [, clause, specifier] of text.matchAll(/^(?:import|export) ([^;]*?) from '([^']+)';$/gms)) {
        expect(specifier).not.toBe('bloom-filters');
        if (specifier.startsWith('./') && !clause.startsWith('type ')) visit(specifier.slice(2));
      }
    };
    visit('index.ts');
    expect(seen.has('table.ts')).toBe(true);
    expect(seen.has('filter-builder.ts')).toBe(false);
  });
});
