/**
 * The failure policy, row by row, on a disk that fails on demand. After each row: what was acknowledged is still read, what
 * was refused is not, and a power cut followed by a new start loses nothing that was acknowledged.
 */
import { crc32 } from '@coterie/bytes';
import type { DiskFault, DiskOperation } from '@coterie/simulator';
import { describe, expect, test } from 'vitest';
import type { Store, StoreOptions } from '../src/index.ts';
import { bytes } from './operations.ts';
import { contents, contentsSync, expected, key, refusal, value, World } from './world.ts';

/** Opens a store that holds keys [0, count), durably. */
async function storeWith(world: World, count: number, options: StoreOptions = {}): Promise<Store> {
  const store = await world.open(options);
  await world.run(() => putMany(store, 0, count));
  return store;
}

async function putMany(store: Store, from: number, to: number, length = 100): Promise<void> {
  for (let i = from; i < to; i++) await store.put(key(i), value(i, length));
}

/** Fails every operation that matches, and counts them. */
function failAll(world: World, matches: (operation: DiskOperation) => boolean, fault: DiskFault = { error: 'EIO' }): { count: number } {
  const met = { count: 0 };
  world.disk.setFault((operation) => {
    if (!matches(operation)) return undefined;
    met.count++;
    return fault;
  });
  return met;
}

const syncsLog = ({ kind, path }: DiskOperation): boolean => kind === 'sync' && path.startsWith('/data/log/');
const syncsManifest = ({ kind, path }: DiskOperation): boolean => kind === 'sync' && path.includes('MANIFEST-');
const syncsTable = ({ kind, path }: DiskOperation): boolean => kind === 'sync' && path.endsWith('.sst');

/** Power fails, a few times over with other outcomes: each time the store opens and holds at least what it must. */
async function checkAfterPowerCut(world: World, atLeast: readonly string[], possible: readonly string[] = []): Promise<void> {
  for (let seed = 0; seed < 8; seed++) {
    const next = new World(seed, world.disk.clone());
    const store = await next.open();
    const found = await next.run(() => contents(store));
    expect(found).toEqual(expect.arrayContaining([...atLeast]));
    const unexpected = found.filter((entry) => !atLeast.includes(entry) && !possible.includes(entry));
    expect(unexpected, `seed ${seed}`).toEqual([]);
    await next.run(() => putMany(store, 9000, 9010));
    await next.run(() => store.close());
  }
}

/** The store refuses every kind of write, at once, and says why. */
async function expectWritesEnded(world: World, store: Store, reason: RegExp): Promise<void> {
  const writes = [
    () => store.put(key(1), bytes('x')),
    () => store.putSync(key(1), bytes('x')),
    () => store.deleteSync(key(1)),
    () => store.deleteRange(key(1), key(2)),
    () => store.putBatch([[key(1), bytes('x')]]),
  ];
  for (const write of writes) {
    const error = await world.run(() => refusal(['DISK_IO', 'REMOTE'], write));
    expect(error.message).toMatch(reason);
    expect(error.details.mayHaveTakenEffect).toBe(false);
    expect(error.retryable).toBe(false);
  }
  expect(store.failure?.message).toMatch(reason);
}

