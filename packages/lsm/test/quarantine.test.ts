/**
 * Damaged tables are set aside while the store goes on: what is whole stays, what is lost is told as `CORRUPTION` and never
 * as "not found", also after a restart, until the loss is accepted.
 */
import type { CoterieError } from '@coterie/env';
import type { SimulatedDisk } from '@coterie/simulator';
import { describe, expect, test } from 'vitest';
import { lossAt, type Loss, withLosses, withoutLosses } from '../src/losses.ts';
import { repairStore, type Store, type StoreOptions, verifyStore } from '../src/index.ts';
import { bytes } from './operations.ts';
import { contents, contentsSync, expected, key, refusal, value, World } from './world.ts';

const options: StoreOptions = { level0Tables: 60, level1Bytes: 1_000_000, writeBufferBytes: 65_536, tableBytes: 65_536, cacheBytes: 0 };
const count = 200;

/** A settled store of one table, of which one bit is flipped at `offset` (from the end if negative). */
async function damaged(offset: number): Promise<{ world: World; store: Store; path: string }> {
  const world = new World(9);
  const store = await world.open(options);
  await world.run(async () => {
    for (let i = 0; i < count; i++) await store.put(key(i), value(i));
    await store.settle();
  });
  const [path] = world.tables() as [string];
  const at = offset < 0 ? world.disk.contents(path).length + offset : offset;
  world.disk.flipBit(path, at, 3);
  return { world, store, path };
}

/** Numbers of the keys that a read refuses; every other one must be right. */
function refusedKeys(store: Store): number[] {
  return Array.from({ length: count }, (_, i) => i).filter((i) => {
    try {
      expect(store.getSync(key(i))).toEqual(value(i));
      return false;
    } catch (error) {
      expect((error as CoterieError).code).toBe('CORRUPTION');
      return true;
    }
  });
}

describe('a block that rotted', () => {
  test('is set aside when a read meets it; what is whole stays in a table of its own', async () => {
    const { world, store, path } = await damaged(5000);
    const before = refusedKeys(store);
    expect(before.length).toBeGreaterThan(0);
    await world.simulation.advance(1000);
    expect(world.tables().filter((table) => !table.includes('/damaged/'))).not.toContain(path);
    expect(world.disk.paths()).toContain(path.replace('/data/', '/data/damaged/'));
    expect(refusedKeys(store)).toEqual(before);
    expect(store.statistics()).toMatchObject({ quarantinedTables: 0, tablesSetAside: 1, stretchesLost: 1 });
    await world.run(() => store.settle());
    await world.run(() => store.close());
    const again = await world.open(options);
    expect(refusedKeys(again)).toEqual(before);
    await world.run(() => again.close());
  });

  test('is never passed over by a scan, in either direction, and does not keep scans elsewhere from going on', async () => {
    const { world, store } = await damaged(5000);
    const gone = refusedKeys(store);
    await world.simulation.advance(1000);
    const [first, last] = [gone[0] ?? 0, gone.at(-1) ?? 0];
    await world.run(() => refusal('CORRUPTION', () => contents(store)));
    expect(() => contentsSync(store)).toThrow(/is damaged at/);
    const forward = await world.run(() => collect(store.range({ lte: key(first - 1) })));
    expect(forward).toBe(first);
    const backward = await world.run(() => collect(store.range({ gte: key(last + 1), reverse: true })));
    expect(backward).toBe(count - 1 - last);
    await world.run(() => refusal('CORRUPTION', () => collect(store.range({ gte: key(last), reverse: true }))));
    await world.run(() => refusal('CORRUPTION', () => collect(store.range({ gt: key(first - 1), lte: key(last) }))));
  });

  test('answers for keys that were written since, and for those that were deleted since', async () => {
    const { world, store } = await damaged(5000);
    const [a, b, ...rest] = refusedKeys(store) as [number, number, ...number[]];
    await world.simulation.advance(1000);
    await world.run(async () => {
      await store.put(key(a), bytes('new'));
      await store.delete(key(b));
    });
    expect(store.getSync(key(a))).toEqual(bytes('new'));
    expect(store.getSync(key(b))).toBeUndefined();
    expect(refusedKeysOf(store, rest)).toEqual(rest);
  });

  test('is found by a scrub that nobody has read it for, and set aside', async () => {
    const { world, store, path } = await damaged(5000);
    const found: unknown[] = [];
    await world.run(async () => {
      for (let after = 0; ; ) {
        const scrubbed = await store.scrubNext(after);
        if (scrubbed === undefined) break;
        after = scrubbed.table;
        found.push(scrubbed.damage?.details.file);
      }
    });
    expect(found).toEqual([path]);
    await world.simulation.advance(1000);
    expect(store.statistics()).toMatchObject({ tablesSetAside: 1, stretchesLost: 1 });
    expect(await world.run(() => store.scrubNext(0)), 'what was kept is whole').not.toHaveProperty('damage');
    await world.run(() => store.close());
  });

  test('is forgotten once its loss is accepted, in part or whole', async () => {
    const { world, store } = await damaged(5000);
    const gone = refusedKeys(store);
    await world.simulation.advance(1000);
    const half = gone[Math.floor(gone.length / 2)] ?? 0;
    await world.run(() => store.acceptLosses(undefined, key(half)));
    expect(store.getSync(key(gone[0] ?? 0))).toBeUndefined();
    expect(() => store.getSync(key(half))).toThrow(/cannot be read/);
    await world.run(() => store.acceptLosses());
    expect(store.losses).toEqual([]);
    expect(await world.run(() => contents(store))).toEqual(expected(0, count).filter((_, i) => !gone.includes(i)));
    await world.run(() => store.close());
    const again = await world.open(options);
    expect(again.losses).toEqual([]);
  });

  test('is told by verify, and given up by repair', async () => {
    const { world, store } = await damaged(5000);
    const gone = refusedKeys(store);
    await world.simulation.advance(1000);
    await world.run(() => store.close());
    const { environment } = world.simulation;
    const told = await world.run(() => verifyStore('/data', environment));
    expect(told.problems.map(({ file }) => file)).toEqual([expect.stringContaining('/data/damaged/')]);
    await world.run(() => repairStore('/data', environment));
    expect((await world.run(() => verifyStore('/data', environment))).problems).toEqual([]);
    const again = await world.open(options);
    expect(await world.run(() => contents(again))).toEqual(expected(0, count).filter((_, i) => !gone.includes(i)));
  });

  test('costs nothing that another table holds, and power may fail at any operation of setting it aside', async () => {
    const { world, store } = await damaged(5000);
    const gone = refusedKeys(store);
    const moments: SimulatedDisk[] = [];
    world.disk.setFault(({ mutation }) => {
      if (mutation !== undefined) moments.push(world.disk.clone());
      return undefined;
    });
    await world.simulation.advance(1000);
    expect(moments.length).toBeGreaterThan(5);
    for (const [at, disk] of moments.entries()) {
      const next = new World(at, disk);
      const again = await next.open(options);
      expect(refusedKeys(again), `power failed at ${at}`).toEqual(gone);
      await next.simulation.advance(1000);
      expect(refusedKeys(again), `power failed at ${at}`).toEqual(gone);
    }
  });
});

