import { describe, expect, it } from 'vitest';
import type { RingChanges } from '../src/index.ts';
import { ClusterWorld } from './cluster-world.ts';

const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);

async function withData(seed: number, nodes: number): Promise<ClusterWorld> {
  const cluster = await new ClusterWorld(seed).startAll(nodes);
  for (const key of keys) await cluster.put('n1', key, `v of ${key}`, { w: Math.min(3, nodes) });
  return cluster;
}

async function expectAll(cluster: ClusterWorld, at: string): Promise<void> {
  // A newcomer vouches for what it took over a moment after the change is done.
  const isWhole = (name: string): boolean => cluster.nodes.get(name)?.cluster().isRecovering !== true;
  await cluster.until(() => members(cluster, at).every(isWhole));
  for (const key of keys) expect([key, await cluster.values(at, key, { r: 3, pr: 3 })]).toEqual([key, [`v of ${key}`]]);
}

const members = (cluster: ClusterWorld, at = 'n1'): string[] =>
  cluster
    .node(at)
    .cluster()
    .members.map(({ name }) => name)
    .sort();

const isQuiet = (cluster: ClusterWorld, at = 'n1'): boolean => cluster.node(at).cluster().changes.length === 0;

describe('a node that leaves', () => {
  it('goes when the others have all that it had, and takes nothing any more', async () => {
    const cluster = await withData(31, 5);
    await cluster.run(() => cluster.node('n2').topology.begin({ kind: 'leave', member: 'n5' }));
    await cluster.until(() => members(cluster).length === 4);
    expect(members(cluster)).toEqual(['n1', 'n2', 'n3', 'n4']);
    await expectAll(cluster, 'n3');
    await cluster.until(() => cluster.node('n5').cluster().members.length === 4);
    await expect(cluster.put('n5', 'late', 'v')).rejects.toThrow(/n5 left the cluster at epoch \d+/);
    expect(cluster.node('n5').status()).toMatchObject({ state: 'left', reason: expect.stringMatching(/empty data directory/) });
    // Nothing was removed here before the others had it; all of it is gone now.
    const copies = await Promise.all(keys.map((key) => cluster.copies(key, ['n1', 'n2', 'n3', 'n4'])));
    for (const row of copies) expect(row.filter(({ etag }) => etag !== undefined)).toHaveLength(3);
  });

  it('waits for an owner that is away, and says so', async () => {
    const cluster = await withData(32, 5);
    cluster.kill('n4');
    await cluster.run(() => cluster.node('n1').topology.begin({ kind: 'leave', member: 'n5' }));
    await cluster.until(
      () => cluster.node('n1').cluster().changes[0]?.waitingFor !== '' || cluster.node('n2').cluster().changes[0]?.waitingFor !== '',
    );
    await cluster.world.advance(5000);
    expect(members(cluster)).toContain('n5');
    await cluster.revive('n4');
    await cluster.until(() => members(cluster).length === 4);
    await expectAll(cluster, 'n4');
  });
});

describe('a change whose driver hears of nothing more', () => {
  it('says so everywhere, is driven by others, and goes on when that one starts again', async () => {
    const cluster = await withData(36, 4);
    const { disk } = cluster.machine('n5');
    const starting = cluster.start('n5');
    await cluster.until(() => cluster.node('n1').cluster().members.length === 5);
    await starting;
    // What n5 decides next it cannot write down; its disk is well again soon, and its ring log is not.
    disk.setFault(({ path, kind }) => {
      return path.includes('/ring.log') && (kind === 'write' || kind === 'truncate') ? { error: 'EROFS' } : undefined;
    });
    await cluster.until(() => cluster.node('n5').status().state === 'read-only');
    disk.setFault(undefined);
    expect(cluster.node('n5').status().reason).toMatch(/^the ring log takes nothing more.*EROFS/);
    expect(cluster.node('n5').cluster().changes[0]?.waitingFor).toMatch(/next step to be decided, which fails: .*EROFS/);
    await cluster.world.advance(30_000);
    const others = ['n1', 'n2', 'n3', 'n4'].map((name) => cluster.node(name).cluster().changes[0]);
    expect(others.map((change) => change?.phase)).toEqual(others.map(() => 'read-new'));
    const told = others.filter((change) => change?.waitingFor !== '');
    // Those who drive at this moment: each looks a little after the one before it turns out not to be able.
    expect(told.length).toBeGreaterThan(0);
    for (const change of told) expect(change?.waitingFor).toMatch(/which says: .*EROFS/);
    cluster.kill('n5');
    await cluster.revive('n5');
    await cluster.until(() => members(cluster).length === 5 && isQuiet(cluster));
    await expectAll(cluster, 'n5');
  });
});

