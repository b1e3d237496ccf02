import { describe, expect, it } from 'vitest';
import { startNode } from '../src/index.ts';
import { ClusterWorld } from './cluster-world.ts';
import { bytes, text } from './world.ts';

describe('a cluster', () => {
  it('grows one by one, and spreads what it holds', async () => {
    const cluster = new ClusterWorld(1);
    await cluster.start('n1');
    for (let i = 0; i < 30; i++) await cluster.put('n1', `k${i}`, `v${i}`);
    await cluster.start('n2');
    await cluster.start('n3');
    await cluster.start('n4');
    await cluster.until(() => cluster.node('n1').cluster().members.length === 4 && cluster.node('n1').cluster().change === undefined);
    const report = cluster.node('n1').cluster();
    expect(report.effectiveN).toBe(3);
    expect(report.members.map(({ replicas }) => replicas)).toEqual([48, 48, 48, 48]);
    for (let i = 0; i < 30; i++) expect(await cluster.values(`n${1 + (i % 4)}`, `k${i}`, { r: 3, pr: 3 })).toEqual([`v${i}`]);
  });

  it('takes writes at any node, and answers them at any other', async () => {
    const cluster = await new ClusterWorld(2).startAll(5);
    for (let i = 0; i < 20; i++) {
      const { reached } = await cluster.put(`n${1 + (i % 5)}`, `k${i}`, `v${i}`, { w: 3 });
      expect(reached).toEqual({ primaries: 3, fallbacks: 0, synced: 3 });
      expect(await cluster.values(`n${1 + ((i + 3) % 5)}`, `k${i}`)).toEqual([`v${i}`]);
    }
  });

  it('keeps writing when owners are away, and hands over when they are back', async () => {
    const cluster = await new ClusterWorld(3).startAll(5);
    const key = bytes('k');
    const { preferenceList } = await cluster.run(() => cluster.node('n1').where('b', key));
    const [first, second, third, fourth] = preferenceList.map(({ node }) => node) as [string, string, string, string];
    cluster.kill(first);
    cluster.kill(second);
    const { reached } = await cluster.put(third, 'k', 'v', { w: 3 });
    expect(reached).toEqual({ primaries: 1, fallbacks: 2, synced: 3 });
    await expect(cluster.put(third, 'k', 'strict', { w: 2, pw: 2 })).rejects.toMatchObject({ code: 'QUORUM_NOT_MET' });
    expect(cluster.node(fourth).cluster().hints).toBeGreaterThan(0);
    for (const name of [first, second]) await cluster.revive(name);
    await cluster.until(() => [...cluster.nodes.values()].every((node) => node.cluster().hints === 0));
    const copies = await Promise.all([first, second, third].map((name) => cluster.run(() => cluster.node(name).inspect('b', key))));
    expect(new Set(copies.map(({ etag }) => etag)).size).toBe(1);
    expect(copies[0]).toMatchObject({ siblings: 2, isOwner: true, hintFor: [] });
  });
});

describe('a node that stood still', () => {
  it('answers at once when it goes on, although its connections have died meanwhile', async () => {
    const cluster = await new ClusterWorld(14).startAll(5);
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    for (const key of keys) await cluster.put('n1', key, key, { w: 3 });
    cluster.machine('n1').pause();
    await cluster.world.advance(12_000);
    cluster.machine('n1').resume();
    expect(await Promise.all(keys.map((key) => cluster.values('n1', key, { r: 2 })))).toEqual(keys.map((key) => [key]));
  });
});

describe('the log of a node', () => {
  it('says who went down and who came back, by name', async () => {
    const cluster = await new ClusterWorld(13).startAll(3);
    const saidBy = (name: string): string[] => cluster.lines.filter((line) => line.startsWith(`${name} `) && line.includes('a member is'));
    expect(saidBy('n1')).toEqual([]);
    cluster.kill('n3');
    await cluster.until(() => saidBy('n1').includes('n1 warn a member is down {"name":"n3"}'));
    await cluster.revive('n3');
    await cluster.until(() => saidBy('n1').includes('n1 info a member is up again {"name":"n3"}'));
    expect(saidBy('n1').filter((line) => !line.includes('debug'))).toHaveLength(2);
  });
});