test.each(['damaged in its footer', 'gone'] as const)('a table that is %s does not keep the store from opening', async (how) => {
  const { world, store, path } = await damaged(-20);
  await world.run(() => store.put(bytes('z'), bytes('elsewhere')));
  await world.run(() => store.close());
  if (how === 'gone') await world.run(() => world.simulation.environment.files.remove(path));
  const again = await world.open(options);
  expect(refusedKeys(again)).toHaveLength(count);
  expect(again.getSync(bytes('z'))).toEqual(bytes('elsewhere'));
  await world.run(() => again.put(key(3), value(3)));
  expect(refusedKeys(again)).toHaveLength(count - 1);
});

describe('losses', () => {
  const loss = (lower: string, upper: string, sequence = 5): Loss => {
    return { lower: bytes(lower), upper: bytes(upper), upperExclusive: true, sequence, file: '000001.sst', offset: 0 };
  };

  test('that overlap become one, which is as new as the newer', () => {
    const joined = withLosses([loss('a', 'f', 9), loss('p', 'q')], [loss('c', 'k', 4)]);
    expect(joined).toEqual([loss('a', 'k', 9), loss('p', 'q')]);
    expect(lossAt(joined, bytes('j'))).toEqual(joined[0]);
    expect(lossAt(joined, bytes('k'))).toBeUndefined();
  });

  test('are accepted in the stretch that is named, and no further', () => {
    expect(withoutLosses([loss('a', 'k')], bytes('c'), bytes('e'))).toEqual([loss('a', 'c'), loss('e', 'k')]);
    expect(withoutLosses([loss('a', 'k')], bytes('k'))).toEqual([loss('a', 'k')]);
    expect(withoutLosses([loss('a', 'k')])).toEqual([]);
  });

  test('past the limit become one stretch', () => {
    const many = Array.from({ length: 1025 }, (_, i) => loss(`${1000 + i}`, `${1000 + i}x`));
    expect(withLosses(many.slice(0, 1024), [])).toHaveLength(1024);
    expect(withLosses(many, [])).toEqual([loss('1000', '2024x')]);
  });
});

function refusedKeysOf(store: Store, numbers: readonly number[]): number[] {
  return numbers.filter((i) => {
    try {
      store.getSync(key(i));
      return false;
    } catch {
      return true;
    }
  });
}

async function collect(entries: AsyncIterable<unknown>): Promise<number> {
  let found = 0;
  for await (const _ of entries) found += 1;
  return found;
}
