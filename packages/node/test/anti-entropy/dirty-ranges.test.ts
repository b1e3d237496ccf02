/** What is noted of writes that an owner missed, and when a note goes. */
import { describe, expect, it } from 'vitest';
import { DirtyRanges, missedBy } from '../../src/anti-entropy/dirty-ranges.ts';
import { ClusterWorld } from '../cluster-world.ts';
import { World } from '../world.ts';

const [one, two] = ['00000000000000b1', '00000000000000b2'] as const;

describe('owners that missed a write', () => {
  it('are those without a copy and without a stand-in', () => {
    const placement = { owners: ['a', 'b', 'c', 'd'] };
    const outcomes = [
      { store: 'a', ok: true },
      { store: 'b', ok: false },
      { store: 'f', standsFor: 'b', ok: true },
      { store: 'c', ok: false },
      { store: 'g', standsFor: 'c', ok: false },
    ];
    expect(missedBy(placement, outcomes)).toEqual(['c', 'd']);
  });
});

describe('a note', () => {
  it('outlasts a restart, is kept once, and goes when what was taken is compared', async () => {
    const world = new World();
    const { environment } = world.simulation;
    const store = await world.disk.open('/data/store', { environment, durable: true });
    const dirty = await world.run(DirtyRanges.load(store));
    await world.run(async () => {
      for (const start of [0, 2 ** 31, 0]) await dirty.add(one, start);
      await dirty.add(two, 2 ** 30);
    });
    const again = await world.run(DirtyRanges.load(store));
    expect({ one: again.take(one).starts, two: again.take(two).starts, size: again.size }).toEqual({
      one: [0, 2 ** 31],
      two: [2 ** 30],
      size: 3,
    });
    const taken = again.take(one);
    await world.run(() => again.add(one, 2 ** 31));
    await world.run(() => taken.done());
    // Missed once more after the exchange had begun: it stays.
    expect(again.take(one).starts).toEqual([2 ** 31]);
    await world.run(() => again.take(one).done());
    expect(again.has(one)).toBe(false);
    expect((await world.run(DirtyRanges.load(store))).size).toBe(1);
  });

  it('is made by an owner, and has the member compared with at once when it is back', async () => {
    const cluster = await new ClusterWorld(23).startAll(3);
    await cluster.world.advance(20_000);
    cluster.kill('n3');
    for (let at = 0; at < 10; at++) await cluster.put('n1', `k${at}`, 'v', { w: 2 });
    await cluster.world.advance(3000);
    const noted = (): number => cluster.node('n1').status().comparing.missed;
    expect(noted()).toBeGreaterThan(5);
    await cluster.revive('n3');
    await cluster.until(() => noted() === 0, 10_000);
    for (let at = 0; at < 10; at++) {
      const copies = await cluster.copies(`k${at}`, ['n1', 'n2', 'n3']);
      expect(new Set(copies.map(({ etag }) => etag)).size).toBe(1);
    }
  });
});
