/** Everything at once, in short: operators, accidents, zones and faults, by seed. `npm run simulate -- --everything` runs more of it. */
import { describe, expect, it } from 'vitest';
import { type Accident, isRingAction, type OperatorAction } from '../../src/cluster/actions.ts';
import { drawScenario, formYoungDisks, runScenario, type RunResult, type Scenario, type YoungDisks } from '../../src/cluster/index.ts';

const seeds = Array.from({ length: 200 }, (_, seed) => seed);
const minutes = 0.1;
const timeout = 120_000;
const draw = (seed: number) => drawScenario({ seed, minutes: 1, ring: 'everything' });

describe('a plan of everything', () => {
  it('leaves all else as it is drawn', () => {
    for (const seed of seeds) {
      const { actions, zones, ...rest } = draw(seed);
      const { actions: none, ...still } = drawScenario({ seed, minutes: 1 });
      expect(none).toEqual([]);
      expect(actions.length).toBeGreaterThan(0);
      expect(zones ?? []).not.toHaveLength(1);
      expect(rest).toEqual(still);
    }
  });

  it('has actions of every kind, in order, about machines that are there', () => {
    const kinds = new Set<OperatorAction['kind']>();
    for (const { actions, activeMs, zones } of seeds.map(draw)) {
      const times = actions.map(({ atMs }) => atMs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect(Math.max(...times)).toBeLessThan(activeMs);
      for (const { action } of actions) {
        kinds.add(action.kind);
        if (action.kind === 'join' || action.kind === 'replace') expect(action.zone !== undefined).toBe(zones !== undefined);
      }
    }
    expect(kinds.size).toBe(11);
  });

  it('restores what was backed up before, and wipes as many as hold a key', () => {
    const accidents = seeds.flatMap((seed) => draw(seed).actions.flatMap(({ action }) => (isRingAction(action) ? [] : [action])));
    const wiped = accidents.flatMap((accident: Accident) => (accident.kind === 'wipe' ? [accident.machines.length] : []));
    expect(new Set(wiped)).toEqual(new Set([1, 2, 3]));
    for (const { actions } of seeds.map(draw)) {
      for (const [index, { action }] of actions.entries()) {
        if (action.kind !== 'restore') continue;
        const before = actions.slice(0, index).map((planned) => planned.action);
        expect(before.some((one) => one.kind === 'back up' && one.machine === action.machine)).toBe(true);
      }
    }
  });
});

describe('a cluster to which everything happens', () => {
  const young = new Map<string, YoungDisks>();
  const hashes = new Map<number, string>();

  async function run(scenario: Scenario): Promise<RunResult> {
    const zones = scenario.zones ?? [];
    const disks = young.get(zones.join()) ?? (await formYoungDisks(5, zones));
    young.set(zones.join(), disks);
    return runScenario(scenario, { disks });
  }

  const runSeed = (seed: number): Promise<RunResult> => run(drawScenario({ seed, minutes, ring: 'everything' }));

  it.each([0, 1, 2])('keeps its promises, seed %i', { timeout }, async (seed) => {
    const { violations, traceHash } = await runSeed(seed);
    hashes.set(seed, traceHash);
    expect(
      violations.map(({ rule, sentence }) => `${rule}: ${sentence}; npm run simulate -- --everything --seed ${seed} --minutes ${minutes}`),
    ).toEqual([]);
  });

  it('bears each accident, and may lose only what no store has any more', { timeout }, async () => {
    const { faults: none, ...calm } = drawScenario({ seed: 7, minutes: 0.3 });
    expect(none.length).toBeGreaterThan(0);
    const accidents: readonly Accident[] = [
      { kind: 'back up', machine: 'n1' },
      { kind: 'rot', machine: 'n2', seed: 3, ms: 500 },
      { kind: 'restore', machine: 'n1' },
      { kind: 'remove', machine: 'n5', returns: true },
      { kind: 'rebuild', machine: 'n4' },
      { kind: 'wipe', machines: ['n1', 'n2', 'n3'], ms: 200 },
    ];
    const actions = accidents.map((action, index) => ({ atMs: 1000 + 3000 * index, action }));
    const { violations, mayBeLost, lost, acknowledged } = await run({ ...calm, faults: [], actions });
    expect(violations).toEqual([]);
    expect(lost).toBeGreaterThan(0);
    expect(mayBeLost).toBeGreaterThanOrEqual(lost);
    expect(acknowledged).toBeGreaterThan(mayBeLost);
  });

  it('is the same the second time', { timeout }, async () => {
    for (const [seed, hash] of [...hashes].slice(0, 2)) expect((await runSeed(seed)).traceHash).toBe(hash);
    expect(new Set(hashes.values()).size).toBe(hashes.size);
  });
});
