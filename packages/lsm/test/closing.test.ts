/** The ends of a store's life: one owner at a time, closing with work in flight, twice, and what is said afterwards. */
import { isCoterieError } from '@coterie/env';
import { describe, expect, test } from 'vitest';
import type { Batch, Entry, Snapshot, Store } from '../src/index.ts';
import { bytes } from './operations.ts';
import { contentsSync, expected, key, refusal, value, World } from './world.ts';

test('a store has one owner: LOCKED for any other, until it is closed', async () => {
  const world = new World(1);
  const store = await world.open();
  const error = await refusal('LOCKED', () => world.open());
  expect(error.details.file).toBe('/data/LOCK');
  await world.run(() => store.put(key(0), value(0)));
  await world.run(() => store.close());
  const again = await world.open();
  expect(contentsSync(again)).toEqual(expected(0, 1));
  await refusal('LOCKED', () => world.open());
  await world.run(() => again.close());
});

test('a lock does not outlive its holder', async () => {
  const world = new World(2);
  const store = await world.open();
  await world.run(() => store.put(key(0), value(0)));
  world.disk.restart(3);
  expect(contentsSync(await world.open())).toEqual(expected(0, 1));
});

test('a failed open gives the lock and every handle back', async () => {
  const world = new World(3);
  const store = await world.open();
  await world.run(async () => {
    for (let i = 0; i < 200; i++) await store.put(key(i), value(i));
  });
  await world.run(() => store.settle());
  await world.run(() => store.close());
  const first = world.disk.operationCount;
  const last = await operationsOfOpen(world);
  for (let at = 0; at < last - first; at++) {
    const next = new World(at, world.disk.clone());
    let count = 0;
    next.disk.setFault(({ kind }) => (count++ === at && kind !== 'close' && kind !== 'unlock' ? { error: 'EIO' } : undefined));
    const outcome = await next.open().catch((error: unknown) => error);
    if (outcome instanceof Error) {
      if (!isCoterieError(outcome)) throw outcome;
      expect(next.disk.openHandles, `operation ${at}: ${outcome.message}`).toBe(0);
      next.disk.setFault(undefined);
      const store = await next.open();
      expect(contentsSync(store)).toEqual(expected(0, 200));
      await next.run(() => store.close());
    } else {
      await next.run(() => (outcome as Store).close());
    }
  }
});

async function operationsOfOpen(world: World): Promise<number> {
  const copy = new World(0, world.disk.clone());
  const before = world.disk.operationCount;
  const store = await copy.open();
  const count = copy.disk.operationCount;
  await copy.run(() => store.close());
  return before + count;
}

describe('closing with work in flight', () => {
  test('writes handed over are kept, writes in line are refused, reads end in CLOSED or right', async () => {
    const world = new World(4);
    const store = await world.open({ cacheBytes: 0 });
    await world.run(async () => {
      for (let i = 0; i < 300; i++) await store.put(key(i), value(i));
    });
    await world.run(() => store.settle());
    const outcomes = await world.run(async () => {
      const puts = Array.from({ length: 400 }, (_, i) => store.put(key(300 + i), value(300 + i)));
      const gets = Array.from({ length: 50 }, (_, i) => store.get(key(i)));
      const iterator = store.range();
      await iterator.next();
      const more = [iterator.next(), store.getMany([key(1), key(2)]), store.checkpoint('/elsewhere'), store.settle(), store.sync()];
      const closing = store.close();
      const all = await Promise.allSettled([
        Promise.all([closing, store.close()]),
        Promise.allSettled(puts),
        Promise.allSettled(gets),
        Promise.allSettled(more),
      ]);
      return all.map((one) =>
        one.status === 'fulfilled' ? one.value : expect.fail(String(one.reason)),
      ) as PromiseSettledResult<unknown>[][];
    });
    const [, puts, gets, more] = outcomes;
    const kept = puts.filter((put) => put.status === 'fulfilled').length;
    expect(kept).toBeGreaterThan(50);
    expect(kept).toBeLessThan(400);
    for (const put of puts.slice(kept))
      expect(put).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED', details: { mayHaveTakenEffect: false } } });
    for (const [i, get] of gets.entries()) {
      if (get.status === 'fulfilled') expect(get.value).toEqual(value(i));
      else expect(get.reason).toMatchObject({ code: 'CLOSED' });
    }
    for (const one of more) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'CLOSED' });
    expect(world.disk.openHandles).toBe(0);
    expect(contentsSync(await world.open())).toEqual(expected(0, 300 + kept));
  });

  test.each(['flush', 'compact'])('a %s is given up, and nothing is lost with it', async (name) => {
    const world = new World(5);
    const store = await world.open({ durable: false });
    let running = false;
    world.simulation.jobs.setFault(({ job }) => void (running ||= job === name));
    let written = 0;
    await world.run(async () => {
      for (; !running; written++) await store.put(key(written), value(written));
    });
    await world.run(() => store.close());
    expect(world.disk.openHandles).toBe(0);
    const again = await world.open();
    expect(contentsSync(again)).toEqual(expected(0, written));
    await world.run(() => again.settle());
    expect(contentsSync(again)).toEqual(expected(0, written));
    await world.run(() => again.close());
  });

  test('a close whose last sync fails says so, and gives everything back all the same', async () => {
    const world = new World(6);
    const store = await world.open({ durable: false });
    await world.run(() => store.put(key(0), value(0)));
    world.disk.setFault(({ kind, path }) => (kind === 'sync' && path.startsWith('/data/log') ? { error: 'EIO' } : undefined));
    await world.run(() => refusal('DISK_IO', () => store.close()));
    expect(world.disk.openHandles).toBe(0);
    world.disk.setFault(undefined);
    await world.run(async () => (await world.open()).close());
  });
});

