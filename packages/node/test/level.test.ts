import { describe, expect, it } from 'vitest';
import { decide, type Decision } from '../src/cluster/decisions.ts';
import { levelToRaiseTo, newestLevel } from '../src/cluster/level.ts';
import { planWishes } from '../src/cluster/plan.ts';
import { clusterRules, decodeDecision, encodeDecision, rulesUpTo } from '../src/cluster/rules.ts';
import type { ClusterState, Member } from '../src/cluster/state.ts';
import { ClusterWorld } from './cluster-world.ts';
import { stateOfOne } from './core.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const other = (level?: number): Member => ({
  id: '00000000000000bb',
  name: 'b',
  zone: '',
  weight: 1,
  peer: 'b:7072',
  http: '',
  acceptor: 'first',
  ...(level === undefined ? {} : { level }),
});
const joinOf = (state: ClusterState, member: Member): Decision => ({
  kind: 'join',
  id: `join-${member.id}`,
  member,
  ...planWishes(state, [{ kind: 'join', member }]),
});
const raise = (level: number): Decision => ({ kind: 'level', id: `level-${level}`, level });
const says = (member: Member): Decision => ({
  kind: 'member',
  id: 'm',
  member: { id: member.id, peer: member.peer, http: member.http, acceptor: member.acceptor, level: newestLevel },
});

describe('the level of a cluster', () => {
  it('is what every member knows, and never goes down', () => {
    const alone = stateOfOne(64);
    const [a] = alone.members;
    const two = decide(alone, joinOf(alone, other()));
    expect([two.level, levelToRaiseTo(two)]).toEqual([1, undefined]);
    const half = decide(two, says(a));
    expect(levelToRaiseTo(half)).toBeUndefined();
    expect(() => decide(half, raise(newestLevel))).toThrow(`level ${newestLevel} is not known to b`);
    const all = decide(half, says(other()));
    expect(levelToRaiseTo(all)).toBe(newestLevel);
    const raised = decide(all, raise(newestLevel));
    expect([raised.level, levelToRaiseTo(raised)]).toEqual([newestLevel, undefined]);
    expect(decide(raised, raise(newestLevel))).toEqual({ ...raised, epoch: raised.epoch + 1 });
    expect(() => decide(raised, raise(1))).toThrow(/never lowered/);
  });

  it('does not wait for a member that is dead for good', () => {
    const alone = stateOfOne(64);
    const [a] = alone.members;
    const two = decide(decide(alone, joinOf(alone, other())), says(a));
    expect(levelToRaiseTo({ ...two, lost: [other().id] })).toBe(newestLevel);
  });

  it('keeps older versions out once it is raised', () => {
    const alone = { ...stateOfOne(64), level: 2 };
    expect(() => decide(alone, joinOf(alone, other(1)))).toThrow(/at level 2, and b knows no more than 1/);
    expect(decide(alone, joinOf(alone, other(2))).members.length).toBe(2);
    const [{ id, peer, http, acceptor }] = alone.members;
    expect(() => decide(alone, { kind: 'member', id: 'm', member: { id, peer, http, acceptor, level: 1 } })).toThrow(
      /knows no more than 1/,
    );
  });

  it('decides how the ring log is written, which is read in either form', () => {
    const alone = stateOfOne(64);
    const join = joinOf(alone, other(2));
    expect(text(encodeDecision(join, 1).content)).toContain('"moves":[[0,');
    expect(text(encodeDecision(join, 2).content)).toMatch(/"moves":"[A-Za-z0-9+/=]+"/);
    for (const level of [1, 2]) expect(decodeDecision(encodeDecision(join, level))).toEqual(join);
    const dual = decide(alone, join);
    const bytes = { 1: clusterRules.encodeState(dual), 2: clusterRules.encodeState({ ...dual, level: 2 }) };
    expect([text(bytes[1]).includes('"replicas":[[0'), text(bytes[2]).includes('"replicas":[[0')]).toEqual([true, false]);
    expect(clusterRules.decodeState(bytes[1])).toEqual(dual);
    expect(clusterRules.decodeState(bytes[2])).toEqual({ ...dual, level: 2 });
  });

  it('beyond what a node goes up to is refused by it, wherever it meets it', () => {
    const older = rulesUpTo(1);
    const known = { ...stateOfOne(64), members: stateOfOne(64).members.map((member) => ({ ...member, level: 2 })) };
    expect(() => older.apply(known, encodeDecision(raise(2), 1))).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_FORMAT' }));
    const raised = clusterRules.encodeState({ ...known, level: 2 });
    expect(() => older.decodeState(raised)).toThrow(/goes up to 1: going back to an older version ended/);
  });
});

describe('an upgrade', () => {
  const old = { levelMax: 1 };

  async function levelsOf(cluster: ClusterWorld): Promise<number[]> {
    await cluster.world.advance(5000);
    return [...cluster.nodes.values()].map((node) => node.cluster().level);
  }

  it('raises the level when the last member is there, and then goes back no more', async () => {
    const cluster = await new ClusterWorld(71, old).startAll(3);
    expect(await levelsOf(cluster)).toEqual([1, 1, 1]);
    for (const name of ['n1', 'n2']) await restart(cluster, name, newestLevel);
    expect(await levelsOf(cluster)).toEqual([1, 1, 1]);
    expect(
      cluster
        .node('n3')
        .cluster()
        .members.map(({ level }) => level),
    ).toEqual([newestLevel, newestLevel, 1]);
    // Before the last one there is a way back.
    await restart(cluster, 'n2', 1);
    await restart(cluster, 'n2', newestLevel);
    await restart(cluster, 'n3', newestLevel);
    await cluster.until(() => [...cluster.nodes.values()].every((node) => node.cluster().level === newestLevel));
    await cluster.put('n1', 'k', 'v', { w: 3 });
    await stop(cluster, 'n2');
    await expect(cluster.start('n2', old)).rejects.toThrow(new RegExp(`UNSUPPORTED_FORMAT|at level ${newestLevel} .* goes up to 1`));
    await expect(cluster.start('n4', old)).rejects.toThrow(/n4 knows no more than 1/);
    await cluster.start('n2', { levelMax: newestLevel });
    await cluster.start('n5', { levelMax: newestLevel });
    await cluster.until(() => cluster.node('n1').cluster().members.length === 4 && cluster.node('n1').cluster().change === undefined);
    expect(await levelsOf(cluster)).toEqual([newestLevel, newestLevel, newestLevel, newestLevel]);
  });

  it('that a member has not heard of ends its way back as well', async () => {
    const cluster = await new ClusterWorld(72, old).startAll(3);
    await restart(cluster, 'n1', newestLevel);
    await restart(cluster, 'n2', newestLevel);
    await restart(cluster, 'n3', newestLevel);
    cluster.kill('n3');
    await cluster.until(() => ['n1', 'n2'].every((name) => cluster.node(name).cluster().level === newestLevel));
    cluster.machine('n3').restart();
    await expect(cluster.start('n3', old)).rejects.toThrow(/goes up to 1/);
  });
});

async function stop(cluster: ClusterWorld, name: string): Promise<void> {
  await cluster.run(() => cluster.node(name).close());
  cluster.nodes.delete(name);
}

async function restart(cluster: ClusterWorld, name: string, levelMax: number): Promise<void> {
  await stop(cluster, name);
  await cluster.start(name, { levelMax });
  await cluster.until(
    () =>
      cluster
        .node(name)
        .cluster()
        .members.find((member) => member.name === name)?.level === levelMax,
  );
}
