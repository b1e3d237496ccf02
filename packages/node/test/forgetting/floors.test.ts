/** The floors of a store: the worked example of docs/formats/forgetting.md, and how a floor comes to hold and ceases to. */
import { describe, expect, it } from 'vitest';
import { ended, type Floor } from '../../src/forgetting/floor.ts';
import { Floors, type ToldFloor } from '../../src/forgetting/floors.ts';
import { space } from '../../src/store/layout.ts';
import type { Store } from '../../src/store/store.ts';
import { World } from '../world.ts';

const life = '0011223344556677';
const floor: Floor = {
  round: 3,
  upTo: new Map([
    [life, 5],
    ['8899aabbccddeeff', ended],
  ]),
};
const cart: ToldFloor = { partition: 0, bucket: 'cart', generation: 1, floor, before: { expiredMs: 1_700_000_000_000 } };
const higher: ToldFloor = { ...cart, floor: { ...floor, round: 4 } };

async function opened(): Promise<{ readonly world: World; readonly store: Store; readonly floors: Floors }> {
  const world = new World();
  const { environment } = world.simulation;
  const store = await world.disk.open('/data/store', { environment, durable: true });
  return { world, store, floors: await world.run(Floors.load(store, 64)) };
}

async function floorRecords(store: Store): Promise<(readonly [Uint8Array, Uint8Array])[]> {
  const records: (readonly [Uint8Array, Uint8Array])[] = [];
  for await (const record of store.range({ gte: Uint8Array.of(space.floor), lt: Uint8Array.of(space.floor + 1), limit: 9 }))
    records.push(record);
  return records;
}

const stateOf = (floors: Floors): string | undefined => floors.of(cart)?.state;

describe('a floor in a store', () => {
  it('lies there as the worked example says, and is read again', async () => {
    const { world, store, floors } = await opened();
    await world.run(floors.raise([cart]));
    await world.run(floors.settled(floors.of(cart) ?? expect.fail('no floor')));
    const [[key, record] = []] = await world.run(floorRecords(store));
    expect(Buffer.from(key ?? []).toString('hex')).toBe('2c00000000046361727400000001');
    expect(Buffer.from(record ?? []).toString('hex')).toBe(
      '020068e5cf8b010103020011223344556677050000000000' + '8899aabbccddeeffffffffffffff',
    );
    const again = await world.run(Floors.load(store, 64));
    expect(again.of(cart)).toEqual({ ...cart, state: 'settled' });
    expect(again.digests).toEqual(floors.digests);
  });

  it('is only heard of until it is raised, and then again when this store cannot vouch for it', async () => {
    const { world, floors } = await opened();
    await world.run(floors.hear([cart]));
    expect(stateOf(floors)).toBe('heard');
    await world.run(floors.raise([cart]));
    expect(stateOf(floors)).toBe('to be dropped');
    expect([...floors.unsettled.keys()]).toEqual([0]);
    await world.run(floors.doubt(() => true));
    expect(stateOf(floors)).toBe('heard');
    expect(floors.unsettled.size).toBe(0);
  });

  it('stays as it holds when a higher one is heard of, which is news until it is raised', async () => {
    const { world, floors } = await opened();
    await world.run(floors.raise([cart]));
    await world.run(floors.hear([higher]));
    expect(floors.of(cart)?.floor.round).toBe(3);
    expect(floors.isNews(higher)).toBe(true);
    await world.run(floors.raise([higher]));
    expect(floors.isNews(higher)).toBe(false);
    await world.run(floors.raise([cart]));
    expect(floors.of(cart)?.floor.round).toBe(4);
  });

  it('is a lower one than was heard of, where others hold that', async () => {
    const { world, floors } = await opened();
    await world.run(floors.hear([higher]));
    await world.run(floors.raise([cart]));
    expect(floors.of(cart)).toEqual({ ...cart, state: 'to be dropped' });
  });

  it('goes with its bucket', async () => {
    const { world, store, floors } = await opened();
    await world.run(floors.raise([cart]));
    await world.run(floors.discard(({ bucket }) => bucket === 'cart'));
    expect([floors.isEmpty, floors.digests.every((digest) => digest === 0)]).toEqual([true, true]);
    expect((await world.run(Floors.load(store, 64))).isEmpty).toBe(true);
  });
});
