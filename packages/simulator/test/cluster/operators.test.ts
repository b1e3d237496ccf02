import { describe, expect, it } from 'vitest';
import { drawScenario, type Fleet, runScenario } from '../../src/cluster/index.ts';
import { unreliableBy } from '../../src/cluster/actions.ts';
import { Operators } from '../../src/cluster/operators.ts';

const seeds = Array.from({ length: 60 }, (_, seed) => seed);

describe('what operators do', () => {
  it('is drawn beside everything else, which stays as it is', () => {
    for (const seed of seeds) {
      const { actions: none, ...still } = drawScenario({ seed, minutes: 1 });
      const { actions, ...changing } = drawScenario({ seed, minutes: 1, ring: 'changing' });
      expect(none).toEqual([]);
      expect(actions.length).toBeGreaterThan(0);
      expect(changing).toEqual(still);
    }
  });

  it('is of every kind, at its time, with new names for newcomers, and leaves three members', () => {
    const drawn = seeds.map((seed) => drawScenario({ seed, minutes: 1, ring: 'changing' }));
    expect(new Set(drawn.flatMap(({ actions }) => actions.map(({ action }) => action.kind))).size).toBe(5);
    for (const { actions, activeMs } of drawn) {
      const times = actions.map(({ atMs }) => atMs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect(Math.max(...times)).toBeLessThan(activeMs);
      const came = actions.flatMap(({ action }) => ('machine' in action ? [action.machine] : []));
      expect(new Set(came).size).toBe(came.length);
      const gone = unreliableBy(actions).flatMap(({ machine, fromMs }) => (fromMs > 0 ? [machine] : []));
      expect(new Set(gone).size).toBe(gone.length);
      expect(actions.filter(({ action }) => action.kind === 'leave').length).toBeLessThanOrEqual(2);
    }
  });

  it('keeps every promise', async () => {
    const scenario = drawScenario({ seed: 4, minutes: 0.2, ring: 'changing' });
    const { violations, acknowledged } = await runScenario(scenario);
    expect(violations).toEqual([]);
    expect(acknowledged).toBeGreaterThan(20);
  }, 120_000);
});

describe('an operator with a plan', () => {
  /** What an operator asks of a node for a leave, where so many members would be left and so many changes are under way. */
  const asked = async (left: number, underWay: number, dead: readonly string[] = []): Promise<string[]> => {
    const calls: string[] = [];
    const call =
      (name: string) =>
      (given?: unknown): Promise<void> => {
        calls.push(name === 'commit' ? `commit ${String(given)}` : name);
        return Promise.resolve();
      };
    const loads = ['a', 'b', 'c', 'd', 'e'].map((name, i) => ({ name, before: 48, ...(i < left ? { after: 64 } : {}) }));
    const preview = { moves: 0, fewestMoves: 0, loads };
    const plan = { epoch: 9, plan: 'plan-1', staged: ['a leave', 'another'], changes: Array.from({ length: underWay }), preview };
    const topology = { stage: call('stage'), plan: () => Promise.resolve(plan), commit: call('commit'), abort: call('abort') };
    const node = { topology, cluster: () => ({ members: [] }) };
    const fleet = {
      staying: ['a', 'b', 'c', 'd', 'e'].filter((name) => !dead.includes(name)),
      asked: ['a'],
      ask: (_name: string, work: (one: typeof node) => Promise<void>) => work(node),
      pause: () => Promise.resolve(),
    } as unknown as Fleet;
    await new Operators(fleet).act([{ atMs: 0, action: { kind: 'leave', member: 'e' } }]);
    return calls;
  };

  it('commits what leaves members enough, and takes back what somebody else’s leave makes too much of', async () => {
    expect(await asked(3, 0)).toEqual(['stage', 'commit plan-1']);
    expect(await asked(2, 0)).toEqual(['stage', 'abort']);
    expect(await asked(3, 0, ['b'])).toEqual(['stage', 'abort']);
  });

  it('tries again later while something else would be taken back instead', async () => {
    const calls = await asked(2, 1);
    expect(calls.length).toBeGreaterThan(1);
    expect(new Set(calls)).toEqual(new Set(['stage']));
  });
});

describe('a ring that comes about', () => {
  const complaintsAbout = async (replicas: readonly (readonly number[])[], heard = 9): Promise<string[]> => {
    const members = ['a', 'b', 'c'].map((name) => ({ id: name, name, http: '' }));
    const cluster = { epoch: 9, changes: [], members: members.map(() => ({ zone: 'z', isLeaving: false, isLost: false })) };
    const node = { epoch: 9, cluster: () => cluster, ring: () => ({ epoch: node.epoch, partitions: replicas.length, members, replicas }) };
    let rounds = 0;
    const fleet = {
      nodes: [node],
      pause: () => {
        rounds += 1;
        node.epoch = heard;
        if (rounds === 2) operators.stopWatching();
        return Promise.resolve();
      },
    } as unknown as Fleet;
    const operators = new Operators(fleet);
    await operators.watch();
    return operators.violations.map(({ sentence }) => sentence);
  };

  it('is complained about once when members stand in a list twice, or too few do', async () => {
    expect(await complaintsAbout([[0, 1, 2]])).toEqual([]);
    expect(await complaintsAbout([[0, 1, 1]])).toEqual(['at epoch 9 partition 0 lies on [0 1 1]']);
    expect(await complaintsAbout([[0, 1, 7]])).toEqual(['at epoch 9 partition 0 lies on [0 1 7]']);
    expect(await complaintsAbout([[0, 1]])).toEqual(['at epoch 9 partition 0 has 2 holders']);
  });

  it('is complained about again when a later one does, and not when somebody hears late of what came before', async () => {
    const sentence = (epoch: number): string => `at epoch ${epoch} partition 0 has 2 holders`;
    expect(await complaintsAbout([[0, 1]], 10)).toEqual([sentence(9), sentence(10)]);
    expect(await complaintsAbout([[0, 1]], 3)).toEqual([sentence(9)]);
  });
});
