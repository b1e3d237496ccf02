import { describe, expect, it } from 'vitest';
import { checkProperties } from '../src/buckets/bucket-properties.ts';
import { bytes, text, World } from './world.ts';

const refused = (code: string) => expect.objectContaining({ code });

async function keysOf(world: World, bucket = 'b', ask: { prefix?: string; limit?: number } = {}): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const request = { bucket, limit: ask.limit ?? 7, ...(ask.prefix === undefined ? {} : { prefix: bytes(ask.prefix) }) };
    const page = await world.run(world.node.listKeys({ ...request, ...(cursor === undefined ? {} : { cursor }) }));
    keys.push(...page.keys.map(text));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return keys;
}

const stored = (world: World, space: number): number => [...world.disk.entries.keys()].filter((key) => key.charCodeAt(0) === space).length;

describe('bucket properties', () => {
  it.each<object>([
    { n: 0 },
    { n: 17 },
    { r: 0 },
    { w: 'all' },
    { w: 4 },
    { pr: 4 },
    { n: 2, pw: 3 },
    { conflict: 'merge' },
    { token: 'redis-slot' },
    { ttlMs: 0 },
    { valueBytesMax: 17 * 2 ** 20 },
    { siblingsMax: 0 },
    { clockEntriesMax: 0.5 },
    { nonsense: 1 },
    { constructor: 1 },
    { n: null },
  ])('refuse %o', (given) => {
    expect(() => checkProperties(given)).toThrow(refused('INVALID_ARGUMENT'));
  });

  it('are kept over restarts, beside those said before', async () => {
    const world = await new World().start();
    await world.run(world.node.setBucket('b', { siblingsMax: 5 }));
    await world.run(world.node.setBucket('b', { n: 5, w: 4 }));
    await world.restart();
    expect(await world.run(world.node.bucket('b'))).toMatchObject({
      exists: true,
      generation: 1,
      properties: { siblingsMax: 5, n: 5, w: 4, r: 'majority' },
    });
    expect((await world.run(world.node.buckets())).map((bucket) => bucket.name)).toEqual(['b']);
    await expect(world.put('k', 'v')).rejects.toEqual(refused('QUORUM_NOT_MET'));
    expect(await world.run(world.node.bucket('never'))).toMatchObject({ exists: false, properties: { n: 3 } });
  });

  it('fix how conflicts are treated with the first write', async () => {
    const world = await new World().start();
    await world.run(world.node.setBucket('b', { conflict: 'lww' }));
    await world.run(world.node.setBucket('b', { conflict: 'siblings' }));
    await world.put('k', 'v');
    await expect(world.run(world.node.setBucket('b', { conflict: 'lww' }))).rejects.toEqual(refused('INVALID_ARGUMENT'));
    await world.restart();
    await expect(world.run(world.node.setBucket('b', { conflict: 'lww' }))).rejects.toEqual(refused('INVALID_ARGUMENT'));
    await world.run(world.node.dropBucket('b'));
    await world.run(world.node.setBucket('b', { conflict: 'lww' }));
  });

  it('hold for a write that is on its way when they change', async () => {
    const world = await new World().start();
    world.disk.commitMs = 10;
    const write = world.node.put({ bucket: 'b', key: bytes('k'), value: bytes('v') });
    const change = world.node.setBucket('b', { siblingsMax: 3 });
    await world.run(Promise.all([write, change]));
    const other = world.node.put({ bucket: 'b', key: bytes('l'), value: bytes('v') });
    await world.run(other);
    await world.restart();
    expect((await world.run(world.node.bucket('b'))).properties.siblingsMax).toBe(3);
    await expect(world.run(world.node.setBucket('b', { conflict: 'lww' }))).rejects.toEqual(refused('INVALID_ARGUMENT'));
  });

  it('have a limit to their number', async () => {
    const world = await new World().start({ limits: { bucketsMax: 2 } });
    await world.put('k', 'v', { bucket: 'one' });
    await world.run(world.node.setBucket('two', {}));
    await expect(world.put('k', 'v', { bucket: 'three' })).rejects.toEqual(refused('OVERLOADED'));
    await expect(world.run(world.node.setBucket('three', {}))).rejects.toEqual(refused('OVERLOADED'));
    expect((await world.get('k', 'three')).state).toBe('missing');
    await world.put('l', 'v', { bucket: 'one' });
  });
});

