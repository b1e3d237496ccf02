/**
 * A full disk, at every place that can meet it: the log, a flush, a compaction, opening, closing. What was refused has no
 * effect, reads go on, and writes come back by themselves when space does.
 */
import type { CoterieError } from '@coterie/env';
import { describe, expect, test } from 'vitest';
import type { Store, StoreOptions } from '../src/index.ts';
import { contents, contentsSync, expected, key, refusal, value, World } from './world.ts';

const roomy = 2 ** 40;

async function storeWith(world: World, count: number, options: StoreOptions = {}): Promise<Store> {
  const store = await world.open(options);
  await world.run(async () => {
    for (let i = 0; i < count; i++) await store.put(key(i), value(i));
  });
  await world.simulation.advance(100);
  return store;
}

/** No further block can be written, except in `bytes` more. */
function fill(world: World, bytes = 0): void {
  world.disk.capacityBytes = world.disk.capacityBytes - world.disk.freeBytes + bytes;
}

/** Puts, durably and in one turn, that all meet the same fate; returns their errors. */
async function putsTogether(world: World, store: Store, from: number, to: number): Promise<CoterieError[]> {
  const outcomes = await world.run(() =>
    Promise.allSettled(Array.from({ length: to - from }, (_, i) => store.put(key(from + i), value(from + i, 2000)))),
  );
  return outcomes.map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as CoterieError) : expect.fail('a put got through')));
}

describe('a log write that the disk has no room for', () => {
  test.each(['full', 'short'] as const)('is cut off, refused without effect, and tried again by the next put (%s)', async (how) => {
    const world = new World(1);
    const store = await storeWith(world, 20, { writeBufferBytes: 65_536 });
    if (how === 'full') fill(world);
    else world.disk.failNext('write', { shortWriteBytes: 3000 });
    for (const error of await putsTogether(world, store, 20, 30)) {
      expect(error).toMatchObject({ code: 'DISK_FULL', retryable: true });
      expect(error.details.mayHaveTakenEffect).toBe(false);
    }
    expect(contentsSync(store)).toEqual(expected(0, 20));
    expect(await world.run(() => contents(store))).toEqual(expected(0, 20));
    expect(store.failure).toBeUndefined();
    const clone = world.disk.clone();
    for (let seed = 0; seed < 8; seed++) {
      const after = new World(seed, seed === 7 ? clone : clone.clone());
      after.disk.capacityBytes = roomy;
      expect(contentsSync(await after.open()), 'never seen again').toEqual(expected(0, 20));
    }
    if (how === 'full') {
      const error = await world.run(() => refusal('DISK_FULL', () => store.putSync(key(20), value(20, 20_000))));
      expect(error.details.mayHaveTakenEffect).toBe(false);
    }
    world.disk.capacityBytes = roomy;
    await world.run(() => store.put(key(20), value(20)));
    store.putSync(key(21), value(21));
    expect(contentsSync(store)).toEqual(expected(0, 22));
    await world.run(() => store.close());
    expect(contentsSync(await world.open())).toEqual(expected(0, 22));
  });

  test('takes no part of a batch along', async () => {
    const world = new World(2);
    const store = await storeWith(world, 5, { writeBufferBytes: 1_048_576 });
    fill(world);
    const entries = Array.from({ length: 50 }, (_, i) => [key(i), value(1000 + i, 2000)] as const);
    await world.run(() => refusal('DISK_FULL', () => store.putBatch(entries)));
    await world.run(() => refusal('DISK_FULL', () => store.putBatchSync(entries)));
    expect(contentsSync(store)).toEqual(expected(0, 5));
    await world.run(() => store.close());
    world.disk.capacityBytes = roomy;
    expect(contentsSync(await world.open())).toEqual(expected(0, 5));
  });
});

