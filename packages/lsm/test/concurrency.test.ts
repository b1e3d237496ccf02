/**
 * Sync and async forms at the same time, reads in the midst of flushes and compactions, writes out of the callbacks of
 * scans. Writes take effect in the order of their calls; a scan, a range and a snapshot see one moment, whatever happens.
 */
import { SeededRandom } from '@coterie/simulator';
import { describe, expect, test } from 'vitest';
import { openStore, type Snapshot, type Store, type StoreOptions } from '../src/index.ts';
import { bytes } from './operations.ts';
import { show, Twin } from './twin.ts';
import { contents, contentsSync, expected, key, value, World } from './world.ts';

const busy: StoreOptions = {
  writeBufferBytes: 2048,
  tableBytes: 2048,
  level0Tables: 2,
  level1Bytes: 8192,
  blockBytes: 128,
  cacheBytes: 0,
  durable: false,
};

/** Random writes on a store and its twin, by whatever form. */
class Writer {
  readonly twin = new Twin();
  readonly #store: Store;
  readonly #random: SeededRandom;
  #count = 0;

  constructor(store: Store, seed: number) {
    this.#store = store;
    this.#random = new SeededRandom(seed);
  }

  /** One write by the sync form. */
  writeSync(): void {
    const { key, text, kind } = this.#draw();
    if (kind === 0) this.#store.deleteSync(key);
    else if (kind === 1) this.#store.deleteRangeSync(key, this.#upper(key));
    else this.#store.putSync(key, text);
  }

  /** One write by the async form. */
  write(): Promise<void> {
    const { key, text, kind } = this.#draw();
    if (kind === 0) return this.#store.delete(key);
    if (kind === 1) return this.#store.deleteRange(key, this.#upper(key));
    return this.#store.put(key, text, { durable: this.#random.chance(0.2) });
  }