describe('clockEntriesMax', () => {
  it('bounds the clock of a key over many lives of its store; off by default', async () => {
    const lives = 12;
    const lengthOf = async (given: { clockEntriesMax?: number }): Promise<number> => {
      const world = await new World().start();
      await world.run(world.node.setBucket('b', given));
      for (let life = 0; life < lives; life++) {
        await world.put('k', `${life}`, life === 0 ? {} : { context: await world.context('k') });
        await world.start();
      }
      expect(await world.values('k')).toEqual([`${lives - 1}`]);
      return (await world.context('k')).length;
    };
    const [free, bounded] = [await lengthOf({}), await lengthOf({ clockEntriesMax: 3 })];
    expect(free).toBeGreaterThan(bounded * 2);
  });
});

describe('dropping a bucket', () => {
  it('hides every key at once, refuses old contexts, and gives the space back', async () => {
    const world = await new World().start();
    await world.run(
      Promise.all(Array.from({ length: 600 }, (_, i) => world.node.put({ bucket: 'b', key: bytes(`k${i}`), value: bytes('v') }))),
    );
    await world.put('other', 'v', { bucket: 'c' });
    await world.delete('k1');
    const context = await world.context('k0');
    await world.run(world.node.dropBucket('b'));
    expect(await world.values('k0')).toBe('missing');
    expect(await keysOf(world)).toEqual([]);
    await expect(world.put('k0', 'w', { context })).rejects.toEqual(refused('INVALID_ARGUMENT'));
    await world.put('k0', 'next life');
    await world.simulation.advance(1000);
    expect(world.node.status().store['droppedBucketsToClear']).toBe(0);
    expect([stored(world, 0x10), stored(world, 0x20), stored(world, 0x03), stored(world, 0x2a)]).toEqual([2, 2, 0, 0]);
    expect(await world.values('k0')).toEqual(['next life']);
    expect(await world.run(world.node.bucket('b'))).toMatchObject({ generation: 2 });
  });

  it('goes on after a crash in the midst of it', async () => {
    const world = await new World().start();
    await world.run(
      Promise.all(Array.from({ length: 600 }, (_, i) => world.node.put({ bucket: 'b', key: bytes(`k${i}`), value: bytes('v') }))),
    );
    world.disk.commitMs = 10;
    await world.run(world.node.dropBucket('b'));
    await world.simulation.advance(15);
    expect(stored(world, 0x10)).toBeGreaterThan(0);
    await world.start();
    expect(await world.values('k0')).toBe('missing');
    await world.simulation.advance(1000);
    expect([stored(world, 0x10), stored(world, 0x20), stored(world, 0x03)]).toEqual([0, 0, 0]);
  });

  it('of nothing does nothing', async () => {
    const world = await new World().start();
    await world.run(world.node.dropBucket('never'));
    expect((await world.run(world.node.bucket('never'))).generation).toBe(1);
  });
});

describe('listing keys', () => {
  it('pages in key order, by prefix, without deleted ones', async () => {
    const world = await new World().start();
    const keys = Array.from({ length: 40 }, (_, i) => `${i % 2 === 0 ? 'even' : 'odd'}:${String(i).padStart(2, '0')}`);
    for (const key of keys) await world.put(key, 'v');
    await world.put('even:00', 'in another bucket', { bucket: 'bb' });
    await world.delete('even:10');
    const left = keys.filter((key) => key !== 'even:10').sort();
    expect(await keysOf(world)).toEqual(left);
    for (const limit of [1, 19, 20, 39, 40, 1000]) expect(await keysOf(world, 'b', { limit })).toEqual(left);
    expect(await keysOf(world, 'b', { prefix: 'odd:' })).toEqual(left.filter((key) => key.startsWith('odd:')));
    expect(await keysOf(world, 'b', { prefix: 'zz' })).toEqual([]);
    await world.put('even:10', 'again');
    expect(await keysOf(world, 'b', { prefix: 'even:1' })).toEqual(['even:10', 'even:12', 'even:14', 'even:16', 'even:18']);
  });

  it('gives bounded pages through a stretch of tombstones', async () => {
    const world = await new World().start();
    const last = 'z';
    await world.put(last, 'v');
    await world.run(Promise.all(Array.from({ length: 4050 }, (_, i) => world.node.delete({ bucket: 'b', key: bytes(`k${i}`) }))));
    const page = await world.run(world.node.listKeys({ bucket: 'b', limit: 10 }));
    expect(page).toEqual({ keys: [], cursor: expect.any(String) });
    expect(await keysOf(world)).toEqual([last]);
  });

  it.each([
    { limit: 0 },
    { limit: 1001 },
    { limit: 1.5 },
    { limit: 1, cursor: 'nonsense!' },
    { limit: 1, cursor: '' },
    { limit: 1, cursor: 'AQ' },
    { limit: 1, cursor: 'AmE' },
  ])('refuses %o', async (odd) => {
    const world = await new World().start();
    await expect(world.run(world.node.listKeys({ bucket: 'b', ...odd }))).rejects.toEqual(refused('INVALID_ARGUMENT'));
  });
});
