/** Seeds, short ones: every promise holds under whatever they draw, and a seed is the same run each time. */
import { beforeAll, describe, expect, it } from 'vitest';
import { drawScenario, formYoungDisks, runScenario, type RunResult, type YoungDisks } from '../../src/cluster/index.ts';

const minutes = 0.05;
const seeds = Array.from({ length: process.env['COTERIE_LONG'] === '1' ? 1000 : 100 }, (_, seed) => seed);
const repeated = 20;
const atATime = 10;
const timeoutMs = 300_000;

let disks: YoungDisks;
beforeAll(async () => {
  disks = await formYoungDisks(5);
});

async function runSeed(seed: number): Promise<RunResult> {
  return runScenario(drawScenario({ seed, minutes }), { disks });
}

function complaintsOf({ seed, violations }: RunResult): string[] {
  return violations.map(({ rule, sentence }) => `${rule}: ${sentence}; npm run simulate -- --seed ${seed} --minutes ${minutes}`);
}

const hashes = new Map<number, string>();

describe('a cluster under faults', () => {
  for (let from = 0; from < seeds.length; from += atATime) {
    it(`keeps its promises, seeds ${from} to ${from + atATime - 1}`, { timeout: timeoutMs }, async () => {
      let acknowledged = 0;
      for (const seed of seeds.slice(from, from + atATime)) {
        const result = await runSeed(seed);
        hashes.set(seed, result.traceHash);
        expect(complaintsOf(result)).toEqual([]);
        acknowledged += result.acknowledged;
      }
      expect(acknowledged).toBeGreaterThan(atATime);
    });
  }

  it(`is the same the second time, seeds 0 to ${repeated - 1}`, { timeout: timeoutMs }, async () => {
    for (const seed of seeds.slice(0, repeated)) expect([seed, (await runSeed(seed)).traceHash]).toEqual([seed, hashes.get(seed)]);
    expect(new Set(hashes.values()).size).toBe(hashes.size);
  });
});
