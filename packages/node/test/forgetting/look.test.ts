/** What a look at the list of what is to be forgotten costs, and how often there is one. */
import { sleep } from '@coterie/env';
import { describe, expect, it } from 'vitest';
import type { Core } from '../../src/core.ts';
import { RoundDriver } from '../../src/forgetting/driver.ts';
import { distrustList, encodeEntry, listKey } from '../../src/forgetting/forgettable.ts';
import { lookAtList, prepareList } from '../../src/forgetting/look.ts';
import { space } from '../../src/store/layout.ts';
import { Pace } from '../../src/transfer/pace.ts';
import { Recovery } from '../../src/transfer/recovery.ts';
import { linkOfOne } from '../core.ts';
import { stateOfOnePartition, withTombstones } from './tombstones.ts';

const count = 1000;

async function keysIn({ store }: Core, spaceByte: number): Promise<Uint8Array[]> {
  const keys: Uint8Array[] = [];
  for await (const [key] of store.range({ gte: Uint8Array.of(spaceByte), lt: Uint8Array.of(spaceByte + 1), limit: 100 })) keys.push(key);
  return keys;
}

describe('a look at the list', () => {
  it('counts all of it, and reads a share of the objects, another one each time', async () => {
    const { world, core } = await withTombstones(1, count);
    const read = new Set<string>();
    let reads = 0;
    const local = {
      read: (place: Parameters<Core['local']['read']>[0]) => {
        reads += 1;
        read.add(Buffer.from(place.address.key).toString());
        return core.local.read(place);
      },
    };
    const watched = { ...core, local } as unknown as Core;
    for (let number = 0; number < 16; number++) {
      reads = 0;
      const wish = { isWanted: () => true, before: { expiredMs: 0 }, candidatesMax: 10, number };
      const { outstanding, candidates } = await world.run(lookAtList(watched, wish));
      expect(outstanding.deleted).toBe(count);
      expect(candidates.map(({ bucket, lives }) => [bucket, lives.size])).toEqual([['b', 1]]);
      expect(reads).toBeLessThan(count / 10);
    }
    expect(read.size).toBe(count);
  });

  it('does not count an entry whose object is gone once the list was made anew', async () => {
    const { world, core } = await withTombstones(3, 10);
    const listed = await world.run(keysIn(core, space.object));
    const wish = { isWanted: () => false, before: { expiredMs: 1000 }, candidatesMax: 10, number: 0 };
    const outstanding = async (): Promise<unknown> => (await world.run(lookAtList(core, wish))).outstanding;
    const batch = core.store.batch();
    for (const objectKey of listed.slice(0, 4)) {
      batch.delete(objectKey);
      batch.put(listKey(objectKey), encodeEntry({ kind: 'expires', sinceMs: 1 }));
    }
    await world.run(batch.commit({ durable: true }));
    expect(await outstanding()).toMatchObject({ deleted: 6, expired: 4 });
    await world.run(distrustList(core.store));
    await world.run(prepareList(core));
    expect(await outstanding()).toMatchObject({ deleted: 6, expired: 0 });
  });

  it('is followed by a list made anew where damage took objects, which the others may have forgotten', async () => {
    const { world, core } = await withTombstones(4, 10);
    await world.run(prepareList(core));
    const listed = await world.run(keysIn(core, space.object));
    const [lower, upper] = [listed[2], listed[4]];
    const take = core.store.batch();
    for (const objectKey of listed.slice(2, 5)) take.delete(objectKey);
    await world.run(take.commit({ durable: true }));
    let losses = [{ lower, upper, upperExclusive: false }];
    Object.defineProperty(core.store, 'losses', { get: () => losses });
    Object.defineProperty(core.store, 'acceptLosses', { value: () => Promise.resolve((losses = [])) });
    const state = stateOfOnePartition();
    const two = linkOfOne({ ...state, members: [...state.members, { ...state.members[0], id: '00000000000000bb', name: 'b' }] });
    const damaged = { ...core, cluster: two };
    const recovery = await world.run(Recovery.load(core.store, { end: () => undefined, renew: () => Promise.resolve() }));
    const tools = { pace: new Pace(core.environment, 1e9), hints: { recount: () => Promise.resolve(true) } };
    await world.run(recovery.step(damaged, tools).catch(() => undefined));
    expect(losses).toEqual([]);
    await world.run(prepareList(core));
    const wish = { isWanted: () => false, before: { expiredMs: 0 }, candidatesMax: 10, number: 0 };
    expect((await world.run(lookAtList(core, wish))).outstanding.deleted).toBe(7);
  });

  it('is had seldom while a member is down, who is named all the time', async () => {
    const { world, core } = await withTombstones(2, count);
    const { clock, timers } = core.environment;
    let lookedMs = 0;
    const store: Core['store'] = {
      ...core.store,
      get: (key) => core.store.get(key),
      range: async function* (range) {
        const sinceMs = clock.monotonic();
        await sleep(timers, 50);
        if (range.gte[0] === space.forgettable) lookedMs += clock.monotonic() - sinceMs;
        yield* core.store.range(range);
      },
    };
    const state = stateOfOnePartition();
    const members = [...state.members, { ...state.members[0], id: '00000000000000bb', name: 'b' }];
    const cluster = {
      ...linkOfOne({ ...state, members }),
      standing: (id: string) => (id === core.selfId ? 'up' : 'down') as 'up' | 'down',
    };
    const driver = new RoundDriver({ core: { ...core, store, cluster }, answers: { handlers: {} }, everyMs: 100, isStopped: () => false });
    const beganMs = clock.monotonic();
    for (let steps = 0; steps < 300; steps++) {
      await world.run(driver.step().catch(() => undefined));
      expect(driver.waitingFor).toEqual([{ member: 'b', reason: 'it is down' }]);
      await world.simulation.advance(100);
    }
    expect(driver.outstanding.deleted).toBe(count);
    expect(lookedMs).toBeGreaterThan(0);
    expect(lookedMs / (clock.monotonic() - beganMs)).toBeLessThan(0.25);
  });
});