describe('a join that is taken back', () => {
  it('leaves all as it was, when its node is gone for good', async () => {
    const cluster = await withData(33, 4);
    cluster.kill('n3');
    await cluster.start('n5', {});
    // n3 is away, so the join cannot be done; then the newcomer dies for good.
    cluster.kill('n5');
    await cluster.world.advance(20_000);
    const [change] = cluster.node('n1').cluster().changes;
    expect(change).toMatchObject({ kind: 'join', member: 'n5', phase: 'dual-write' });
    const told = ['n1', 'n2', 'n4'].map((name) => cluster.node(name).cluster().changes[0]?.waitingFor ?? '');
    expect(told.join(' ')).toMatch(/does not answer/);
    await cluster.run(() => cluster.node('n2').topology.abort());
    await cluster.until(() => isQuiet(cluster));
    await cluster.run(() => cluster.node('n2').topology.remove('n5'));
    expect(members(cluster, 'n2')).toEqual(['n1', 'n2', 'n3', 'n4']);
    await cluster.revive('n3');
    await expectAll(cluster, 'n3');
    // It holds nobody else up.
    await cluster.start('n6');
    await cluster.until(() => members(cluster).length === 5 && isQuiet(cluster));
    await expectAll(cluster, 'n6');
  });

  it('brings home what the newcomer took meanwhile, and lets it go', async () => {
    const cluster = await withData(34, 4);
    cluster.kill('n2');
    await cluster.start('n5');
    await cluster.put('n5', 'only there', 'v', { w: 1 });
    await cluster.run(() => cluster.node('n1').topology.abort());
    await cluster.revive('n2');
    await cluster.until(() => members(cluster).length === 4);
    expect(await cluster.values('n1', 'only there', { r: 3 })).toEqual(['v']);
    await expectAll(cluster, 'n2');
  });
});

describe('several newcomers', () => {
  it('are let in together when they ask at once', async () => {
    const cluster = await withData(35, 3);
    const started = ['n4', 'n5', 'n6'].map((name) => cluster.start(name));
    await Promise.all(started);
    await cluster.until(() => members(cluster).length === 6 && isQuiet(cluster));
    const { members: all } = cluster.node('n1').cluster();
    expect(all.every(({ replicas, ideal }) => Math.abs(replicas - ideal) <= 1)).toBe(true);
    await expectAll(cluster, 'n5');
  });
});

