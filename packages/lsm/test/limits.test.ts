/** Every limit, reached: waiting writers, waiting bytes, snapshots, file handles, sizes. Past it a quick refusal, nothing half applied, nothing lost. */
import { describe, expect, test } from 'vitest';
import type { Store, StoreOptions } from '../src/index.ts';
import { bytes } from './operations.ts';
import { contents, contentsSync, expected, key, refusal, value, World } from './world.ts';

/** A store whose flushes never end, because their worker hangs. */
async function stalledStore(world: World, options: StoreOptions = {}): Promise<Store> {
  world.simulation.jobs.setFault(() => 'no-progress');
  return world.open({ durable: false, ...options });
}

/** Puts by the sync form until one is refused; returns how many got through, and how long the last one waited. */
function fillSync(world: World, store: Store): { readonly written: number; readonly waitedMs: number; readonly error: unknown } {
  for (let written = 0; ; written++) {
    const startedAt = world.simulation.clock.monotonic();
    try {
      store.putSync(key(written), value(written));
    } catch (error) {
      return { written, error, waitedMs: world.simulation.clock.monotonic() - startedAt };
    }
    expect(written).toBeLessThan(1000);
  }
}

describe('a sync writer', () => {
  test('waits at most stallMs for a flush, then OVERLOADED without effect', async () => {
    const world = new World(1);
    const store = await stalledStore(world, { stallMs: 700 });
    const { written, waitedMs, error } = fillSync(world, store);
    expect(error).toMatchObject({ code: 'OVERLOADED', retryable: true, details: { mayHaveTakenEffect: false } });
    expect(written).toBeGreaterThan(100);
    expect(waitedMs).toBeGreaterThan(690);
    expect(waitedMs).toBeLessThan(800);
    expect(contentsSync(store)).toEqual(expected(0, written));
    const batch = store.batch();
    for (let i = 0; i < 50; i++) batch.put(key(i), bytes('half?'));
    await refusal('OVERLOADED', () => batch.commitSync());
    expect(contentsSync(store), 'no part of a batch').toEqual(expected(0, written));
    world.simulation.jobs.setFault(undefined);
    await world.simulation.advance(61_000);
    store.putSync(key(written), value(written));
    expect(contentsSync(store)).toEqual(expected(0, written + 1));
    await world.run(() => store.close());
    expect(contentsSync(await world.open())).toEqual(expected(0, written + 1));
  });

  test('does not wait at all with stallMs 0', async () => {
    const world = new World(2);
    const store = await stalledStore(world, { stallMs: 0 });
    const { error, waitedMs } = fillSync(world, store);
    expect(error).toMatchObject({ code: 'OVERLOADED' });
    expect(waitedMs).toBeLessThan(5);
    await world.run(() => store.close());
  });

  test('gets its turn after those who wait in line', async () => {
    const world = new World(3);
    const store = await world.open({ durable: false });
    const puts: Promise<void>[] = [];
    await world.run(async () => {
      for (let i = 0; i < 600; i++) puts.push(store.put(key(i % 300), value(i)));
      store.putSync(key(0), bytes('last'));
      expect(store.getSync(key(0))).toEqual(bytes('last'));
      await Promise.all(puts);
    });
    expect(store.getSync(key(0))).toEqual(bytes('last'));
    expect(contentsSync(store).slice(1)).toEqual(
      expected(300, 600)
        .map((entry, i) => entry.replace(/^k\d+/, `k${String(i).padStart(4, '0')}`))
        .slice(1),
    );
    await world.run(() => store.close());
  });

  test('finds nothing to wait for where nothing is under way: refused at once, however long stallMs', async () => {
    const world = new World(4);
    const store = await world.open({ durable: false, stallMs: 3_600_000 });
    world.disk.setFault(({ kind, path }) => (kind === 'create' && path.endsWith('.sst') ? { error: 'EMFILE' } : undefined));
    const { error, waitedMs } = fillSync(world, store);
    expect(error).toMatchObject({ code: 'OVERLOADED' });
    expect(waitedMs).toBeLessThan(100);
    await world.run(() => store.close());
  });
});

