/** A cluster that lost most of its stewards for ever, and goes on by force. */
import { describe, expect, it } from 'vitest';
import { forecastRecovery, recoverUnsafe, type RecoverOrder, type RecoverReport } from '../../src/index.ts';
import { ClusterWorld } from '../cluster-world.ts';

const timeout = 120_000;
const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);

/** Five nodes, of which three are gone with their disks: all who held the first key. */
interface HalfGone {
  readonly cluster: ClusterWorld;
  readonly dead: readonly string[];
  /** The survivors. */
  readonly first: string;
  readonly second: string;
  /** Keys of which a copy survived. */
  readonly kept: readonly string[];
}

/** `andThen` happens just before they die. */
async function halfGone(
  seed: number,
  andThen: (cluster: ClusterWorld, survivors: readonly [string, string]) => Promise<void> = async () => undefined,
): Promise<HalfGone> {
  const cluster = await new ClusterWorld(seed).startAll(5);
  await cluster.until(() => membersOf(cluster, 'n1').every(({ isSteward }) => isSteward));
  for (const key of keys) await cluster.put('n1', key, `${key} of old`, { w: 3 });
  const [lost = ''] = keys;
  const dead = (await cluster.owners(lost)).toSorted();
  const [first = '', second = ''] = [...cluster.nodes.keys()].filter((name) => !dead.includes(name));
  const kept: string[] = [];
  for (const key of keys) if ((await cluster.owners(key)).some((owner) => !dead.includes(owner))) kept.push(key);
  await andThen(cluster, [first, second]);
  for (const name of dead) cluster.kill(name);
  await cluster.until(() => membersOf(cluster, first).filter(({ state }) => state === 'dead').length === 3);
  return { cluster, dead, first, second, kept };
}

type Member = ReturnType<ReturnType<ClusterWorld['node']>['cluster']>['members'][number];

const membersOf = (cluster: ClusterWorld, at: string): readonly Member[] => cluster.node(at).cluster().members;
const stateOf = (cluster: ClusterWorld, at: string, name: string): string | undefined =>
  membersOf(cluster, at).find((member) => member.name === name)?.state;

function orderOf({ cluster, dead }: Pick<HalfGone, 'cluster' | 'dead'>, name: string, as: RecoverOrder['as']): RecoverOrder {
  return { environment: cluster.machine(name).environment, dataDirectory: '/data', as, gone: dead };
}

/** Ends the process of a node and recovers it as an operator would. */
function recover(lot: HalfGone, name: string, as: RecoverOrder['as']): Promise<RecoverReport> {
  lot.cluster.kill(name);
  lot.cluster.machine(name).restart();
  return lot.cluster.run(() => recoverUnsafe(orderOf(lot, name, as)));
}

/** Starts a node with the first survivor as its seed. */
function start({ cluster, first }: Pick<HalfGone, 'cluster' | 'first'>, name: string): Promise<unknown> {
  return cluster.start(name, { peer: { listen: `${name}:7072`, seeds: name === first ? [] : [`${first}:7072`] } });
}

function isWhole(cluster: ClusterWorld, names: readonly string[]): boolean {
  return names.every((name) => {
    const { changes, members, isRecovering } = cluster.node(name).cluster();
    return changes.length === 0 && !isRecovering && members.length === names.length && members.every(({ state }) => state === 'alive');
  });
}

/** The second survivor follows, and those who are gone are removed. */
async function takeTogether(lot: HalfGone): Promise<void> {
  const { cluster, dead, first, second } = lot;
  await recover(lot, second, 'other');
  await start(lot, second);
  await cluster.until(() => dead.every((name) => stateOf(cluster, first, name) === 'dead'));
  for (const name of dead) await cluster.run(() => cluster.node(first).topology.remove(name));
  await cluster.until(() => isWhole(cluster, [first, second]), 300_000);
}