  #upper(from: Uint8Array): Uint8Array {
    const to = from.slice();
    to[to.length - 1] += 3;
    return to;
  }

  #draw(): { key: Uint8Array; text: Uint8Array; kind: number } {
    const one = key(this.#random.below(60));
    const text = bytes(`${this.#count++}:`.padEnd(this.#random.below(150), 'x'));
    const kind = this.#random.below(12);
    if (kind === 0) this.twin.delete(one);
    else if (kind === 1) this.twin.deleteRange(one, this.#upper(one));
    else this.twin.put(one, text);
    return { key: one, text, kind };
  }
}

test.each([1, 2, 3, 4])('writes by sync and async forms take effect in the order of their calls (seed %i)', async (seed) => {
  const world = new World(seed);
  const store = await world.open(busy);
  const writer = new Writer(store, seed);
  const random = new SeededRandom(seed);
  await world.run(async () => {
    const pending: Promise<void>[] = [];
    for (let i = 0; i < 1500; i++) {
      if (random.chance(0.6)) pending.push(writer.write());
      else {
        writer.writeSync();
        if (random.chance(0.1)) expect(contentsSync(store)).toEqual(show(writer.twin.entries()));
      }
      if (random.chance(0.05)) await Promise.all(pending.splice(0));
    }
    await Promise.all(pending);
  });
  expect(contentsSync(store)).toEqual(show(writer.twin.entries()));
  await world.run(() => store.close());
  const again = await world.open({ ...busy, writeBufferBytes: 1024, blockBytes: 4096, compression: 'deflate' });
  expect(contentsSync(again), 'opened with other options').toEqual(show(writer.twin.entries()));
  await world.run(() => again.settle());
  expect(await world.run(() => contents(again))).toEqual(show(writer.twin.entries()));
  await world.run(() => again.close());
});

describe('out of the callback of a scan', () => {
  test.each(['scanSync', 'scanRawSync'] as const)('%s sees the moment it began at, whatever its callback does', async (form) => {
    const world = new World(5);
    const store = await world.open(busy);
    const writer = new Writer(store, 5);
    for (let i = 0; i < 300; i++) writer.writeSync();
    for (let round = 0; round < 12; round++) {
      const before = show(writer.twin.entries());
      const found: [Uint8Array, Uint8Array][] = [];
      let depth = 0;
      const visit = (k: Uint8Array, v: Uint8Array): void => {
        for (let i = 0; i < 4; i++) writer.writeSync();
        expect(store.getSync(k)).toEqual(writer.twin.get(k));
        if (depth++ === 3) expect(contentsSync(store), 'a scan within a scan').toEqual(show(writer.twin.entries()));
        found.push([k.slice(), v.slice()]);
      };
      if (form === 'scanSync') store.scanSync(undefined, round % 2 === 0 ? 2000 : 500, visit);
      else {
        store.scanRawSync(undefined, round % 2 === 0 ? 2000 : 500, (kb, ks, ke, vb, vs, ve) => {
          const [keyBefore, valueBefore] = [kb.slice(ks, ke), vb.slice(vs, ve)];
          visit(keyBefore, valueBefore);
          expect([kb.slice(ks, ke), vb.slice(vs, ve)], 'views are good during the call').toEqual([keyBefore, valueBefore]);
        });
      }
      expect(show(found)).toEqual(before);
    }
    expect(contentsSync(store)).toEqual(show(writer.twin.entries()));
    await world.run(() => store.close());
  });

  test('a callback that throws, stops, or closes the store leaves nothing behind', async () => {
    const world = new World(6);
    const store = await world.open(busy);
    const writer = new Writer(store, 6);
    for (let i = 0; i < 300; i++) writer.writeSync();
    const wanted = show(writer.twin.entries());
    expect(() =>
      store.scanSync(undefined, 100, () => {
        throw new Error('from the callback');
      }),
    ).toThrow('from the callback');
    expect(store.scanSync(undefined, 100, (k) => Buffer.compare(k, key(20)) < 0)).toBeLessThan(wanted.length);
    expect(contentsSync(store)).toEqual(wanted);
    let closing: Promise<void> | undefined;
    expect(store.scanSync(undefined, 100, () => void (closing ??= store.close()))).toBe(wanted.length);
    await world.run(async () => closing);
    expect(world.disk.openHandles).toBe(0);
    expect(contentsSync(await world.open(busy))).toEqual(wanted);
  });
});

test.each([false, true])('ranges go on while tables are compacted away under them (reverse: %s)', async (reverse) => {
  const world = new World(7);
  const store = await world.open(busy);
  const writer = new Writer(store, 7);
  for (let i = 0; i < 400; i++) writer.writeSync();
  await world.run(() => store.settle());
  await world.run(async () => {
    for (let round = 0; round < 5; round++) {
      const wanted = show(reverse ? writer.twin.entries().toReversed() : writer.twin.entries());
      const ranges = [store.range({ reverse }), store.range({ reverse })];
      const found: [Uint8Array, Uint8Array][][] = [[], []];
      for (let open = true; open; ) {
        const nexts = await Promise.all(ranges.map((range) => range.next()));
        open = nexts.some((next) => next.done !== true);
        for (const [i, next] of nexts.entries()) if (next.done !== true) found[i].push(next.value);
        for (let k = 0; k < 5; k++) await writer.write();
        if (found[0].length % 10 === 0) await store.settle();
      }
      for (const one of found) expect(show(one)).toEqual(wanted);
    }
  });
  expect(store.statistics()['snapshots']).toBe(0);
  await world.run(() => store.close());
});

test('pages of a long range are of one moment, also when all its tables are gone by the next page', async () => {
  const world = new World(8);
  const store = await world.open({ ...busy, writeBufferBytes: 65_536, blockBytes: 2048, tableBytes: 16_384 });
  await world.run(async () => {
    for (let i = 0; i < 1500; i++) await store.put(key(i), value(i));
    await store.settle();
    const found: [Uint8Array, Uint8Array][] = [];
    for await (const entry of store.range({ gte: key(100), lt: key(1400) })) {
      if (found.length % 300 === 0) {
        await store.deleteRange(key(found.length), key(9999));
        await store.settle();
      }
      found.push(entry);
    }
    expect(show(found)).toEqual(expected(100, 1400));
    expect(await contents(store)).toEqual([]);
    await store.settle();
    expect(store.statistics()['tables'], 'and nothing is kept longer than needed').toBe(0);
  });
  await world.run(() => store.close());
});

test.each([1, 2, 3])('snapshots keep what they saw through flushes and compactions (seed %i)', async (seed) => {
  const world = new World(seed + 20);
  const store = await world.open(busy);
  const writer = new Writer(store, seed);
  const random = new SeededRandom(seed);
  let open: { snapshot: Snapshot; wanted: string[] }[] = [];
  await world.run(async () => {
    for (let i = 0; i < 900; i++) {
      if (random.chance(0.5)) await writer.write();
      else writer.writeSync();
      if (random.chance(0.02)) open.push({ snapshot: store.snapshot(), wanted: show(writer.twin.entries()) });
      if (random.chance(0.01)) await store.settle();
      if (random.chance(0.03)) {
        for (const { snapshot, wanted } of open) expect(contentsSync(snapshot)).toEqual(wanted);
      }
      if (random.chance(0.02) && open.length > 0) {
        const closed = open[random.below(open.length)];
        expect(await contents(closed.snapshot)).toEqual(closed.wanted);
        closed.snapshot.close();
        open = open.filter((one) => one !== closed);
      }
    }
    await store.settle();
    for (const { snapshot, wanted } of open) expect(contentsSync(snapshot)).toEqual(wanted);
    for (const { snapshot } of open) snapshot.close();
    await store.settle();
  });
  const wanted = show(writer.twin.entries());
  expect(contentsSync(store)).toEqual(wanted);
  await world.run(() => store.close());
});

test('a checkpoint under writes opens as a store, and is the store of one moment', async () => {
  const world = new World(30);
  const store = await world.open(busy);
  const states: string[] = [''];
  const twin = new Twin();
  let writing = true;
  const writers = world.run(async () => {
    for (let i = 0; writing; i++) {
      const batch = store
        .batch()
        .put(key(i % 50), value(i))
        .put(key((i * 7) % 50), value(i))
        .delete(key((i * 11) % 50));
      twin.put(key(i % 50), value(i));
      twin.put(key((i * 7) % 50), value(i));
      twin.delete(key((i * 11) % 50));
      states.push(show(twin.entries()).join());
      await batch.commit({ durable: i % 3 === 0 });
      if (i % 100 === 50) {
        const atLeast = states.length - 1;
        // Beside the writes that follow.
        void store.checkpoint(`/copies/${i}`).then(
          () => copies.push({ directory: `/copies/${i}`, atLeast }),
          (error: unknown) => expect.fail(String(error)),
        );
      }
      if (i === 800) writing = false;
    }
  });
  const copies: { directory: string; atLeast: number }[] = [];
  await writers;
  await world.simulation.advance(5000);
  expect(copies.length).toBeGreaterThan(5);
  await world.run(() => store.settle());
  await world.run(() => store.close());
  for (const { directory, atLeast } of copies) {
    const copy = await world.run(() => openStore(directory, { ...busy, environment: world.simulation.environment }));
    const state = states.lastIndexOf(contentsSync(copy).join());
    expect(state, 'a moment after it was asked for').toBeGreaterThanOrEqual(atLeast);
    await world.run(() => copy.put(key(99), value(99)));
    await world.run(() => copy.close());
  }
  expect(contentsSync(await world.open(busy)).join(), 'the original is as it was').toBe(states.at(-1));
});

test('a checkpoint wants an empty place, and survives a power cut once it resolved', async () => {
  const world = new World(31);
  const store = await world.open(busy);
  await world.run(async () => {
    for (let i = 0; i < 100; i++) await store.put(key(i), value(i));
    await store.checkpoint('/copy');
    await expect(store.checkpoint('/copy')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(store.checkpoint('/data')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
  for (let seed = 0; seed < 6; seed++) {
    const after = new World(seed, world.disk.clone());
    const copy = await after.run(() => openStore('/copy', { ...busy, environment: after.simulation.environment }));
    expect(contentsSync(copy)).toEqual(expected(0, 100));
  }
});

describe('durability by time', () => {
  test('{ everyMs } resolves before the sync, and syncs within that time, once for all', async () => {
    const world = new World(40);
    const store = await world.open({ durable: { everyMs: 50 }, writeBufferBytes: 1_048_576 });
    let syncs = 0;
    world.disk.setFault(({ kind, path }) => void (syncs += kind === 'sync' && path.startsWith('/data/log') ? 1 : 0));
    await world.run(async () => {
      for (let i = 0; i < 50; i++) await store.put(key(i), value(i));
    });
    store.putSync(key(50), value(50));
    expect(syncs).toBe(0);
    expect(store.durableSequence).toBe(0);
    expect(contentsSync(store)).toEqual(expected(0, 51));
    const lost = contentsSync(await new World(1, world.disk.clone()).open());
    expect(expected(0, 51).slice(0, lost.length), 'a prefix').toEqual(lost);
    await world.simulation.advance(60);
    expect(syncs).toBe(1);
    expect(store.durableSequence).toBe(51);
    for (let seed = 0; seed < 6; seed++) expect(contentsSync(await new World(seed, world.disk.clone()).open())).toEqual(expected(0, 51));
    await world.simulation.advance(1000);
    expect(syncs, 'and not again without writes').toBe(1);
    await world.run(() => store.put(key(51), value(51)));
    await world.run(() => store.close());
    for (let seed = 0; seed < 6; seed++) expect(contentsSync(await new World(seed, world.disk.clone()).open())).toEqual(expected(0, 52));
  });

  test('durable false, then sync: everything before is safe', async () => {
    const world = new World(41);
    const store = await world.open({ durable: false });
    await world.run(async () => {
      for (let i = 0; i < 200; i++) await store.put(key(i), value(i));
      await store.sync();
    });
    expect(store.durableSequence).toBe(200);
    for (let seed = 0; seed < 6; seed++) expect(contentsSync(await new World(seed, world.disk.clone()).open())).toEqual(expected(0, 200));
  });
});

test('log, manifest and tables stay bounded however much is written', async () => {
  const world = new World(50);
  const store = await world.open({ ...busy, writeBufferBytes: 32_768, tableBytes: 65_536, level1Bytes: 2 ** 20, logSegmentBytes: 65_536 });
  const bytesOf = (matches: (path: string) => boolean): number =>
    world.disk
      .paths()
      .filter((path) => path.startsWith('/data/') && matches(path))
      .reduce((sum, path) => sum + world.disk.contents(path).length, 0);
  for (let round = 0; round < 6; round++) {
    await world.run(async () => {
      for (let i = 0; i < 800; i++) await store.put(key(i), value(i + round, 500), { durable: i % 50 === 0 });
      await store.settle();
    });
    await world.simulation.advance(2000);
    expect(
      bytesOf((path) => path.includes('/log/')),
      'a few segments and spares',
    ).toBeLessThanOrEqual(7 * 65_536);
    expect(
      bytesOf((path) => path.includes('MANIFEST')),
      'edits are small',
    ).toBeLessThan(100_000);
    expect(
      bytesOf((path) => path.endsWith('.sst')),
      'nothing old is kept',
    ).toBeLessThan(800 * 560);
  }
  await world.run(() => store.close());
});