describe('a flush that the disk has no room for', () => {
  test('gets through in the reserve; writes wait until it is held again', async () => {
    const world = new World(3);
    const store = await storeWith(world, 20, { writeBufferBytes: 65_536, reserveBytes: 131_072 });
    fill(world);
    await world.run(() => refusal('DISK_FULL', () => store.settle()));
    expect(store.statistics()['diskFull']).toBe(true);
    expect(world.told('disk full: the reserve is given up')).toHaveLength(1);
    const refused = await world.run(() => refusal('DISK_FULL', () => store.put(key(20), value(20))));
    expect(refused.details.mayHaveTakenEffect).toBe(false);
    await world.simulation.advance(5000);
    expect(store.statistics()).toMatchObject({ flushes: 1, level0Tables: 1, frozenMemtables: 0, diskFull: true });
    await world.run(() => refusal('DISK_FULL', () => store.putSync(key(20), value(20))));
    expect(contentsSync(store)).toEqual(expected(0, 20));
    world.disk.capacityBytes = roomy;
    await world.simulation.advance(3000);
    expect(store.statistics()['diskFull']).toBe(false);
    expect(world.disk.contents('/data/RESERVE').length).toBe(131_072);
    await world.run(() => store.put(key(20), value(20)));
    expect(contentsSync(store)).toEqual(expected(0, 21));
    await world.run(() => store.close());
    expect(contentsSync(await world.open())).toEqual(expected(0, 21));
  });

  test('waits for space without a reserve; those who wait in line are refused, and nothing is lost', async () => {
    const world = new World(4);
    const store = await storeWith(world, 10);
    let met = 0;
    world.disk.setFault(({ kind, path }) => {
      if (kind !== 'write' || !path.endsWith('.sst')) return undefined;
      met++;
      return { shortWriteBytes: 100 };
    });
    const outcomes = await world.run(() =>
      Promise.allSettled(Array.from({ length: 400 }, (_, i) => store.put(key(10 + i), value(10 + i)))),
    );
    const taken = outcomes.filter((outcome) => outcome.status === 'fulfilled').length;
    expect(taken).toBeGreaterThan(20);
    expect(taken).toBeLessThan(390);
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') expect(i, 'in order').toBeLessThan(taken);
      else expect(outcome.reason).toMatchObject({ code: 'DISK_FULL', details: { mayHaveTakenEffect: false } });
    }
    expect(contentsSync(store)).toEqual(expected(0, 10 + taken));
    await world.simulation.advance(10_000);
    expect(met, 'tried again, about once a second').toBeGreaterThan(8);
    expect(met).toBeLessThan(14);
    expect(world.tables(), 'what was half written is gone').toEqual([]);
    expect(store.failure).toBeUndefined();
    world.disk.setFault(undefined);
    await world.simulation.advance(3000);
    await world.run(() => store.put(key(10 + taken), value(10 + taken)));
    expect(contentsSync(store)).toEqual(expected(0, 11 + taken));
    await world.run(() => store.close());
    expect(contentsSync(await world.open())).toEqual(expected(0, 11 + taken));
  });

  test('does not keep the store from closing, nor a full disk from opening it', async () => {
    const world = new World(5);
    const store = await storeWith(world, 40, { reserveBytes: 65_536, writeBufferBytes: 65_536 });
    fill(world);
    await world.run(() => store.close());
    expect(world.disk.openHandles).toBe(0);
    fill(world);
    const again = await world.open({ reserveBytes: 65_536, writeBufferBytes: 65_536 });
    expect(contentsSync(again)).toEqual(expected(0, 40));
    expect(world.told('disk full: the reserve is given up to open the store')).toHaveLength(1);
    await world.run(() => again.close());
    world.disk.capacityBytes = roomy;
    expect(contentsSync(await world.open())).toEqual(expected(0, 40));
  });

  test('without any room or reserve opening is refused, and works again later', async () => {
    const world = new World(6);
    const store = await storeWith(world, 40);
    await world.run(() => store.close());
    fill(world);
    await refusal('DISK_FULL', () => world.open());
    await refusal('DISK_FULL', () => world.open());
    expect(world.disk.openHandles).toBe(0);
    world.disk.capacityBytes = roomy;
    expect(contentsSync(await world.open())).toEqual(expected(0, 40));
  });
});

describe('a compaction that the disk has no room for', () => {
  test('is reported and leaves reserve and writes alone', async () => {
    const world = new World(7);
    const store = await storeWith(world, 10, { level0Tables: 2, reserveBytes: 65_536, idleMs: 3_600_000 });
    let compacting = false;
    world.simulation.jobs.setFault(({ job }) => void (compacting = job === 'compact'));
    world.disk.setFault(({ kind, path }) => (compacting && kind === 'write' && path.endsWith('.sst') ? { shortWriteBytes: 0 } : undefined));
    let written = 10;
    const error = await world.run(() =>
      refusal('OVERLOADED', async () => {
        for (; written < 5000; written++) await store.put(key(written), value(written));
      }),
    );
    expect(error.details.mayHaveTakenEffect).toBe(false);
    expect(store.statistics()).toMatchObject({ diskFull: false });
    expect(store.statistics()['compactionFailed']).toMatch(/space/);
    expect(world.disk.contents('/data/RESERVE').length).toBe(65_536);
    expect(contentsSync(store)).toEqual(expected(0, written));
    world.disk.setFault(undefined);
    await world.run(() => store.settle());
    await world.run(() => store.put(key(written), value(written)));
    expect(contentsSync(store)).toEqual(expected(0, written + 1));
    await world.run(() => store.close());
  });
});

test('a manifest edit without room is refused, cut off and made later', async () => {
  const world = new World(8);
  const store = await storeWith(world, 20);
  world.disk.setFault(({ kind, path }) => (kind === 'write' && path.includes('MANIFEST') ? { shortWriteBytes: 20 } : undefined));
  await world.run(() => refusal('DISK_FULL', () => store.settle()));
  expect(contentsSync(store)).toEqual(expected(0, 20));
  for (let seed = 0; seed < 8; seed++) expect(contentsSync(await new World(seed, world.disk.clone()).open())).toEqual(expected(0, 20));
  world.disk.setFault(undefined);
  await world.simulation.advance(3000);
  await world.run(() => store.settle());
  expect(store.failure).toBeUndefined();
  await world.run(() => store.close());
  expect(contentsSync(await world.open())).toEqual(expected(0, 20));
});

test('a reserve that does not fit leaves nothing behind', async () => {
  const world = new World(9);
  world.disk.capacityBytes = 100_000;
  const store = await storeWith(world, 10, { reserveBytes: 1_048_576 });
  expect(world.told('no space could be reserved')).toHaveLength(1);
  expect(world.disk.paths()).not.toContain('/data/RESERVE');
  await world.run(() => store.close());
});