describe('a cluster whose stewards are gone for the most part', () => {
  it('cannot change its ring; after a recovery by force it can, and has every key of which a copy survived', { timeout }, async () => {
    const lot = await halfGone(71);
    const { cluster, dead, first, second, kept } = lot;
    const [gone = ''] = dead;
    await expect(cluster.run(() => cluster.node(first).topology.remove(gone))).rejects.toMatchObject({ code: 'TIMEOUT' });
    await cluster.put(second, 'between', 'written before', { w: 1 });

    const report = await recover(lot, first, 'first');
    expect(report.began?.epoch).toBe(2 ** 20);
    expect(report.copies.lost).toBeGreaterThan(0);
    await start(lot, first);
    await takeTogether(lot);

    for (const key of keys) {
      const expected = kept.includes(key) ? [`${key} of old`] : 'missing';
      expect([key, await cluster.values(second, key, { r: 2, pr: 2 })]).toEqual([key, expected]);
    }
    expect(kept.length).toBeGreaterThan(keys.length / 2);
    expect(await cluster.values(first, 'between', { r: 2, pr: 2 })).toEqual(['written before']);
    await cluster.put(first, 'after', 'new', { w: 2, pw: 2 });
    await start(lot, 'n6');
    await cluster.until(() => isWhole(cluster, [first, second, 'n6']), 300_000);
    expect(await cluster.values('n6', 'after', { r: 3, pr: 3 })).toEqual(['new']);
    await cluster.until(() => membersOf(cluster, 'n6').every(({ isSteward }) => isSteward));
  });

  it('refuses a survivor that was not recovered, which goes on by itself, loses nothing, and can follow later', { timeout }, async () => {
    const lot = await halfGone(76);
    const { cluster, first, second, kept } = lot;
    await recover(lot, first, 'first');
    await start(lot, first);
    await cluster.until(() => stateOf(cluster, first, second) === 'dead' && stateOf(cluster, second, first) === 'dead');
    const [key = ''] = kept;
    await cluster.put(first, key, 'in the new lineage', { w: 1 });
    await cluster.put(second, key, 'in the old lineage', { w: 1 });
    await cluster.world.advance(60_000);
    expect(cluster.node(second).epoch).toBeLessThan(2 ** 20);
    expect(await cluster.values(second, key, { r: 1 })).not.toContain('in the new lineage');
    expect(await cluster.values(first, key, { r: 1 })).not.toContain('in the old lineage');

    await takeTogether(lot);
    expect(await cluster.values(first, key, { r: 2, pr: 2 })).toEqual(expect.arrayContaining(['in the new lineage', 'in the old lineage']));
  });

  it('goes on with a change that was under way, or takes it back with who is gone', { timeout }, async () => {
    const lot = await halfGone(77, async (cluster) => {
      await start({ cluster, first: 'n1' }, 'n6');
      await cluster.until(() => cluster.node('n1').cluster().changes.length > 0);
    });
    const { cluster, dead, first, second, kept } = lot;
    expect((await recover(lot, first, 'first')).changes).toEqual(['join of n6']);
    await start(lot, first);
    await recover(lot, second, 'other');
    await recover(lot, 'n6', 'other');
    await Promise.all([start(lot, second), start(lot, 'n6')]);
    await cluster.until(() => dead.every((name) => stateOf(cluster, first, name) === 'dead'));
    for (const name of dead) await cluster.run(() => cluster.node(first).topology.remove(name));
    await cluster.until(() => isWhole(cluster, [first, second, 'n6']), 300_000);
    for (const key of kept) expect([key, await cluster.values('n6', key, { r: 3, pr: 3 })]).toEqual([key, [`${key} of old`]]);
  });

  it('takes in a member that the first never heard of, with what it holds', { timeout }, async () => {
    const lot = await halfGone(78, async (cluster, [first]) => {
      cluster.machine('n6');
      cluster.world.network.partition(
        [first],
        [...cluster.nodes.keys(), 'n6'].filter((name) => name !== first),
      );
      const [seed = ''] = [...cluster.nodes.keys()].filter((name) => name !== first);
      await start({ cluster, first: seed }, 'n6');
      await cluster.put('n6', 'at n6', 'written there', { w: 1 });
    });
    const { cluster, dead, first, second, kept } = lot;
    expect(cluster.node('n6').epoch).toBeGreaterThan(cluster.node(first).epoch);
    cluster.kill('n6');
    cluster.world.network.heal();
    await recover(lot, first, 'first');
    await start(lot, first);
    await takeTogether(lot);
    await recover({ ...lot, dead: [] }, 'n6', 'other');
    await start(lot, 'n6');
    await cluster.until(() => isWhole(cluster, [first, second, 'n6']), 300_000);
    expect(dead.filter((name) => membersOf(cluster, 'n6').some((member) => member.name === name))).toEqual([]);
    for (const key of kept) expect([key, await cluster.values('n6', key, { r: 3, pr: 3 })]).toEqual([key, [`${key} of old`]]);
    expect(await cluster.values(second, 'at n6', { r: 3, pr: 3 })).toEqual(['written there']);
  });

  it('needs no disk to be gone: votes that most stewards lost are enough', { timeout }, async () => {
    const cluster = await new ClusterWorld(79).startAll(3);
    const lot = { cluster, dead: [], first: 'n3', second: 'n1', kept: [] };
    for (const key of keys) await cluster.put('n1', key, `${key} of old`, { w: 3 });
    for (const name of ['n1', 'n2']) {
      cluster.kill(name);
      cluster.machine(name).restart();
      const { files } = cluster.machine(name).environment;
      await cluster.run(() => files.remove('/data/ring/votes.log'));
      await start(lot, name);
    }
    await cluster.until(() => membersOf(cluster, 'n3').every(({ state }) => state === 'alive'));
    const weigh = (): Promise<void> => cluster.run(() => cluster.node('n3').topology.begin({ kind: 'weight', member: 'n1', weight: 2 }));
    await expect(weigh()).rejects.toMatchObject({ retryable: true });

    for (const name of ['n1', 'n2']) cluster.kill(name);
    await recover(lot, 'n3', 'first');
    await start(lot, 'n3');
    for (const name of ['n1', 'n2']) {
      await recover(lot, name, 'other');
      await start(lot, name);
    }
    await cluster.until(() => isWhole(cluster, ['n1', 'n2', 'n3']));
    await weigh();
    await cluster.until(() => membersOf(cluster, 'n1').every(({ isSteward }) => isSteward));
    for (const key of keys) expect([key, await cluster.values('n2', key, { r: 3, pr: 3 })]).toEqual([key, [`${key} of old`]]);
  });

  it('gives no dot twice, and lets a store vouch for nothing before it has exchanged', { timeout }, async () => {
    const lot = await halfGone(72);
    const { cluster, first, kept } = lot;
    const before = cluster.node(first).status().incarnation;
    // Stopped cleanly, so that nothing else would end its life.
    await cluster.run(() => cluster.node(first).close());
    cluster.nodes.delete(first);
    await cluster.run(() => recoverUnsafe(orderOf(lot, first, 'first')));
    await start(lot, first);
    expect(cluster.node(first).status().incarnation).not.toBe(before);
    expect(cluster.node(first).cluster().isRecovering).toBe(true);
    const [key = ''] = kept;
    await expect(cluster.get(first, key, { r: 1, pr: 1 })).rejects.toMatchObject({ code: 'QUORUM_NOT_MET' });
  });
});

