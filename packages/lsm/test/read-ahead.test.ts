/** What an async range reads of tables that are not in memory: few reads, also where nearly everything is deleted. */
import { describe, expect, it } from 'vitest';
import type { Store } from '../src/index.ts';
import { bytes } from './operations.ts';
import { World } from './world.ts';

const count = 400;
const key = (at: number): Uint8Array => bytes(`k${String(at).padStart(4, '0')}`);
/** Larger than a block: each row has one of its own. */
const value = new Uint8Array(300).fill(7);
/** Large tables, and room for all that a page holds. */
const options = { cacheBytes: 2 ** 20, writeBufferBytes: 2 ** 18, tableBytes: 2 ** 18, idleMs: 3_600_000 };

/** A store whose rows lie in tables; all but the last key deleted, and that in memory only. */
async function nearlyEmpty(seed: number): Promise<{ world: World; store: Store; reads: () => number }> {
  const world = new World(seed);
  const first = await world.open(options);
  await world.run(async () => {
    for (let at = 0; at < count; at++) await first.put(key(at), value);
    await first.settle();
    await first.close();
  });
  const store = await world.open(options);
  await world.run(async () => {
    for (let at = 0; at < count - 1; at++) await store.delete(key(at));
  });
  let reads = 0;
  world.disk.setFault(({ path, kind }) => {
    if (kind === 'read' && path.endsWith('.sst')) reads += 1;
    return undefined;
  });
  return { world, store, reads: () => reads };
}

async function keysIn(world: World, store: Store, reverse: boolean): Promise<number> {
  let found = 0;
  await world.run(async () => {
    for await (const _entry of store.range({ reverse })) found += 1;
  });
  return found;
}

describe('an async range', () => {
  it('reads ahead, more with each block that is missing', async () => {
    const { world, store, reads } = await nearlyEmpty(1);
    expect(await keysIn(world, store, false)).toBe(1);
    expect(reads()).toBeGreaterThan(0);
    expect(reads()).toBeLessThan(count / 10);
    await world.run(() => store.close());
  });

  it('reads one block for one key', async () => {
    const { world, store, reads } = await nearlyEmpty(2);
    await world.run(async () => {
      for await (const [found] of store.range({ gte: key(count - 1), limit: 1 })) expect(found).toEqual(key(count - 1));
    });
    expect(reads()).toBe(1);
    await world.run(() => store.close());
  });

  it.each([false, true])('does not look beyond its end for what is not deleted (reverse: %s)', async (reverse) => {
    const { world, store, reads } = await nearlyEmpty(4);
    await world.run(async () => {
      for await (const entry of store.range({ gte: key(200), lt: key(203), reverse })) expect.fail(`found ${String(entry[0])}`);
    });
    expect(reads()).toBeLessThan(8);
    await world.run(() => store.close());
  });

  it('finds the same backwards', async () => {
    const { world, store } = await nearlyEmpty(3);
    expect(await keysIn(world, store, true)).toBe(1);
    await world.run(() => store.close());
  });
});
