/** What follows when a store cannot keep what it has already sent, counted or passed on. */
import { describe, expect, it } from 'vitest';
import { ClusterWorld } from './cluster-world.ts';
import { bytes, World } from './world.ts';

async function holdersOf(cluster: ClusterWorld, key: string): Promise<string[]> {
  const { preferenceList } = await cluster.run(() => cluster.node('n1').where('b', bytes(key)));
  return preferenceList.map(({ node }) => node);
}

function fillUp(cluster: ClusterWorld, name: string): () => void {
  const { disk } = cluster.machine(name);
  disk.setFault(({ kind }) => (kind === 'write' ? { error: 'ENOSPC' } : undefined));
  return () => disk.setFault(undefined);
}

describe('a store that fails a write', () => {
  it('never claims the dot of a write that only others kept', async () => {
    const cluster = await new ClusterWorld(11).startAll(4);
    const [first] = (await holdersOf(cluster, 'k')) as [string];
    await cluster.put(first, 'k', 'before', { w: 3 });
    const empty = fillUp(cluster, first);
    expect((await cluster.put(first, 'k', 'kept elsewhere', { w: 2, pw: 2 })).reached).toMatchObject({ primaries: 2 });
    empty();
    await cluster.put(first, 'k', 'after', { w: 3 });
    expect(await cluster.values(first, 'k', { r: 3, pr: 3 })).toEqual(['after', 'before', 'kept elsewhere']);
  });

  it('counts no hint that it could not keep', async () => {
    const cluster = await new ClusterWorld(12).startAll(4);
    const [first, second, , stranger] = (await holdersOf(cluster, 'k')) as [string, string, string, string];
    cluster.machine(first).kill();
    const empty = fillUp(cluster, stranger);
    await cluster.put(second, 'k', 'v', { w: 2 });
    await cluster.world.advance(1000);
    expect(cluster.node(stranger).cluster().hints).toBe(0);
    empty();
    await cluster.put(second, 'k', 'w', { w: 3 });
    expect(cluster.node(stranger).cluster().hints).toBe(1);
  });

  it('passes a write on with whole milliseconds, however little time it has', async () => {
    const cluster = await new ClusterWorld(13).startAll(4);
    const stranger = (await holdersOf(cluster, 'k'))[3] as string;
    await cluster.world.advance(0.3);
    const { reached } = await cluster.run(() =>
      cluster.node(stranger).put({ bucket: 'b', key: bytes('k'), value: bytes('v'), timeoutMs: 333 }),
    );
    expect(reached.primaries).toBeGreaterThan(0);
  });
});

describe('the etag that a write answers', () => {
  it('names nothing that stands beside the write and was never shown', async () => {
    const world = await new World().start();
    await world.put('k', 'theirs');
    const { etag } = await world.put('k', 'mine');
    await expect(world.put('k', 'instead', { conditions: { ifMatch: etag } })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
    expect(await world.values('k')).toEqual(['mine', 'theirs']);
  });
});