describe('a store that lost its data', () => {
  it('never counts as a strict answer before it has taken everything back', async () => {
    const cluster = await new ClusterWorld(5).startAll(3);
    const [first, second, third] = (await cluster.owners('k')) as [string, string, string];
    await cluster.put(first, 'k', 'old', { w: 3 });
    cluster.kill(third);
    const seen = await cluster.get(first, 'k');
    await cluster.put(first, 'k', 'new', { w: 2, pw: 2, ...('context' in seen ? { context: seen.context } : {}) });
    // Of the two that have it, one loses all, and the other is out of reach: only the stale third is left to vouch.
    cluster.kill(first);
    cluster.kill(second);
    await cluster.revive(third);
    await cluster.wipeStore(second);
    await cluster.start(second);
    await expect(cluster.values(second, 'k', { r: 2, pr: 2 })).rejects.toMatchObject({ code: 'QUORUM_NOT_MET' });
    expect(cluster.node(second).cluster().isRecovering).toBe(true);
    await cluster.revive(first);
    await cluster.until(() => !cluster.node(second).cluster().isRecovering);
    expect(await cluster.values(second, 'k', { r: 2, pr: 2 })).toEqual(['new']);
  });
});

describe('what is out of place', () => {
  it('goes to its owners, and is gone here when they all have it', async () => {
    const cluster = await new ClusterWorld(6).startAll(3);
    for (let i = 0; i < 40; i++) await cluster.put('n1', `k${i}`, `v${i}`, { w: 3 });
    await cluster.start('n4');
    const everyone = ['n1', 'n2', 'n3', 'n4'];
    await cluster.until(() => cluster.node('n1').cluster().members.length === 4 && cluster.node('n1').cluster().change === undefined);
    await cluster.world.advance(5000);
    for (let i = 0; i < 40; i++) {
      const owners = await cluster.owners(`k${i}`);
      const copies = await cluster.copies(`k${i}`, everyone);
      const holders = everyone.filter((_, at) => copies[at]?.etag !== undefined);
      expect(holders).toEqual(everyone.filter((name) => owners.includes(name)));
      expect(new Set(copies.flatMap(({ etag }) => etag ?? [])).size).toBe(1);
    }
  });
});

describe('read repair', () => {
  it('brings an owner up to date that was away, when the key is read', async () => {
    const cluster = await new ClusterWorld(7).startAll(3);
    const owners = (await cluster.owners('k')) as [string, string, string];
    const [first, , third] = owners;
    // Of three members all are owners: there is nobody to keep a hint.
    cluster.kill(third);
    await cluster.put(first, 'k', 'v', { w: 2 });
    await cluster.revive(third);
    expect((await cluster.copies('k', owners)).map(({ etag }) => etag === undefined)).toEqual([false, false, true]);
    expect(await cluster.values(third, 'k', { r: 3 })).toEqual(['v']);
    await cluster.world.advance(200);
    expect(new Set((await cluster.copies('k', owners)).map(({ etag }) => etag)).size).toBe(1);
  });
});

describe('one read of each key', () => {
  it('makes all copies equal though it asks two of three, and nobody compares copies besides', async () => {
    const cluster = await new ClusterWorld(8, { hazards: { onlyReadRepair: true } }).startAll(3);
    const everyone = ['n1', 'n2', 'n3'];
    const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
    cluster.kill('n3');
    for (const key of keys) await cluster.put('n1', key, 'v', { w: 2 });
    await cluster.revive('n3');
    await cluster.until(() =>
      cluster
        .node('n1')
        .cluster()
        .members.every(({ state }) => state === 'alive'),
    );
    const apart = async (): Promise<number> => {
      const copies = await Promise.all(keys.map((key) => cluster.copies(key, everyone)));
      return copies.filter((each) => new Set(each.map(({ etag }) => etag)).size > 1).length;
    };
    expect(await apart()).toBe(keys.length);
    for (const key of keys) expect(await cluster.values('n1', key)).toEqual(['v']);
    await cluster.world.advance(1000);
    expect(await apart()).toBe(0);
    const { few, all, compared, differing } = cluster.node('n1').status().reading;
    // Whoever asked n3 was told that it differs; the others compared it afterwards.
    expect(few + all).toBe(keys.length);
    expect([few, compared]).toEqual([differing, differing]);
    expect(Math.min(few, all)).toBeGreaterThan(0);
  });
});

