/** Places that the disk does not read (`EIO`): a read that failed once is that read's failure, a bad sector is damage. */
import type { SimulatedDisk } from '@coterie/simulator';
import { describe, expect, test } from 'vitest';
import type { Store, StoreOptions } from '../src/index.ts';
import { key, refusal, value, World } from './world.ts';

const options: StoreOptions = { level0Tables: 60, level1Bytes: 1_000_000, writeBufferBytes: 65_536, tableBytes: 65_536, cacheBytes: 0 };
const count = 200;
const sector = 512;

/** A settled store of one table. */
async function settled(): Promise<{ world: World; store: Store; path: string }> {
  const world = new World(17);
  const store = await world.open(options);
  await world.run(async () => {
    for (let i = 0; i < count; i++) await store.put(key(i), value(i));
    await store.settle();
  });
  const [path] = world.tables() as [string];
  return { world, store, path };
}

/** From now on reads of this file that touch the sector at `offset` fail. */
function spoil(disk: SimulatedDisk, path: string, offset: number): void {
  disk.setFault(({ kind, path: read, position = 0, length = 0 }) => {
    const touches = position < offset + sector && offset < position + length;
    return kind === 'read' && read === path && touches ? { error: 'EIO' } : undefined;
  });
}

/** How each key is answered: with its value, or with a code. */
function answers(store: Store): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      try {
        expect(await store.get(key(i))).toEqual(value(i));
        return 'value';
      } catch (error) {
        return (error as { readonly code: string }).code;
      }
    }),
  );
}

/** How many answers there are of each kind. */
function tally(told: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of told) counts[answer] = (counts[answer] ?? 0) + 1;
  return counts;
}

describe('a bad sector', () => {
  test('is an error of the read that meets it, and then damage: only what lay there is lost', async () => {
    const { world, store, path } = await settled();
    spoil(world.disk, path, 5000);
    const before = tally(await world.run(() => answers(store)));
    expect(before['DISK_IO']).toBeGreaterThan(0);
    expect(before['value']).toBeGreaterThan(count / 2);
    await world.simulation.advance(1000);
    expect(store.statistics()).toMatchObject({ quarantinedTables: 0, tablesSetAside: 1, stretchesLost: 1 });
    const after = tally(await world.run(() => answers(store)));
    expect(after).not.toHaveProperty('DISK_IO');
    expect(after['CORRUPTION']).toBeGreaterThan(0);
    expect(after['value']).toBeGreaterThanOrEqual(before['value'] ?? 0);
    expect(world.disk.paths()).toContain(path.replace('/data/', '/data/damaged/'));
    await world.run(() => store.close());
  });

  test('is found by a scrub that nobody has read it for', async () => {
    const { world, store, path } = await settled();
    spoil(world.disk, path, 5000);
    const scrubbed = await world.run(() => store.scrubNext(0));
    expect(scrubbed?.damage).toMatchObject({ code: 'CORRUPTION', details: { file: path } });
    expect(scrubbed?.damage?.message).toMatch(/the disk cannot read it/);
    await world.simulation.advance(1000);
    expect(store.statistics()).toMatchObject({ tablesSetAside: 1, stretchesLost: 1 });
    await world.run(() => store.close());
  });

  test('under the footer makes the store open without that table, and say what is lost', async () => {
    const { world, store, path } = await settled();
    const bytes = world.disk.contents(path).length;
    await world.run(() => store.close());
    spoil(world.disk, path, bytes - 8);
    const again = await world.open(options);
    expect(tally(await world.run(() => answers(again)))).toEqual({ CORRUPTION: count });
    expect(world.told('a damaged table was set aside')).toHaveLength(1);
    await world.run(() => again.close());
  });

  test('met by a compaction is set aside, and compaction goes on', async () => {
    const { world, store, path } = await settled();
    spoil(world.disk, path, 5000);
    await world.run(async () => {
      for (let i = 0; i < count; i += 2) await store.put(key(i), value(i));
      await store.settle().catch(() => undefined);
    });
    await world.simulation.advance(300_000);
    expect(store.statistics()).toMatchObject({ quarantinedTables: 0, tablesSetAside: 1 });
    await world.run(() => store.settle());
    const after = tally(await world.run(() => answers(store)));
    expect(after['value']).toBeGreaterThanOrEqual(count / 2);
    expect(after).not.toHaveProperty('DISK_IO');
    await world.run(() => store.close());
  });
});

describe('a read that failed once', () => {
  test('is told as DISK_IO; the table is checked and stays', async () => {
    const { world, store, path } = await settled();
    world.disk.failNext('read', { error: 'EIO' });
    await world.run(() => refusal('DISK_IO', () => store.get(key(7))));
    await world.simulation.advance(1000);
    expect(store.statistics()).toMatchObject({ quarantinedTables: 0, tablesSetAside: 0 });
    expect(world.tables()).toEqual([path]);
    expect(tally(await world.run(() => answers(store)))).toEqual({ value: count });
    await world.run(() => store.close());
  });

  test('does not have the table checked again for each read of a disk that stutters', async () => {
    const { world, store, path } = await settled();
    // A check opens the file by itself; reads go on with the handle that is open.
    let checks = 0;
    let reads = 0;
    await world.run(() => store.get(key(0)));
    world.disk.setFault(({ kind, path: asked }) => {
      if (asked !== path) return undefined;
      if (kind === 'open') checks += 1;
      if (kind !== 'read') return undefined;
      reads += 1;
      return reads % 7 === 0 ? { error: 'EIO' } : undefined;
    });
    for (let round = 0; round < 20; round++) {
      await world.run(() => answers(store));
      await world.simulation.advance(500);
    }
    expect(checks).toBe(1);
    await world.simulation.advance(60_000);
    await world.run(() => answers(store));
    await world.simulation.advance(1000);
    expect(checks).toBe(2);
    expect(store.statistics()).toMatchObject({ tablesSetAside: 0 });
    await world.run(() => store.close());
  });
});