interface Before {
  readonly snapshot: Snapshot;
  readonly fromSnapshot: AsyncGenerator<Entry>;
  readonly begun: AsyncGenerator<Entry>;
  readonly unbegun: AsyncGenerator<Entry>;
  readonly batch: Batch;
}

/** Every method of a store, and of what came out of it before it was closed. */
function usesOf(store: Store, before: Before): Record<string, () => unknown> {
  const { snapshot, fromSnapshot, begun, unbegun, batch } = before;
  return {
    put: () => store.put(key(1), value(1)),
    putSync: () => store.putSync(key(1), value(1)),
    putBatch: () => store.putBatch([[key(1), value(1)]]),
    putBatchSync: () => store.putBatchSync([[key(1), value(1)]]),
    'an empty batch': () => store.putBatch([]),
    'an empty batch, sync': () => store.putBatchSync([]),
    delete: () => store.delete(key(1)),
    deleteSync: () => store.deleteSync(key(1)),
    deleteRange: () => store.deleteRange(key(1), key(2)),
    'deleteRange of nothing': () => store.deleteRange(key(2), key(1)),
    deleteRangeSync: () => store.deleteRangeSync(key(1), key(2)),
    commit: () => batch.commit(),
    commitSync: () => store.batch().put(key(1), value(1)).commitSync(),
    get: () => store.get(key(0)),
    getSync: () => store.getSync(key(0)),
    getMany: () => store.getMany([key(0)]),
    getManySync: () => store.getManySync([key(0)]),
    // The page that it stands on was handed out before; the next one is refused.
    'range begun': async () => {
      while ((await begun.next()).done !== true);
    },
    'range unbegun': () => unbegun.next(),
    range: () => store.range().next(),
    scanSync: () => store.scanSync(undefined, 1, () => true),
    scanRawSync: () => store.scanRawSync(undefined, 1, () => true),
    snapshot: () => store.snapshot(),
    'snapshot.get': () => snapshot.get(key(0)),
    'snapshot.getSync': () => snapshot.getSync(key(0)),
    'snapshot.getMany': () => snapshot.getMany([key(0)]),
    'snapshot.getManySync': () => snapshot.getManySync([key(0)]),
    'snapshot.range': () => fromSnapshot.next(),
    'snapshot.scanSync': () => snapshot.scanSync(undefined, 1, () => true),
    settle: () => store.settle(),
    sync: () => store.sync(),
    checkpoint: () => store.checkpoint('/elsewhere'),
  };
}

test('after close every method says CLOSED, but close itself', async () => {
  const world = new World(7);
  const store = await world.open();
  await world.run(async () => {
    for (let i = 0; i < 600; i++) await store.put(key(i), value(i));
  });
  const snapshot = store.snapshot();
  const fromSnapshot = snapshot.range();
  const begun = store.range();
  await world.run(() => begun.next());
  const unbegun = store.range();
  const batch = store.batch().put(key(1), value(1));
  await world.run(() => Promise.all([store.close(), store.close()]));
  const uses = usesOf(store, { snapshot, fromSnapshot, begun, unbegun, batch });
  const wrong: string[] = [];
  for (const [name, use] of Object.entries(uses)) {
    const outcome = await world
      .run(async () => use())
      .then(
        () => 'succeeded',
        (error: unknown) => (isCoterieError(error) ? error.code : String(error)),
      );
    if (outcome !== 'CLOSED') wrong.push(`${name}: ${outcome}`);
  }
  expect(wrong).toEqual([]);
  snapshot.close();
  expect(store.durableSequence).toBe(600);
  expect(store.statistics()['writes']).toBe(600);
  await world.run(() => store.close());
  expect(contentsSync(await world.open())).toEqual(expected(0, 600));
});

test('a closed snapshot says CLOSED, also to a range that was made before and begins after', async () => {
  const world = new World(8);
  const store = await world.open();
  await world.run(() => store.put(key(0), bytes('old')));
  const snapshot = store.snapshot();
  const range = snapshot.range();
  snapshot.close();
  await world.run(() => store.put(key(0), bytes('new')));
  await world.run(() => store.settle());
  await world.run(() => refusal('CLOSED', () => range.next()));
  await refusal('CLOSED', () => snapshot.getSync(key(0)));
  expect(store.getSync(key(0))).toEqual(bytes('new'));
  await world.run(() => store.close());
});

test('a batch is committed once', async () => {
  const world = new World(9);
  const store = await world.open();
  const batch = store.batch().put(key(0), value(0));
  await world.run(() => batch.commit());
  await world.run(() => refusal('INVALID_ARGUMENT', () => batch.commit()));
  await refusal('INVALID_ARGUMENT', () => batch.commitSync());
  expect(store.getSync(key(0))).toEqual(value(0));
  await world.run(() => store.close());
});

test('opening and closing a thousand times leaks no handle, and keeps log and manifest small', async () => {
  const world = new World(10);
  const cycles = process.env['COTERIE_LONG'] === undefined ? 150 : 1000;
  for (let i = 0; i < cycles; i++) {
    const store = await world.open({ logSegmentBytes: 65_536 });
    await world.run(() => store.put(key(i % 100), value(i)));
    if (i % 10 === 0) await world.run(() => store.settle());
    await world.run(() => store.close());
    expect(world.disk.openHandles).toBe(0);
  }
  const left = world.disk.paths().filter((path) => path.startsWith('/data/'));
  expect(left.filter((path) => path.includes('MANIFEST'))).toHaveLength(1);
  expect(left.filter((path) => path.startsWith('/data/log/')).length).toBeLessThan(15);
  expect(left.length).toBeLessThan(25);
});
