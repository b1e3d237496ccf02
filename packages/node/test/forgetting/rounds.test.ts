/** Forgetting among whole nodes: tombstones go when everybody has agreed, and what they were there for does not come back. */
import { openStore } from '@coterie/lsm';
import { describe, expect, it } from 'vitest';
import { Floors, type ToldFloor } from '../../src/forgetting/floors.ts';
import type { OpenStore } from '../../src/store/store.ts';
import { ClusterWorld } from '../cluster-world.ts';
import { bytes } from '../world.ts';

const limits = { operationMemoryMs: 1000, timeoutMs: 1000, timeoutMsMax: 1000 };
const options = { forgetEveryMs: 2000, limits };
const everyone = ['n1', 'n2', 'n3'];
const keys = Array.from({ length: 8 }, (_, i) => `k${i}`);

async function started(seed: number): Promise<ClusterWorld> {
  const cluster = await new ClusterWorld(seed, options).startAll(3);
  for (const key of keys) await cluster.put('n1', key, `old ${key}`, { w: 3 });
  return cluster;
}

const remove = (cluster: ClusterWorld, key: string, w = 3) =>
  cluster.run(() => cluster.node('n1').delete({ bucket: 'b', key: bytes(key), w }));

/** Of which keys some store holds anything. */
async function held(cluster: ClusterWorld, among: readonly string[] = keys): Promise<string[]> {
  const found: string[] = [];
  for (const key of among) {
    const copies = await cluster.copies(key, [...cluster.nodes.keys()]);
    if (copies.some(({ etag }) => etag !== undefined)) found.push(key);
  }
  return found;
}

async function untilHeld(cluster: ClusterWorld, expected: readonly string[], limitMs = 60_000): Promise<void> {
  for (let waited = 0; waited < limitMs; waited += 2000) {
    if (String(await held(cluster)) === String(expected)) return;
    await cluster.world.advance(2000);
  }
  expect(await held(cluster)).toEqual(expected);
}

/** Opens a store that doubts its floors, and has heard of higher ones that nobody holds. */
const openHavingHeard: OpenStore = async (directory, opening) => {
  const store = await openStore(directory, opening);
  const floors = await Floors.load(store, 64);
  expect(floors.isEmpty).toBe(false);
  await floors.doubt(() => true);
  await floors.hear([...floors.all].map((one): ToldFloor => ({ ...one, floor: { ...one.floor, round: one.floor.round + 1 } })));
  return store;
};

describe('a cluster that forgets', () => {
  it('drops tombstones whole, at every store, and lets the keys live again', async () => {
    const cluster = await started(51);
    const gone = keys.slice(0, 5);
    for (const key of gone) await remove(cluster, key);
    expect(await held(cluster)).toEqual(keys);
    await untilHeld(cluster, keys.slice(5));
    expect(await cluster.get('n2', 'k0')).toEqual({ state: 'missing', reached: expect.anything() });
    for (const key of gone) await cluster.put('n3', key, `new ${key}`, { w: 3 });
    await cluster.world.advance(20_000);
    for (const key of gone) expect(await cluster.values('n1', key, { r: 3, pr: 3 })).toEqual([`new ${key}`]);
    for (const key of keys.slice(5)) expect(await cluster.values('n1', key, { r: 3, pr: 3 })).toEqual([`old ${key}`]);
  });

  it('waits for a holder that is away, and forgets once it has heard of the delete', async () => {
    const cluster = await started(52);
    cluster.kill('n3');
    await remove(cluster, 'k0', 2);
    await cluster.world.advance(30_000);
    expect(await held(cluster)).toEqual(keys);
    await cluster.revive('n3');
    await untilHeld(cluster, keys.slice(1));
    expect(await cluster.values('n3', 'k0', { r: 1 })).toBe('missing');
  });

  it('lets nothing back in that was forgotten, from whatever old copy', async () => {
    const cluster = await started(53);
    cluster.kill('n3');
    const old = cluster.machine('n3').disk.clone();
    await cluster.revive('n3');
    await remove(cluster, 'k0');
    await untilHeld(cluster, keys.slice(1));
    // The store as it was comes back on another machine, with the value that everybody has forgotten.
    await cluster.run(() => cluster.node('n3').close());
    cluster.nodes.delete('n3');
    cluster.world.machine('back', { disk: old });
    await cluster.start('back', { name: 'n3' });
    await untilHeld(cluster, keys.slice(1));
    for (const at of ['n1', 'n2', 'back']) expect(await cluster.values(at, 'k0', { r: 3, pr: 3 })).toBe('missing');
    for (const key of keys.slice(1)) expect(await cluster.values('back', key, { r: 3 })).toEqual([`old ${key}`]);
  });

  it('makes an end of values whose time is over, and keeps those beside them', async () => {
    const cluster = await started(54);
    await cluster.run(() => cluster.node('n2').put({ bucket: 'b', key: bytes('brief'), value: bytes('v'), ttlMs: 3000, w: 3 }));
    await cluster.run(() => cluster.node('n2').put({ bucket: 'b', key: bytes('k0'), value: bytes('beside'), ttlMs: 3000, w: 3 }));
    expect(await held(cluster, ['brief'])).toEqual(['brief']);
    for (let i = 0; i < 30 && (await held(cluster, ['brief'])).length > 0; i++) await cluster.world.advance(2000);
    expect(await held(cluster, ['brief'])).toEqual([]);
    const siblings = async (): Promise<number[]> => (await cluster.copies('k0', everyone)).map((copy) => copy.siblings);
    for (let i = 0; i < 30 && String(await siblings()) !== '1,1,1'; i++) await cluster.world.advance(2000);
    expect(await siblings()).toEqual([1, 1, 1]);
    expect(await cluster.values('n1', 'k0', { r: 3 })).toEqual(['old k0']);
  });

  it('goes on dropping after a power failure, and holds what it had agreed on', async () => {
    const cluster = await started(55);
    for (const key of keys) await remove(cluster, key);
    for (let i = 0; i < 40 && (await held(cluster)).length === keys.length; i++) await cluster.world.advance(250);
    for (const name of everyone) cluster.kill(name);
    for (const name of everyone) await cluster.revive(name);
    await untilHeld(cluster, []);
    for (const key of keys) expect(await cluster.values('n2', key, { r: 3 })).toBe('missing');
  });

  it('goes on when an owner has heard of a floor that nobody holds, as of a round that failed half way', async () => {
    const cluster = await started(56);
    await remove(cluster, 'k0');
    await untilHeld(cluster, keys.slice(1));
    cluster.kill('n3');
    cluster.machine('n3').restart();
    await cluster.start('n3', { openStore: openHavingHeard });
    await cluster.put('n1', 'k0', 'new k0', { w: 3 });
    await remove(cluster, 'k0');
    await untilHeld(cluster, keys.slice(1));
    expect(await cluster.values('n3', 'k0', { r: 3 })).toBe('missing');
  });
});