describe('a plan', () => {
  it('is shown before it is committed, and begun whole', async () => {
    const cluster = await withData(36, 5);
    const { topology } = cluster.node('n1');
    await cluster.run(() => topology.stage({ kind: 'weight', member: 'n2', weight: 2 }));
    await cluster.run(() => topology.stage({ kind: 'leave', member: 'n3' }));
    const plan = await cluster.run(() => topology.plan());
    expect(plan.staged).toEqual(['weight 2 of n2', 'leave of n3']);
    // Of four members one asks for twice as much, and so nearly every partition: more moves than loads alone ask for.
    expect(plan.preview?.fewestMoves).toBe(38);
    expect(plan.preview?.moves).toBeGreaterThanOrEqual(38);
    expect(plan.preview?.moves).toBeLessThanOrEqual(plan.preview?.partitionsChanged ?? 0);
    expect(plan.preview?.loads.find(({ name }) => name === 'n3')).toEqual({ name: 'n3', before: 38 });
    expect(plan.plan).toMatch(/^plan-[0-9a-f]{8}-[0-9a-f]{8}$/);
    expect(await cluster.run(() => topology.commit(plan.plan))).toEqual({ plan: plan.plan, wishes: plan.staged });
    await cluster.until(() => members(cluster).length === 4);
    expect(
      cluster
        .node('n1')
        .cluster()
        .members.find(({ name }) => name === 'n2')?.replicas,
    ).toBeGreaterThanOrEqual(62);
    await expectAll(cluster, 'n2');
  });

  it('has one name at every member, and is begun by it only as it was shown', async () => {
    const cluster = await withData(49, 5);
    const [one, other] = ['n1', 'n4'].map((name) => cluster.node(name).topology) as [RingChanges, RingChanges];
    await cluster.run(() => one.stage({ kind: 'leave', member: 'n2' }));
    const { plan } = await cluster.run(() => one.plan());
    await cluster.until(() => cluster.node('n4').epoch === cluster.node('n1').epoch);
    expect((await cluster.run(() => other.plan())).plan).toBe(plan);
    await cluster.world.advance(5000);
    await cluster.run(() => other.stage({ kind: 'leave', member: 'n3' }));
    const { origins = [] } = await cluster.run(() => other.plan());
    expect(origins.map(({ by }) => by)).toEqual(['n1', 'n4']);
    const [older = 0, newer = Infinity] = origins.map(({ agoMs }) => agoMs);
    expect([older >= 5000, newer < 5000]).toEqual([true, true]);
    await expect(cluster.run(() => one.commit(plan))).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
      message: expect.stringMatching(/is not begun: what is staged has changed, and is now: leave of n2, leave of n3; coterie plan show/),
    });
    expect([isQuiet(cluster), (await cluster.run(() => one.plan())).staged]).toEqual([true, ['leave of n2', 'leave of n3']]);
    await cluster.run(() => one.abort());
    await cluster.run(() => one.stage({ kind: 'leave', member: 'n2' }));
    // The same wish on the same ring is the same plan, whoever asks, whichever epoch it is.
    expect(await cluster.run(() => other.commit(plan))).toEqual({ plan, wishes: ['leave of n2'] });
    await cluster.until(() => members(cluster).length === 4);
    await expectAll(cluster, 'n3');
  });

  it('takes no wish that can never be, and one that a change under way is in the way of', async () => {
    const cluster = await withData(50, 4);
    cluster.kill('n3');
    const { topology } = cluster.node('n1');
    await cluster.run(() => topology.begin({ kind: 'leave', member: 'n4' }));
    await cluster.run(() => topology.stage({ kind: 'weight', member: 'n4', weight: 2 }));
    expect(await cluster.run(() => topology.plan())).toMatchObject({ problem: expect.stringMatching(/about n4 is under way/) });
    expect((await cluster.run(() => topology.plan())).plan).toBeUndefined();
    for (const weight of [0, 1.5, 2000]) {
      const refusal = { code: 'INVALID_ARGUMENT', message: expect.stringMatching(/weight is an integer from 1 to 1024/) };
      await expect(cluster.run(() => topology.stage({ kind: 'weight', member: 'n2', weight }))).rejects.toMatchObject(refusal);
    }
    await cluster.revive('n3');
    await cluster.until(() => cluster.node('n1').cluster().changes.length === 0);
    const refusal = { code: 'INVALID_ARGUMENT', message: expect.stringMatching(/n4 is leaving already|n4 is not a member/) };
    await expect(cluster.run(() => topology.stage({ kind: 'leave', member: 'n4' }))).rejects.toMatchObject(refusal);
  });

  it('says why it cannot be, and goes away when it is taken back', async () => {
    const cluster = await new ClusterWorld(37).startAll(2);
    const { topology } = cluster.node('n1');
    await cluster.run(() => topology.stage({ kind: 'leave', member: 'n1' }));
    await cluster.run(() => topology.stage({ kind: 'leave', member: 'n2' }));
    expect((await cluster.run(() => topology.plan())).problem).toMatch(/last member cannot leave/);
    expect(await cluster.run(() => topology.abort())).toBe('staged');
    expect((await cluster.run(() => topology.plan())).staged).toEqual([]);
    await expect(cluster.run(() => topology.commit())).rejects.toThrow(/nothing is staged/);
    await expect(cluster.run(() => topology.abort())).rejects.toThrow(/nothing is under way/);
    await expect(cluster.run(() => topology.stage({ kind: 'leave', member: 'n9' }))).rejects.toThrow(
      /n9 is not a member; there are n1, n2/,
    );
  });
});