describe('a failed sync of the log', () => {
  test.each(['put', 'putSync', 'everyMs'] as const)('ends writes for good (%s)', async (form) => {
    const world = new World(1);
    const store = await storeWith(world, 10);
    const met = failAll(world, syncsLog);
    const lost = value(3, 50);
    if (form === 'everyMs') {
      await world.run(() => store.put(key(3), lost, { durable: { everyMs: 5 } }));
      expect(store.getSync(key(3))).toEqual(lost);
      await world.simulation.advance(100);
    } else {
      const error = await world.run(() =>
        refusal('DISK_IO', () => (form === 'put' ? store.put(key(3), lost) : store.putSync(key(3), lost))),
      );
      expect(error.details.mayHaveTakenEffect).toBe(true);
    }
    expect(met.count).toBe(1);
    await expectWritesEnded(world, store, /commit log takes no more records/);
    world.disk.setFault(undefined);
    await expectWritesEnded(world, store, /commit log takes no more records/);
    expect(contentsSync(store)).toEqual(expected(0, 10));
    expect(await world.run(() => contents(store))).toEqual(expected(0, 10));
    expect(await world.run(() => store.get(key(3)))).toEqual(value(3));
    using snapshot = store.snapshot();
    expect(contentsSync(snapshot)).toEqual(expected(0, 10));
    await world.run(() => refusal('DISK_IO', () => store.settle()));
    expect(contentsSync(snapshot)).toEqual(expected(0, 10));
    await world.run(() => store.close());
    await checkAfterPowerCut(
      world,
      expected(0, 10).filter((_, i) => i !== 3),
      [`k0003=${Buffer.from(lost).toString()}`, `k0003=${Buffer.from(value(3)).toString()}`],
    );
  });

  test('rejects the writes that wait in line, and settle, at once', async () => {
    const world = new World(11);
    const store = await storeWith(world, 10, { idleMs: 3_600_000 });
    world.disk.setFault(({ kind, path }) => (kind === 'create' && path.endsWith('.sst') ? { error: 'EMFILE' } : undefined));
    let waiting: Promise<unknown> = Promise.resolve();
    for (let i = 10; store.statistics()['stalls'] === 0; i++) {
      const put = store.put(key(i), value(i), { durable: false });
      if (store.statistics()['stalls'] === 0) await world.run(() => put);
      else waiting = put;
    }
    const refused = refusal('DISK_IO', () => waiting);
    const settled = refusal('DISK_IO', () => store.settle());
    await world.simulation.advance(100);
    failAll(world, (operation) => syncsLog(operation) || operation.path.endsWith('.sst'));
    await world.run(() => refusal('DISK_IO', () => store.sync()));
    const failedAtMs = world.simulation.clock.monotonic();
    for (const error of await world.run(() => Promise.all([refused, settled]))) {
      expect(error.message).toMatch(/commit log takes no more records/);
      expect(error.details.mayHaveTakenEffect).toBe(false);
    }
    expect(world.simulation.clock.monotonic() - failedAtMs).toBeLessThan(1);
    await expectWritesEnded(world, store, /commit log takes no more records/);
    expect(contentsSync(store)).toEqual(expected(0, 10));
    await world.run(() => store.close());
  });

  test('never lets a flush under way hide what reads have stopped at', async () => {
    const world = new World(2);
    const store = await storeWith(world, 10);
    const undurable = world.run(() => store.put(key(3), bytes('never synced'), { durable: false }));
    await undurable;
    for (let i = 100; world.simulation.jobs.sliceCount === 0 && i < 200; i++) store.putSync(key(i), value(i), { durable: false });
    failAll(world, syncsLog);
    await world.run(() => refusal('DISK_IO', () => store.sync()));
    const snapshot = store.snapshot();
    const atFailure = contentsSync(snapshot);
    expect(atFailure).toContain(expected(3, 4)[0]);
    await world.simulation.advance(10_000);
    expect(contentsSync(snapshot)).toEqual(atFailure);
    expect(contentsSync(store)).toEqual(atFailure);
    await world.run(() => store.close());
  });
});

describe('a failed sync of the manifest', () => {
  test.each(['flush', 'compaction'] as const)('ends writes for good (%s)', async (when) => {
    const world = new World(3);
    const store = await storeWith(world, 60, { level0Tables: 12 });
    if (when === 'compaction') await world.run(() => store.checkpoint('/elsewhere'));
    const met = failAll(world, syncsManifest);
    await world.run(() => refusal('DISK_IO', () => store.settle()));
    expect(met.count).toBe(1);
    await expectWritesEnded(world, store, /the manifest failed/);
    expect(contentsSync(store)).toEqual(expected(0, 60));
    await world.simulation.advance(120_000);
    expect(met.count, 'never tried again').toBe(1);
    await checkAfterPowerCut(world, expected(0, 60));
    await world.run(() => store.close());
    await checkAfterPowerCut(world, expected(0, 60));
  });

  test('found by a writer that waits ends writes for good', async () => {
    const world = new World(4);
    const store = await storeWith(world, 10);
    failAll(world, syncsManifest);
    const error = await world.run(() =>
      refusal('DISK_IO', () => {
        for (let i = 10; i < 1000; i++) store.putSync(key(i), value(i), { durable: false });
      }),
    );
    expect(error.message).toMatch(/the manifest failed/);
    await expectWritesEnded(world, store, /the manifest failed/);
    world.disk.setFault(undefined);
    await world.run(() => store.close());
    await checkAfterPowerCut(world, expected(0, 10), expected(10, 1000));
  });
});