describe('async writers', () => {
  test('wait up to stallBytesMax, then OVERLOADED; those who wait get through in order', async () => {
    const world = new World(5);
    const store = await stalledStore(world, { stallBytesMax: 5000 });
    const waiting: Promise<unknown>[] = [];
    const refused: number[] = [];
    let count = 0;
    await world.run(async () => {
      for (; count < 400; count++) {
        const number = count;
        waiting.push(
          store.put(key(number), value(number)).catch((error: unknown) => {
            expect(error).toMatchObject({ code: 'OVERLOADED', details: { mayHaveTakenEffect: false } });
            refused.push(number);
          }),
        );
      }
      await Promise.resolve();
    });
    expect(refused.length).toBeGreaterThan(100);
    const taken = 400 - refused.length;
    expect(refused[0]).toBe(taken);
    expect(contentsSync(store).length).toBeLessThan(taken);
    world.simulation.jobs.setFault(undefined);
    await world.run(() => Promise.all(waiting));
    expect(contentsSync(store)).toEqual(expected(0, taken));
    await world.run(() => store.close());
    expect(contentsSync(await world.open())).toEqual(expected(0, taken));
  });

  test('with stallBytesMax 0 are refused at once', async () => {
    const world = new World(6);
    const store = await stalledStore(world, { stallBytesMax: 0 });
    let written = 0;
    await world.run(() =>
      refusal('OVERLOADED', async () => {
        for (; ; written++) await store.put(key(written), value(written));
      }),
    );
    expect(contentsSync(store)).toEqual(expected(0, written));
    await world.run(() => store.close());
  });
});

test('snapshots and iterators: snapshotsMax at a time, and each that ends makes room', async () => {
  const world = new World(7);
  const store = await world.open({ snapshotsMax: 3 });
  await world.run(() => store.put(key(0), value(0)));
  const snapshots = [store.snapshot(), store.snapshot()];
  const iterator = store.range();
  await world.run(() => iterator.next());
  await refusal('OVERLOADED', () => store.snapshot());
  await world.run(() => refusal('OVERLOADED', () => store.range().next()));
  await world.run(() => refusal('OVERLOADED', () => store.getMany([key(0)])));
  expect(store.getSync(key(0))).toEqual(value(0));
  expect(store.getManySync([key(0)])).toEqual([value(0)]);
  expect(contentsSync(store)).toEqual(expected(0, 1));
  await world.run(async () => void (await iterator.return()));
  snapshots[0].close();
  snapshots[0].close();
  const two = [store.snapshot(), store.snapshot()];
  await refusal('OVERLOADED', () => store.snapshot());
  for (const snapshot of [...snapshots, ...two]) snapshot.close();
  expect(store.statistics()['snapshots']).toBe(0);
  await world.run(() => store.close());
});