describe('a replacement', () => {
  it('takes the place of a member that is up, from it too', async () => {
    const cluster = await withData(38, 4);
    // With one copy on the member that goes, only it can give it.
    const [first] = (await cluster.owners('lone')) as [string];
    const others = ['n1', 'n2', 'n3', 'n4'].filter((name) => name !== first);
    const at = others[0] as string;
    await cluster.start('n5', { peer: { listen: 'n5:7072', seeds: [`${at}:7072`], replace: first } });
    await cluster.until(() => members(cluster, at).length === 4 && !members(cluster, at).includes(first) && isQuiet(cluster, at));
    await expectAll(cluster, 'n5');
  });

  it('of a dead member waits for a word that it is lost, and then comes from the others', async () => {
    const cluster = await withData(39, 5);
    cluster.kill('n3');
    await cluster.until(() =>
      cluster
        .node('n1')
        .cluster()
        .members.some(({ name, state }) => name === 'n3' && state === 'dead'),
    );
    const starting = cluster.start('n6', { peer: { listen: 'n6:7072', seeds: ['n1:7072'], replace: 'n3' } });
    await cluster.until(() => cluster.lines.join('\n').includes('coterie replace n3 n6 --force'));
    const { topology } = cluster.node('n1');
    await expect(cluster.run(() => topology.begin({ kind: 'replace', member: 'n3', by: 'n6' }))).rejects.toThrow(/--force/);
    expect(await cluster.run(() => topology.losses('n3'))).toMatchObject({ state: 'dead', heldByNobodyElse: 0, unsure: [] });
    await cluster.run(() => topology.begin({ kind: 'replace', member: 'n3', by: 'n6', force: true }));
    await starting;
    await cluster.until(() => !members(cluster).includes('n3') && isQuiet(cluster));
    expect(members(cluster)).toEqual(['n1', 'n2', 'n4', 'n5', 'n6']);
    await expectAll(cluster, 'n6');
  });
});

describe('a replacement of a member that was leaving and is dead', () => {
  it('is refused with what can be done, and that is enough', async () => {
    const cluster = await withData(46, 4);
    // n2 is away, so the newcomer whose join is taken back cannot bring home what it took.
    cluster.kill('n2');
    await cluster.start('n5');
    await cluster.put('n5', 'only there', 'v', { w: 1 });
    await cluster.run(() => cluster.node('n1').topology.abort());
    cluster.kill('n5');
    const isDead = (): boolean =>
      cluster
        .node('n1')
        .cluster()
        .members.some(({ name, state }) => name === 'n5' && state === 'dead');
    await cluster.until(() => isDead() && isQuiet(cluster));
    const peer = { listen: 'n6:7072', seeds: ['n1:7072'], replace: 'n5' };
    await expect(cluster.start('n6', { peer })).rejects.toThrow(/n5 is leaving already; .*coterie remove n5 --force, .* without --replace/);
    await cluster.run(() => cluster.node('n1').topology.remove('n5'));
    await cluster.revive('n2');
    await cluster.start('n6');
    await cluster.until(() => isQuiet(cluster) && members(cluster).length === 5);
    expect(members(cluster)).toEqual(['n1', 'n2', 'n3', 'n4', 'n6']);
    await expectAll(cluster, 'n6');
  });
});