describe('a recovery', () => {
  it('says what it would do, and does nothing of it', { timeout }, async () => {
    const lot = await halfGone(73);
    const { cluster, dead, first } = lot;
    const { epoch } = cluster.node(first);
    const { incarnation } = cluster.node(first).status();
    await cluster.run(() => cluster.node(first).close());
    cluster.nodes.delete(first);
    const forecast = await cluster.run(() => forecastRecovery(orderOf(lot, first, 'first')));
    expect(forecast.epoch).toBe(epoch);
    expect(forecast.members.filter(({ isGone }) => isGone).map(({ name }) => name)).toEqual(dead);
    const { lost, oneLeft } = forecast.copies;
    expect(lost).toBeGreaterThan(0);
    expect(forecast.mayBeLost.join('\n')).toContain(
      `${lost} of 64 partitions have no copy left, and every key in them is lost; ${oneLeft} have`,
    );
    await start(lot, first);
    expect(cluster.node(first).epoch).toBe(epoch);
    expect(cluster.node(first).status().incarnation).toBe(incarnation);
    expect(cluster.node(first).cluster().isRecovering).toBe(false);
  });

  it('is refused where a node runs, where none lies, for one that votes alone, and with a name of nobody', { timeout }, async () => {
    const cluster = await new ClusterWorld(74).startAll(1);
    const refusal = (name: string, order: Pick<RecoverOrder, 'as' | 'gone'>): Promise<unknown> =>
      cluster.run(() => recoverUnsafe({ ...orderOf({ cluster, dead: [] }, name, 'first'), ...order })).catch(String);
    expect(await refusal('n1', { as: 'first' })).toMatch(/is in use|lock/i);
    expect(await refusal('empty', { as: 'first' })).toMatch(/no member of a cluster lies here/);
    cluster.kill('n1');
    cluster.machine('n1').restart();
    expect(await refusal('n1', { as: 'first' })).toMatch(/votes alone already/);
    expect(await refusal('n1', { as: 'other', gone: ['nobody'] })).toMatch(/nobody is no member/);
    await cluster.start('n1');
    await cluster.put('n1', 'k', 'v', { w: 1, pw: 1 });
  });

  it('leaves a follower that begins no cluster of its own, and can be taken back by hand', { timeout }, async () => {
    const lot = await halfGone(75);
    const { cluster, first } = lot;
    const { epoch } = cluster.node(first);
    const { movedTo = '' } = await recover(lot, first, 'other');
    expect(movedTo).toBe('/data/ring/before-recover-1');
    await expect(start(lot, first)).rejects.toThrow(/start it with --seed/);
    cluster.kill(first);
    cluster.machine(first).restart();
    const { files } = cluster.machine(first).environment;
    await cluster.run(async () => {
      for (const name of ['votes.log', 'ring.log']) await files.rename(`${movedTo}/${name}`, `/data/ring/${name}`);
    });
    await start(lot, first);
    expect(cluster.node(first).epoch).toBe(epoch);
  });
});
