/** Copies that become equal though nobody reads them, among whole nodes. */
import { describe, expect, it } from 'vitest';
import type { Hazards } from '../../src/index.ts';
import { ClusterWorld } from '../cluster-world.ts';
import { bytes } from '../world.ts';

const keys = Array.from({ length: 40 }, (_, at) => `k${at}`);

/** Three nodes; n3 misses writes, and its hints are lost with the fallback-less cluster: nobody keeps any. */
async function withMissedWrites(hazards: Partial<Hazards> = {}): Promise<ClusterWorld> {
  const cluster = await new ClusterWorld(17, { hazards }).startAll(3);
  for (const key of keys.slice(0, 20)) await cluster.put('n1', key, 'before');
  cluster.kill('n3');
  for (const key of keys) await cluster.put('n1', key, 'while away', { w: 2 });
  return cluster;
}

async function areEqual(cluster: ClusterWorld, names: readonly string[]): Promise<boolean> {
  for (const key of keys) {
    const copies = await cluster.copies(key, names);
    if (new Set(copies.map(({ etag }) => etag)).size !== 1) return false;
  }
  return true;
}

describe('copies that missed writes', () => {
  it('become equal without a read', async () => {
    const cluster = await withMissedWrites();
    await cluster.revive('n3');
    await cluster.world.advance(30_000);
    expect(await areEqual(cluster, ['n1', 'n2', 'n3'])).toBe(true);
    const sent = ['n1', 'n2', 'n3'].map((name) => cluster.node(name).status().comparing);
    const repairs = sent.reduce((sum, { sent: there, fetched }) => sum + there + fetched, 0);
    // Each of forty keys was lacking at one store. Two members may compare themselves with it at once, and each repair it.
    expect(repairs).toBeLessThanOrEqual(2 * keys.length);
    expect(sent.every(({ mended }) => mended === 0)).toBe(true);
  });

  it('stay apart where copies are compared by reads alone', async () => {
    const cluster = await withMissedWrites({ onlyReadRepair: true });
    await cluster.revive('n3');
    await cluster.world.advance(60_000);
    expect(await areEqual(cluster, ['n1', 'n2', 'n3'])).toBe(false);
  });

  it('reach the new owners of a bucket that is to have more copies', async () => {
    const cluster = await new ClusterWorld(18).startAll(3);
    await cluster.run(() => cluster.node('n1').setBucket('b', { n: 2, w: 2 }));
    await cluster.world.advance(2000);
    for (const key of keys) await cluster.put('n1', key, 'v', { w: 2 });
    await cluster.run(() => cluster.node('n2').setBucket('b', { n: 3 }));
    await cluster.world.advance(60_000);
    expect(await areEqual(cluster, ['n1', 'n2', 'n3'])).toBe(true);
  });
});

describe('a repair that is asked for', () => {
  it('proves copies equal, and says whom it could not ask', async () => {
    const cluster = await withMissedWrites({ onlyReadRepair: true });
    const alone = await cluster.run(() => cluster.node('n1').repair({ prove: true }));
    const idOf = (name: string): string =>
      cluster
        .node('n1')
        .cluster()
        .members.find((member) => member.name === name)?.id ?? '';
    const about = (reports: typeof alone, name: string) => reports.find(({ member }) => member === idOf(name));
    expect(about(alone, 'n2')).toMatchObject({ proven: true, unequal: 0, differing: 0 });
    expect(about(alone, 'n3')).toMatchObject({ proven: false, trouble: expect.any(String) });
    await cluster.revive('n3');
    await cluster.until(() =>
      cluster
        .node('n1')
        .cluster()
        .members.every(({ state }) => state === 'alive'),
    );
    const trusting = await cluster.run(() => cluster.node('n1').repair());
    expect(about(trusting, 'n3')).toMatchObject({ proven: false, unequal: 0, differing: 40, sent: 40, fetched: 0 });
    const whole = await cluster.run(() => cluster.node('n3').repair({ prove: true }));
    expect(whole.map(({ proven, mended, differing }) => ({ proven, mended, differing }))).toEqual([
      { proven: true, mended: 0, differing: 0 },
      { proven: true, mended: 0, differing: 0 },
    ]);
    expect(await areEqual(cluster, ['n1', 'n2', 'n3'])).toBe(true);
  });

  it('works a tenth of the time, or all of it when told to hurry', async () => {
    const cluster = await new ClusterWorld(20, { hazards: { onlyReadRepair: true } }).startAll(3);
    for (const key of keys) await cluster.put('n1', key, 'v', { w: 3 });
    const { clock } = cluster.machine('n1').environment;
    const timeOf = async (request: { readonly prove: boolean; readonly hurry: boolean }): Promise<number> => {
      const sinceMs = clock.monotonic();
      const reports = await cluster.run(() => cluster.node('n1').repair(request));
      expect(reports.map(({ unequal, trouble }) => ({ unequal, trouble }))).toEqual([{ unequal: 0 }, { unequal: 0 }]);
      return clock.monotonic() - sinceMs;
    };
    for (const prove of [false, true]) {
      const hurried = await timeOf({ prove, hurry: true });
      const gentle = await timeOf({ prove, hurry: false });
      expect(gentle / hurried).toBeGreaterThan(4);
    }
  });

  it('waits one moment for many keys, however many partitions they lie in', async () => {
    const cluster = await new ClusterWorld(21, { partitions: 1024, hazards: { onlyReadRepair: true } }).startAll(3);
    const many = Array.from({ length: 400 }, (_, at) => `k${at}`);
    const areAlive = (count: number) => () =>
      cluster
        .node('n1')
        .cluster()
        .members.filter(({ state }) => state === 'alive').length === count;
    cluster.kill('n3');
    await cluster.until(areAlive(2));
    for (const key of many) await cluster.put('n1', key, 'while away', { w: 2 });
    await cluster.revive('n3');
    await cluster.until(areAlive(3));
    const { clock } = cluster.machine('n1').environment;
    const before = clock.monotonic();
    const reports = await cluster.run(() => cluster.node('n1').repair({ prove: false, hurry: true }));
    expect(reports.map(({ unequal, sent }) => ({ unequal, sent }))).toContainEqual({ unequal: 0, sent: many.length });
    expect(clock.monotonic() - before).toBeLessThan(3000);
  });

  it('merges what both sides have, and overwrites nothing', async () => {
    const cluster = await new ClusterWorld(19, { hazards: { onlyReadRepair: true } }).startAll(3);
    await cluster.put('n1', 'k0', 'both');
    cluster.world.network.partition(['n1'], ['n2', 'n3']);
    const apart = (at: string, value: string) =>
      cluster.run(() => cluster.node(at).put({ bucket: 'b', key: bytes('k0'), value: bytes(value), w: 1, timeoutMs: 2000 }));
    await apart('n1', 'here');
    await apart('n2', 'there');
    cluster.world.network.heal();
    await cluster.until(() =>
      ['n1', 'n2', 'n3'].every((name) =>
        cluster
          .node(name)
          .cluster()
          .members.every(({ state }) => state === 'alive'),
      ),
    );
    await cluster.world.advance(3000);
    await cluster.run(() => cluster.node('n1').repair());
    await cluster.run(() => cluster.node('n2').repair());
    expect(await areEqual(cluster, ['n1', 'n2', 'n3'])).toBe(true);
    expect(await cluster.values('n3', 'k0', { r: 1 })).toEqual(['both', 'here', 'there']);
  });
});
