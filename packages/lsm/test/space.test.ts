/** What a store gives back to the disk: everything that it no longer needs, once it has settled. */
import { expect, test } from 'vitest';
import { key, value, World } from './world.ts';

/** Bytes of the files of each kind. */
async function spaceOf(world: World): Promise<{ readonly log: number; readonly tables: number }> {
  const { files } = world.simulation.environment;
  const sizeOf = async (path: string): Promise<number> => {
    const file = await files.open(path, 'read');
    const size = await file.size();
    await file.close();
    return size;
  };
  const sum = async (paths: readonly string[]): Promise<number> => (await Promise.all(paths.map(sizeOf))).reduce((a, b) => a + b, 0);
  const logs = world.disk.paths().filter((path) => path.startsWith('/data/log/'));
  return world.run(async () => ({ log: await sum(logs), tables: await sum(world.tables()) }));
}

test.each(['flush', 'settle'] as const)('after %s the log takes no room for what lies in tables', async (how) => {
  const world = new World(1);
  const store = await world.open({ writeBufferBytes: 1_048_576 });
  await world.run(async () => {
    for (let i = 0; i < 400; i++) await store.put(key(i), new Uint8Array(1000));
  });
  expect((await spaceOf(world)).log).toBeGreaterThan(400_000);
  await world.run(() => store[how]());
  expect((await spaceOf(world)).log).toBeLessThan(1000);
  await world.run(() => store.put(key(0), value(0)));
  world.disk.restart(2);
  const again = await world.open();
  expect(again.getSync(key(0))).toEqual(value(0));
  expect(again.getSync(key(399))).toEqual(new Uint8Array(1000));
});

test('a settled store whose keys were all deleted takes what an empty one takes, also when it was opened anew', async () => {
  const world = new World(2);
  const store = await world.open();
  await world.run(async () => {
    for (let i = 0; i < 500; i++) await store.put(key(i), value(i));
    for (let i = 0; i < 250; i++) await store.delete(key(i));
    await store.deleteRange(key(250), key(500));
    await store.close();
  });
  const again = await world.open();
  await world.run(() => again.settle());
  const { log, tables } = await spaceOf(world);
  expect(tables).toBe(0);
  expect(log).toBeLessThan(1000);
});