describe('a removal by force', () => {
  it('gives what the member held to others, and merges nothing of it when it turns up again', async () => {
    const cluster = await withData(40, 5);
    const [first] = (await cluster.owners('apart')) as [string];
    const others = ['n1', 'n2', 'n3', 'n4', 'n5'].filter((name) => name !== first);
    const at = others[0] as string;
    const cut = cluster.world.network.partition([first], others);
    await cluster.put(first, 'apart', 'nobody else has it', { w: 1 });
    await expect(cluster.run(() => cluster.node(at).topology.remove(first))).rejects.toThrow(/is up: let it leave/);
    await cluster.until(() =>
      cluster
        .node(at)
        .cluster()
        .members.some(({ name, state }) => name === first && state === 'dead'),
    );
    const { sentences } = await cluster.run(() => cluster.node(at).topology.losses(first));
    expect(sentences.join(' ')).toMatch(/w=1.*nothing on it is merged by itself/);
    await cluster.run(() => cluster.node(at).topology.remove(first));
    await cluster.until(() => members(cluster, at).length === 4 && isQuiet(cluster, at));
    cut.undo();
    await cluster.until(() => !members(cluster, first).includes(first));
    await cluster.world.advance(10_000);
    expect(await cluster.values(at, 'apart', { r: 3, pr: 3 })).toBe('missing');
    await expect(cluster.put(first, 'apart', 'again')).rejects.toThrow(/was removed by force/);
    await expectAll(cluster, at);
  });

  it('frees a change that waits for the dead one', async () => {
    const cluster = await withData(41, 4);
    cluster.kill('n2');
    await cluster.start('n5');
    await cluster.until(() =>
      cluster
        .node('n1')
        .cluster()
        .members.some(({ name, state }) => name === 'n2' && state === 'dead'),
    );
    await cluster.run(() => cluster.node('n1').topology.remove('n2'));
    await cluster.until(() => isQuiet(cluster) && !members(cluster).includes('n2'));
    expect(members(cluster)).toEqual(['n1', 'n3', 'n4', 'n5']);
    await expectAll(cluster, 'n5');
  });

  it('takes the member its say: it changes nothing, and does not count its own copies where others may be lost', async () => {
    const cluster = await withData(47, 5);
    const [one, other] = ['n4', 'n5'] as const;
    cluster.kill(one);
    cluster.kill(other);
    const isDead = (name: string): boolean =>
      cluster
        .node('n1')
        .cluster()
        .members.some((member) => member.name === name && member.state === 'dead');
    await cluster.until(() => isDead(one) && isDead(other));
    // The other one is waited for, so this one stays a member for now.
    await cluster.run(() => cluster.node('n1').topology.remove(one));
    const { topology } = await cluster.revive(one);
    const refusal = { code: 'NOT_READY', message: expect.stringMatching(/n4 is being removed by force/) };
    await expect(cluster.run(() => topology.losses(other))).rejects.toMatchObject(refusal);
    await expect(cluster.run(() => topology.remove(other))).rejects.toMatchObject(refusal);
    await expect(cluster.run(() => topology.begin({ kind: 'leave', member: 'n1' }))).rejects.toMatchObject(refusal);
    await expect(cluster.run(() => topology.stage({ kind: 'leave', member: 'n1' }))).rejects.toMatchObject(refusal);
    await expect(cluster.run(() => topology.commit())).rejects.toMatchObject(refusal);
    await expect(cluster.run(() => topology.abort())).rejects.toMatchObject(refusal);
    expect((await cluster.run(() => topology.plan())).lost).toEqual([one]);
    expect((await cluster.run(() => cluster.node('n1').topology.losses(other))).unsure).toEqual([one]);
  });
});

describe('what a removal may cost', () => {
  it('tells apart two members that go by one name', async () => {
    const cluster = await withData(48, 5);
    const former =
      cluster
        .node('n1')
        .cluster()
        .members.find(({ name }) => name === 'n3')?.id ?? '';
    for (const name of ['n3', 'n4']) cluster.kill(name);
    const areDead = (): boolean =>
      ['n3', 'n4'].every((name) =>
        cluster
          .node('n1')
          .cluster()
          .members.some((member) => member.name === name && member.state === 'dead'),
      );
    await cluster.until(areDead);
    const { topology } = cluster.node('n1');
    const starting = cluster.start('n6', { name: 'n3', peer: { listen: 'n6:7072', seeds: ['n1:7072'], replace: former } });
    await cluster.until(() => cluster.lines.join('\n').includes('coterie replace n3 n3 --force'));
    await cluster.run(() => topology.begin({ kind: 'replace', member: former, by: 'n3', force: true }));
    await starting;
    // The one that goes is a member until n4, for which that waits, is given up as well.
    expect(members(cluster).filter((name) => name === 'n3')).toHaveLength(2);
    const { unsure, unsureIds, sentences } = await cluster.run(() => topology.losses('n4'));
    expect({ unsure, unsureIds }).toEqual({ unsure: [`n3 (${former})`], unsureIds: [former] });
    expect(sentences.join(' ')).toContain(`n3 (${former}) hold copies with it`);
  });
});