describe('a failed sync of a directory', () => {
  test.each(['/data', '/data/log'])('%s ends writes for good', async (directory) => {
    const world = new World(5);
    const store = await storeWith(world, 30, { logSegmentBytes: 65_536 });
    const met = failAll(world, ({ kind, path }) => kind === 'syncDirectory' && path === directory);
    const until = async (): Promise<void> => {
      for (let i = 30; i < 3000; i++) await store.put(key(i), value(i));
    };
    await world.run(() => refusal('DISK_IO', until));
    const reason = directory === '/data' ? /a directory could not be synced/ : /commit log takes no more records/;
    await expectWritesEnded(world, store, reason);
    const count = met.count;
    await world.simulation.advance(120_000);
    expect(met.count, 'never tried again').toBe(count);
    expect(contentsSync(store)).toEqual(expect.arrayContaining(expected(0, 30)));
    await world.run(() => store.close());
    await checkAfterPowerCut(world, expected(0, 30), expected(30, 3000));
  });
});

describe('a failed sync of a table', () => {
  test.each([1, 2])('%i times: the file is discarded and the flush done again under a new name', async (times) => {
    const world = new World(6);
    const store = await storeWith(world, 40);
    const tried: string[] = [];
    world.disk.setFault((operation) => {
      if (!syncsTable(operation)) return undefined;
      tried.push(operation.path);
      return tried.length <= times ? { error: 'EIO' } : undefined;
    });
    await world.run(() => store.checkpoint('/elsewhere'));
    expect(new Set(tried).size, 'a new name each time').toBe(times + 1);
    await world.run(() => putMany(store, 40, 50));
    await world.simulation.advance(1000);
    for (const path of tried.slice(0, times)) expect(world.disk.paths()).not.toContain(path);
    expect(store.failure).toBeUndefined();
    expect(store.statistics()).toMatchObject({ flushRetries: times });
    expect(contentsSync(store)).toEqual(expected(0, 50));
    await world.run(() => store.close());
    await checkAfterPowerCut(world, expected(0, 50));
  });

  test('three times: writes end, reads go on', async () => {
    const world = new World(7);
    const store = await storeWith(world, 40);
    const met = failAll(world, syncsTable);
    await world.run(() => refusal('DISK_IO', () => store.settle()));
    expect(met.count).toBe(3);
    await expectWritesEnded(world, store, /a flush failed/);
    expect(contentsSync(store)).toEqual(expected(0, 40));
    await world.simulation.advance(120_000);
    expect(met.count).toBe(3);
    await world.run(() => store.close());
    expect(world.tables()).toEqual([]);
    await checkAfterPowerCut(world, expected(0, 40));
  });

  test('of a compaction: reported, writes go on to the debt limit, then OVERLOADED', async () => {
    const world = new World(8);
    const store = await storeWith(world, 10, { level0Tables: 2, idleMs: 3_600_000 });
    let compacting = 0;
    world.simulation.jobs.setFault(({ job, kind }) => {
      if (job === 'compact' && kind === 'slice') compacting++;
      return undefined;
    });
    world.disk.setFault((operation) => (syncsTable(operation) && compacting > 0 ? { error: 'EIO' } : undefined));
    let written = 10;
    const error = await world.run(() =>
      refusal('OVERLOADED', async () => {
        for (; written < 5000; written++) {
          compacting = 0;
          await store.put(key(written), value(written));
        }
      }),
    );
    expect(error.details.mayHaveTakenEffect).toBe(false);
    expect(error.retryable).toBe(true);
    expect(error.message).toMatch(/debt/);
    expect(store.statistics()['level0Tables']).toBeGreaterThanOrEqual(10);
    expect(store.statistics()['compactionFailed']).toMatch(/sync/);
    expect(world.told('compaction failed').length).toBeGreaterThanOrEqual(3);
    expect(store.failure).toBeUndefined();
    await world.run(() => refusal('OVERLOADED', () => store.putSync(key(9999), value(1))));
    expect(contentsSync(store)).toEqual(expected(0, written));
    world.disk.setFault(undefined);
    await world.simulation.advance(61_000);
    await world.run(() => store.put(key(written), value(written)));
    expect(contentsSync(store)).toEqual(expected(0, written + 1));
    await world.run(() => store.close());
    await checkAfterPowerCut(world, expected(0, written + 1));
  });
});

