/**
 * The worker that runs a flush or a compaction dies: at every slice and at every file operation of the job, once or every
 * time, in the simulator (in the short form it hangs at every fourth step only); at a few slices with real threads.
 * Nothing is lost, what the dead job wrote is removed, and the store tries again in fresh files, twice.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeEnvironment, createNodeJobs } from '@coterie/env-node';
import type { JobFault, JobStep } from '@coterie/simulator';
import { describe, expect, test } from 'vitest';
import { openStore, type Store, type StoreOptions } from '../src/index.ts';
import { bytes } from './operations.ts';
import { contentsSync, expected, key, refusal, value, World } from './world.ts';

const long = process.env['COTERIE_LONG'] !== undefined;
const options: StoreOptions = {
  writeBufferBytes: 4 * 2 ** 20,
  tableBytes: 600_000,
  level0Tables: 60,
  level1Bytes: 2 ** 30,
  durable: false,
  idleMs: 3_600_000,
};
/** Large values, so that a job of few entries has several slices. */
const valueBytes = 160_000;
const count = 14;
const all = expected(0, count, valueBytes);

/** A store with memtables to flush (`flush`), or with tables to merge (`compact`). */
async function prepared(name: string, seed: number): Promise<{ world: World; store: Store }> {
  const world = new World(seed);
  const store = await world.open(options);
  await world.run(async () => {
    for (let i = 0; i < count; i += 2) await store.put(key(i), value(i, valueBytes));
    if (name === 'compact') await store.checkpoint('/elsewhere');
    for (let i = 1; i < count; i += 2) await store.put(key(i), value(i, valueBytes));
    if (name === 'compact') await store.checkpoint('/further');
  });
  return { world, store };
}

/** Strikes steps of one kind of job, counted from the first such step after the call. */
function strike(
  world: World,
  name: string,
  strikes: (kind: JobStep['kind'], index: number) => JobFault | undefined,
): { readonly slice: number; readonly operation: number } {
  const seen = { slice: 0, operation: 0 };
  world.simulation.jobs.setFault(({ job, kind }) => (job === name ? strikes(kind, seen[kind]++) : undefined));
  return seen;
}

/** Tables on disk are those that the store has, before and after a new start. */
async function expectNoOrphans(world: World, store: Store): Promise<void> {
  await world.run(() => store.close());
  expect(world.tables().filter((path) => path.startsWith('/data/')).length).toBe(store.statistics()['tables']);
  const again = await world.open(options);
  expect(world.tables().filter((path) => path.startsWith('/data/')).length).toBe(again.statistics()['tables']);
  expect(isSame(contentsSync(again))).toBe(true);
  await world.run(() => again.close());
  expect(world.disk.openHandles).toBe(0);
}

/** Comparing the texts one by one is a hundred times faster than a deep comparison of long ones. */
function isSame(found: readonly string[]): boolean {
  return found.length === all.length && found.every((entry, i) => entry === all[i]);
}