describe('a node that was given no name', () => {
  it('is named by its id, and says where its door is', async () => {
    const cluster = new ClusterWorld(9);
    const node = await cluster.run(() =>
      startNode({ environment: cluster.machine('m').environment, dataDirectory: '/data', peer: { listen: 'm:7072' } }),
    );
    const { name, nodeId, peer, rpc, gossip } = node.status();
    expect([name, peer]).toEqual([`node-${nodeId.slice(0, 4)}`, 'm:7072']);
    expect([rpc['inFlight'], gossip['malformed']]).toEqual([0, 0]);
    expect(node.epoch).toBe(node.cluster().epoch);
    await cluster.run(() => node.close());
  });
});

describe('a seed that belongs to no cluster yet', () => {
  it('is asked again, and the next one takes the node in', async () => {
    const cluster = new ClusterWorld(12);
    await cluster.start('n1');
    // Its door is open; it waits for somebody who never comes.
    const { environment } = cluster.machine('lost');
    const lost = { listen: 'lost:7072', seeds: ['nobody:7072'] };
    startNode({ environment, dataDirectory: '/data', name: 'lost', peer: lost, partitions: 64 }).catch(() => undefined);
    await cluster.world.advance(1000);
    await cluster.start('n2', { peer: { listen: 'n2:7072', seeds: ['lost:7072', 'n1:7072'] } });
    expect(
      cluster
        .node('n2')
        .cluster()
        .members.map(({ name }) => name),
    ).toEqual(['n1', 'n2']);
    expect(cluster.lines.join('\n')).toMatch(/n2 info could not join yet; trying again .*lost:7072.*knows no method join/);
    cluster.machine('lost').kill();
  });
});

describe('a node that should not be', () => {
  it('is refused when another cluster, a taken name or a running member stands against it', async () => {
    const cluster = await new ClusterWorld(8).startAll(3);
    const taken = { listen: 'n4:7072', seeds: ['n1:7072'] };
    await expect(cluster.start('n4', { name: 'n2', peer: taken })).rejects.toThrow(/the name n2 .* replace it/);
    // The directory of n3, copied while n3 runs.
    const copy = cluster.world.machine('copy', { disk: cluster.machine('n3').disk.clone() });
    expect(copy.isUp).toBe(true);
    await expect(cluster.start('copy', { name: 'n3' })).rejects.toThrow(/runs at n3:7072 already/);
    // A member of another cluster does not get in, and its own stays as it was.
    const { environment } = cluster.machine('alone');
    const alone = await cluster.run(() =>
      startNode({ environment, dataDirectory: '/data', name: 'alone', peer: { listen: 'alone:7072' }, partitions: 64 }),
    );
    await cluster.run(() => alone.close());
    await cluster.start('alone');
    expect(cluster.node('alone').cluster().members).toHaveLength(1);
    expect(cluster.node('n1').cluster().members).toHaveLength(3);
  });
});

describe('keys of a cluster', () => {
  it('are listed once each, in order, a page at a time, also when an owner is away', async () => {
    const cluster = await new ClusterWorld(4).startAll(4);
    const names = Array.from({ length: 60 }, (_, i) => `k${String(i).padStart(2, '0')}`);
    for (const [i, name] of names.entries()) await cluster.put(`n${1 + (i % 4)}`, name, 'v', { w: 3 });
    await cluster.run(() => cluster.node('n1').delete({ bucket: 'b', key: bytes('k07'), w: 3 }));
    const listed = async (at: string): Promise<string[]> => {
      const keys: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await cluster.run(() =>
          cluster.node(at).listKeys({ bucket: 'b', limit: 7, ...(cursor === undefined ? {} : { cursor }) }),
        );
        keys.push(...page.keys.map(text));
        cursor = page.cursor;
      } while (cursor !== undefined);
      return keys;
    };
    const expected = names.filter((name) => name !== 'k07');
    expect(await listed('n2')).toEqual(expected);
    cluster.kill('n3');
    expect(await listed('n1')).toEqual(expected);
  });
});
