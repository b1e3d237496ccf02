import { compareBytes, hash32, maxSequence } from '@coterie/bytes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockHold, BlockMissing, createLookup, Table } from '../src/index.ts';
import {
  anyEntries,
  anyKey,
  anyOptions,
  anyWorld,
  at,
  bytes,
  type Entry,
  find,
  line,
  numbered,
  tableOf,
  world,
  write,
} from './support/tables.ts';

/** Runs `attempt` until nothing is missing, loading what is; returns its answer and how many blocks were loaded. */
async function untilLoaded<T>(attempt: () => T, hold: BlockHold | undefined, limit = 100): Promise<{ answer: T; loads: number }> {
  for (let loads = 0; loads <= limit; loads++) {
    try {
      return { answer: attempt(), loads };
    } catch (error) {
      if (!(error instanceof BlockMissing)) throw error;
      await error.table.load(error.block, hold, error.readAheadBytes);
    }
  }
  throw new Error('no progress');
}

function findCached(table: Table, key: Uint8Array, hold: BlockHold | undefined): Promise<{ answer: Entry | undefined; loads: number }> {
  const lookup = { ...createLookup(), key, keyHash: hash32(key, 0, key.length), maxSequence, access: 'cached' as const, hold };
  return untilLoaded(() => {
    if (!table.find(lookup)) return undefined;
    return { key, sequence: lookup.sequence, type: lookup.type, value: lookup.valueBytes.slice(lookup.valueStart, lookup.valueEnd) };
  }, hold);
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

describe('reads that do not block', () => {
  it('find what sync reads find, with whatever cache', async () => {
    await fc.assert(
      fc.asyncProperty(anyEntries, anyOptions, anyWorld, fc.array(anyKey, { maxLength: 10 }), async (entries, options, limits, keys) => {
        const table = tableOf(entries, options, world(limits));
        for (const key of [...keys, ...entries.slice(0, 20).map((entry) => entry.key)]) {
          const { answer } = await findCached(table, key, new BlockHold());
          expect(line(answer)).toBe(line(entries.find((entry) => compareBytes(entry.key, key) === 0)));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('walk as sync cursors do, trying each step again when a block is missing', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyEntries,
        anyOptions,
        anyWorld,
        fc.constantFrom(0, 2000),
        anyKey,
        async (entries, options, limits, readAheadBytes, key) => {
          const table = tableOf(entries, options, world(limits));
          const cursor = table.cursor({ access: 'cached' });
          const walk = async (moves: { start: () => void; step: () => void }, expected: readonly Entry[]): Promise<void> => {
            const hold = new BlockHold();
            cursor.attach(table, { access: 'cached', hold, readAheadBytes });
            for (const [i, entry] of [...expected, undefined].entries()) {
              await untilLoaded(i === 0 ? moves.start : moves.step, hold);
              expect(line(at(cursor))).toBe(line(entry));
            }
            cursor.release();
          };
          const upwards = entries.filter((entry) => compareBytes(entry.key, key) >= 0);
          const downwards = entries.filter((entry) => compareBytes(entry.key, key) < 0).reverse();
          await walk({ start: () => cursor.seek(key), step: () => cursor.next() }, upwards);
          await walk({ start: () => cursor.seekBefore(key), step: () => cursor.previous() }, downwards);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('make progress in a cache of one block, if they hold what they load', async () => {
    const where = world({ cacheBytes: 1 });
    const table = tableOf(numbered(2000), {}, where);
    const hold = new BlockHold();
    const cursor = table.cursor({ access: 'cached', hold });
    let count = 0;
    const { loads } = await untilLoaded(
      () => {
        count = 0;
        for (cursor.seekToFirst(); cursor.valid; cursor.next()) count++;
      },
      hold,
      1000,
    );
    expect(count).toBe(2000);
    expect(loads).toBe(table.properties.blockCount);
    cursor.release();
  });

  it('stay where they are when the next block is missing', async () => {
    const table = tableOf(numbered(100));
    const cursor = table.cursor({ access: 'cached' });
    await table.load(0);
    cursor.seekToFirst();
    let steps = 0;
    expect(() => {
      for (;;) {
        cursor.next();
        steps++;
      }
    }).toThrow(BlockMissing);
    expect(cursor.valid).toBe(true);
    expect(cursor.sequence).toBe(steps + 1);
    await table.load(1);
    cursor.next();
    expect(cursor.sequence).toBe(steps + 2);
    cursor.release();
  });

  it('read a block once, however many wait for it', async () => {
    const where = world();
    const table = tableOf(numbered(100), {}, where);
    const reads = where.memory.reads;
    const holds = Array.from({ length: 20 }, () => new BlockHold());
    await Promise.all(holds.map((hold) => table.load(0, hold)));
    expect(where.memory.reads).toBe(reads + 1);
    expect(holds.every((hold) => hold.get(table, 0) !== undefined)).toBe(true);
    await table.load(0, holds[0]);
    expect(where.memory.reads).toBe(reads + 1);
  });

  it('read ahead when asked to', async () => {
    const where = world();
    const table = tableOf(numbered(1000), {}, where);
    const reads = where.memory.reads;
    await Promise.all([table.load(3), table.load(0, undefined, 1 << 20), table.load(2)]);
    expect(where.memory.reads).toBe(reads + 2);
    expect([...table.slots.subarray(0, 5)].map((id) => id >= 0)).toEqual([true, true, true, true, false]);
  });

  it('say so when a block is damaged, and mind only their own', async () => {
    const where = world();
    const table = tableOf(numbered(1000), {}, where);
    const offset = table.index.offsets[2];
    where.memory.flip('t', offset + 10);
    await expect(table.load(2)).rejects.toMatchObject({ code: 'CORRUPTION', details: { file: 't', offset } });
    await table.load(0, undefined, 1 << 20);
    expect(table.slots[1]).toBeGreaterThanOrEqual(0);
    expect(table.slots[2]).toBe(-1);
    where.memory.flip('t', offset + 10);
    await table.load(2);
    expect(table.slots[2]).toBeGreaterThanOrEqual(0);
  });

  it('end quietly when the table was retired meanwhile', async () => {
    const where = world();
    const table = tableOf(numbered(100), {}, where);
    const gate = deferred();
    where.memory.gate = gate.promise;
    const hold = new BlockHold();
    const loading = table.load(0, hold);
    await Promise.resolve();
    table.retire();
    gate.resolve();
    await loading;
    expect(where.context.blocks.stats.blocks).toBe(0);
    expect(where.memory.openHandles).toBe(0);
    expect(hold.get(table, 0)).toBeDefined();
  });

  it('open tables as the sync form does', async () => {
    const where = world();
    const built = write(where.memory, 't', numbered(10));
    const table = await Table.open(where.context, 't');
    expect(table.properties).toEqual(built);
    await expect(Table.open(where.context, 'u')).rejects.toMatchObject({ code: 'DISK_IO', details: { osCode: 'ENOENT' } });
    expect(line(find(table, bytes('0000000000000003')))).toBe(line(numbered(10)[3]));
  });
});

describe('cursors and the cache', () => {
  it('pin the block that they stand on, and no other', () => {
    const where = world({ cacheBytes: 4096 });
    const table = tableOf(numbered(200), {}, where);
    const one = table.cursor({ access: 'read' });
    const two = table.cursor({ access: 'read' });
    one.seekToFirst();
    expect(where.context.blocks.stats.pinned).toBe(1);
    two.seekToLast();
    expect(two.sequence).toBe(200);
    expect(where.context.blocks.stats).toMatchObject({ pinned: 1, blocks: 1 });
    expect(line(find(table, bytes('0000000000000150')))).toBe(line(numbered(200)[150]));
    expect(line(at(one))).toBe(line(numbered(200)[0]));
    one.release();
    one.release();
    two.previous();
    expect(two.sequence).toBe(199);
    two.release();
    expect(where.context.blocks.stats.pinned).toBe(0);
  });

  it('leave the cache alone when told to', () => {
    const where = world();
    const table = tableOf(numbered(2000), {}, where);
    const cursor = table.cursor({ access: 'read', fillCache: false, readAheadBytes: 64 * 1024 });
    const reads = where.memory.reads;
    let count = 0;
    for (cursor.seekToFirst(); cursor.valid; cursor.next()) count++;
    expect(count).toBe(2000);
    expect(where.memory.reads - reads).toBeLessThan(6);
    for (cursor.seekToLast(); cursor.valid; cursor.previous()) count--;
    expect(count).toBe(0);
    expect(where.memory.reads - reads).toBeLessThan(12);
    expect(where.context.blocks.stats.blocks).toBe(0);
    cursor.release();
  });

  it('keep a retired table readable for the cursor that stands on it', () => {
    const where = world({ cacheBytes: 8192 });
    const table = tableOf(numbered(100), {}, where);
    const cursor = table.cursor({ access: 'read' });
    cursor.seekToFirst();
    table.retire();
    const other = Table.openSync(where.context, 't');
    for (const { key } of numbered(100)) find(other, key);
    expect(line(at(cursor))).toBe(line(numbered(100)[0]));
    cursor.release();
    expect(where.context.blocks.stats.pinned).toBe(0);
  });
});