describe.each(['flush', 'compact'])('a worker that dies in a %s', (name) => {
  test.each(['worker-death', 'no-progress'] as const)('at any step (%s): done again, nothing lost, nothing left behind', async (fault) => {
    const { world, store } = await prepared(name, 1);
    const steps = strike(world, name, () => undefined);
    await world.run(() => store.settle());
    await world.run(() => store.close());
    expect(steps.slice, 'a job of several slices').toBeGreaterThan(2);
    expect(steps.operation).toBeGreaterThan(8);
    for (const kind of ['slice', 'operation'] as const) {
      for (let at = 0; at < steps[kind]; at += fault === 'worker-death' || long ? 1 : 4) {
        const { world, store } = await prepared(name, 1);
        strike(world, name, (one, index) => (one === kind && index === at ? fault : undefined));
        await world.run(() => store.settle());
        expect(store.statistics()[name === 'flush' ? 'flushRetries' : 'compactionRetries'], `${kind} ${at}`).toBe(1);
        expect(store.getSync(key(count - 1))?.length).toBe(valueBytes);
        await expectNoOrphans(world, store);
      }
    }
  });

  test('every time, wherever: given up after two more tries, and nothing is lost', async () => {
    const { world, store } = await prepared(name, 2);
    strike(world, name, (kind) => (kind === 'operation' ? 'worker-death' : undefined));
    const error = await world.run(() => refusal('REMOTE', () => store.settle()));
    expect(error.message).toMatch(/worker/);
    expect(contentsSync(store)).toEqual(all);
    expect(world.told(name === 'flush' ? 'flush failed' : 'compaction failed')).toHaveLength(3);
    if (name === 'flush') {
      expect(store.failure?.message).toMatch(/a flush failed/);
      await world.run(() => refusal('REMOTE', () => store.put(key(0), bytes('x'))));
    } else {
      expect(store.failure).toBeUndefined();
      expect(store.statistics()['compactionFailed']).toMatch(/worker/);
      await world.run(() => store.put(key(0), value(0, valueBytes)));
    }
    world.simulation.jobs.setFault(undefined);
    await expectNoOrphans(world, store);
  });

  test('and power fails at some moment after: what was acknowledged is there', async () => {
    const { world, store } = await prepared(name, 3);
    await world.run(() => store.sync());
    let operations = 0;
    strike(world, name, (kind, index) => (kind === 'operation' && index === 5 ? 'worker-death' : undefined));
    const moments: World[] = [];
    world.disk.setFault(({ mutation }) => {
      if (mutation !== undefined && operations++ % 5 === 0) moments.push(new World(operations, world.disk.clone()));
      return undefined;
    });
    await world.run(() => store.settle());
    world.disk.setFault(undefined);
    expect(moments.length).toBeGreaterThan(3);
    for (const moment of moments) {
      const store = await moment.open(options);
      expect(contentsSync(store)).toEqual(all);
      await moment.run(() => store.close());
    }
    await world.run(() => store.close());
  });
});

describe('real worker threads', () => {
  test('that die at some slices: done again, nothing lost, nothing left behind', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'coterie-lsm-'));
    const jobs = createNodeJobs({ workers: 1, dieAtSlices: [0, 2] });
    const environment = { ...createNodeEnvironment(), jobs };
    try {
      const store = await openStore(directory, { ...options, reserveBytes: 0, environment });
      for (let i = 0; i < count; i++) store.putSync(key(i), value(i, valueBytes));
      await store.settle();
      expect(Number(store.statistics()['flushRetries']) + Number(store.statistics()['compactionRetries'])).toBeGreaterThanOrEqual(2);
      expect(contentsSync(store)).toEqual(all);
      await store.close();
      const again = await openStore(directory, { ...options, reserveBytes: 0, environment });
      expect(contentsSync(again)).toEqual(all);
      const tables = (await readdir(directory)).filter((name) => name.endsWith('.sst'));
      expect(tables.length).toBe(again.statistics()['tables']);
      await again.close();
    } finally {
      await jobs.close();
      await rm(directory, { recursive: true });
    }
  });

  test('that die each time end writes, and reads go on', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'coterie-lsm-'));
    const jobs = createNodeJobs({ workers: 1, dieAtSlices: [1, 1, 1] });
    const environment = { ...createNodeEnvironment(), jobs };
    try {
      const store = await openStore(directory, { ...options, reserveBytes: 0, environment });
      for (let i = 0; i < count; i++) store.putSync(key(i), value(i, valueBytes));
      await refusal('REMOTE', () => store.settle());
      expect(store.failure?.message).toMatch(/a flush failed/);
      await refusal('REMOTE', () => store.putSync(key(0), bytes('x')));
      expect(contentsSync(store)).toEqual(all);
      await store.close();
      expect((await readdir(directory)).filter((name) => name.endsWith('.sst'))).toEqual([]);
      const again = await openStore(directory, { ...options, reserveBytes: 0 });
      expect(contentsSync(again)).toEqual(all);
      await again.close();
    } finally {
      await jobs.close();
      await rm(directory, { recursive: true });
    }
  });
});