describe('too many files', () => {
  test('the store keeps to its handles, and shares them', async () => {
    const world = new World(8);
    const options = { tableHandles: 2, cacheBytes: 0, level0Tables: 64, durable: false };
    const store = await world.open(options);
    await world.run(async () => {
      for (let i = 0; i < 1000; i++) await store.put(key(i), value(i));
    });
    await world.run(() => store.checkpoint('/elsewhere'));
    await world.simulation.advance(500);
    expect(world.tables().length).toBeGreaterThan(10);
    const idle = world.disk.openHandles;
    world.disk.maxOpen = idle;
    const found = await world.run(() => Promise.all(Array.from({ length: 1000 }, (_, i) => store.get(key(i)))));
    expect(found).toEqual(Array.from({ length: 1000 }, (_, i) => value(i)));
    expect(contentsSync(store)).toEqual(expected(0, 1000));
    expect(await world.run(() => contents(store))).toEqual(expected(0, 1000));
    expect(world.disk.openHandles).toBeLessThanOrEqual(idle);
    world.disk.maxOpen = Number.POSITIVE_INFINITY;
    await world.run(() => store.close());
    expect(world.disk.openHandles).toBe(0);
  });

  test('a flush without a handle waits for one, and loses nothing', async () => {
    const world = new World(9);
    const store = await world.open({ durable: false });
    await world.run(async () => {
      for (let i = 0; i < 30; i++) await store.put(key(i), value(i));
    });
    world.disk.maxOpen = world.disk.openHandles;
    await world.run(async () => {
      for (let i = 30; i < 150; i++) await store.put(key(i), value(i));
    });
    await world.simulation.advance(10_000);
    expect(store.failure).toBeUndefined();
    expect(store.statistics()['flushes']).toBe(0);
    expect(world.told('flush failed').length).toBeGreaterThan(5);
    expect(contentsSync(store)).toEqual(expected(0, 150));
    world.disk.maxOpen = Number.POSITIVE_INFINITY;
    await world.simulation.advance(2000);
    expect(store.statistics()['flushes']).toBeGreaterThan(0);
    await world.run(() => store.settle());
    expect(contentsSync(store)).toEqual(expected(0, 150));
    await world.run(() => store.close());
  });

  test('opening without handles is refused with EMFILE and leaves none open', async () => {
    const world = new World(10);
    const store = await world.open();
    await world.run(() => store.put(key(0), value(0)));
    await world.run(() => store.settle());
    await world.run(() => store.close());
    for (let maxOpen = 0; ; maxOpen++) {
      world.disk.maxOpen = maxOpen;
      const outcome = await world.open().catch((error: unknown) => error);
      if (!(outcome instanceof Error)) {
        expect(maxOpen).toBeGreaterThan(1);
        expect(maxOpen).toBeLessThan(10);
        expect(contentsSync(outcome as Store)).toEqual(expected(0, 1));
        await world.run(() => (outcome as Store).close());
        break;
      }
      expect(outcome).toMatchObject({ code: 'DISK_IO', retryable: true, details: { osCode: 'EMFILE' } });
      expect(world.disk.openHandles).toBe(0);
    }
  });
});

describe('sizes', () => {
  test('keys, values and batches past their limit are refused with TOO_LARGE, nothing applied', async () => {
    const world = new World(11);
    const store = await world.open({ durable: false });
    const longest = new Uint8Array(65_535).fill(7);
    store.putSync(longest, bytes('longest key'));
    await world.run(() => refusal('TOO_LARGE', () => store.put(new Uint8Array(65_536), bytes('x'))));
    await refusal('TOO_LARGE', () => store.getSync(new Uint8Array(65_536)));
    await refusal('INVALID_ARGUMENT', () => store.putSync(new Uint8Array(0), bytes('x')));
    await refusal('INVALID_ARGUMENT', () => store.putSync('text' as unknown as Uint8Array, bytes('x')));
    const tooLarge = new Uint8Array(32 * 2 ** 20 + 1);
    await refusal('TOO_LARGE', () => store.putSync(key(1), tooLarge));
    const batch = store.batch();
    const half = tooLarge.subarray(0, 2 ** 25 - 4096);
    batch.put(key(1), half).put(key(2), half);
    await refusal('TOO_LARGE', () => batch.put(key(3), half));
    expect(store.getSync(key(1))).toBeUndefined();
    expect(store.getSync(longest)).toEqual(bytes('longest key'));
    await world.run(() => store.close());
  });

  test('entries and batches far larger than a memtable get one of their own', async () => {
    const world = new World(12);
    const options = { writeBufferBytes: 1024, durable: false, logSegmentBytes: 65_536 } as const;
    let store = await world.open(options);
    const shown: string[] = [];
    for (let i = 0; i < 12; i++) {
      const large = i % 3 === 1 ? 300_000 : 100;
      store.putSync(key(i), value(i, large));
      shown.push(...expected(i, i + 1, large));
    }
    const batch = store.batch();
    for (let i = 12; i < 400; i++) batch.put(key(i), value(i));
    await world.run(() => batch.commit());
    shown.push(...expected(12, 400));
    expect(contentsSync(store)).toEqual(shown);
    await world.run(() => store.close());
    store = await world.open({ ...options, writeBufferBytes: 2048 });
    expect(contentsSync(store)).toEqual(shown);
    await world.run(() => store.settle());
    expect(contentsSync(store)).toEqual(shown);
    expect(await world.run(() => contents(store))).toEqual(shown);
    await world.run(() => store.close());
  });
});