describe('a bad checksum', () => {
  test.each(['getSync', 'get', 'getMany', 'scanSync', 'range', 'reverse'] as const)(
    'met by %s: CORRUPTION with file and offset, quarantine, other keys stay readable',
    async (form) => {
      const world = new World(9);
      const store = await storeWith(world, 200, {
        level0Tables: 60,
        level1Bytes: 1_000_000,
        writeBufferBytes: 65_536,
        tableBytes: 65_536,
        cacheBytes: 0,
      });
      await world.run(() => store.settle());
      const [path] = world.tables();
      world.disk.flipBit(path, 5000, 3);
      await world.run(() => store.close());
      const probe = await new World(9, world.disk.clone()).open({ cacheBytes: 0, idleMs: 3_600_000 });
      const damaged = Array.from({ length: 200 }, (_, i) => i).filter((i) => !isReadable(probe, i));
      expect(damaged.length).toBeGreaterThan(0);
      expect(damaged.length).toBeLessThan(10);
      world.lines.length = 0;
      const again = await world.open({
        cacheBytes: 0,
        level0Tables: 60,
        level1Bytes: 1_000_000,
        writeBufferBytes: 65_536,
        idleMs: 3_600_000,
      });
      const bad = damaged[0];
      const reads = {
        getSync: () => again.getSync(key(bad)),
        get: () => again.get(key(bad)),
        getMany: () => again.getMany([key(1), key(bad)]),
        scanSync: () => contentsSync(again),
        range: () => contents(again),
        reverse: async () => {
          for await (const _ of again.range({ reverse: true }));
        },
      };
      const error = await world.run(() => refusal('CORRUPTION', reads[form]));
      expect(error.details.file?.replace('/damaged/', '/')).toBe(path);
      expect(error.details.offset).toBeGreaterThan(4500);
      expect(error.details.offset).toBeLessThanOrEqual(5000);
      const { quarantinedTables, tablesSetAside } = again.statistics();
      expect(Number(quarantinedTables) + Number(tablesSetAside)).toBe(1);
      expect(world.told('table quarantined')).toHaveLength(1);
      for (let i = 0; i < 200; i++) if (!damaged.includes(i)) expect(again.getSync(key(i))).toEqual(value(i));
      await world.run(() => putMany(again, 300, 310));
      await world.run(() => refusal('CORRUPTION', reads[form]));
      expect(world.told('table quarantined'), 'told once').toHaveLength(1);
      expect(again.failure).toBeUndefined();
      await world.run(() => again.close());
    },
  );
});

function isReadable(store: Store, i: number): boolean {
  try {
    return store.getSync(key(i)) !== undefined;
  } catch {
    return false;
  }
}

describe('an unknown format version', () => {
  test.each([
    ['manifest', (path: string) => path.includes('MANIFEST-'), (file: Uint8Array): void => void (file[7] = 2)],
    ['table', (path: string) => path.endsWith('.sst'), raiseTableVersion],
    ['log', (path: string) => path.startsWith('/data/log/'), raiseLogVersion],
  ] as const)('of the %s: the store refuses to open, however often, and lets go of everything', async (_, matches, raise) => {
    const world = new World(10);
    const store = await storeWith(world, 60);
    await world.run(() => store.checkpoint('/elsewhere'));
    await world.run(() => putMany(store, 60, 70));
    await world.run(() => store.close());
    const path = world.disk.paths().find((one) => one.startsWith('/data/') && matches(one)) ?? '';
    await rewrite(world, path, raise);
    const error = await refusal('UNSUPPORTED_FORMAT', () => world.open());
    expect(error.details.file).toBe(path);
    expect(error.message).toContain(path);
    await refusal('UNSUPPORTED_FORMAT', () => world.open());
    expect(world.disk.openHandles).toBe(0);
  });
});

/** The version stands before the seal, which covers the footer and where it lies. */
function raiseTableVersion(file: Uint8Array): void {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const footerStart = file.length - view.getUint32(file.length - 20, true);
  view.setUint32(file.length - 16, view.getUint32(file.length - 16, true) + 1, true);
  const binding = new DataView(new ArrayBuffer(16));
  binding.setUint32(8, footerStart, true);
  const seal = crc32(file.subarray(footerStart, file.length - 12), crc32(new Uint8Array(binding.buffer)));
  view.setUint32(file.length - 12, seal, true);
}

function raiseLogVersion(file: Uint8Array): void {
  file[8] = 2;
  new DataView(file.buffer, file.byteOffset).setUint32(60, crc32(file.subarray(0, 60)), true);
}

async function rewrite(world: World, path: string, change: (file: Uint8Array) => void): Promise<void> {
  expect(path).not.toBe('');
  const file = world.disk.contents(path);
  change(file);
  await world.run(async () => {
    const handle = await world.simulation.environment.files.open(path, 'update');
    await handle.write(file, 0, file.length, 0);
    await handle.sync();
    await handle.close();
  });
}
