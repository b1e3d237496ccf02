/** P8 under limits so small that they are reached: what comes is refused or waits, and nothing holds more than it may. */
import { beforeAll, describe, expect, it } from 'vitest';
import { drawScenario, formYoungDisks, runScenario, type YoungDisks } from '../../src/cluster/index.ts';

const minutes = 0.1;
const seeds = Array.from({ length: process.env['COTERIE_LONG'] === '1' ? 200 : 6 }, (_, seed) => 8000 + seed);
const timeoutMs = 300_000;

let disks: YoungDisks;
beforeAll(async () => {
  disks = await formYoungDisks(5);
});

describe('a cluster of nodes with small limits', () => {
  it('keeps its promises, and every limit', { timeout: timeoutMs }, async () => {
    const reached = new Set<string>();
    for (const seed of seeds) {
      const { violations, fullest } = await runScenario(drawScenario({ seed, minutes, limits: 'tight' }), { disks });
      expect(violations.map(({ rule, sentence }) => `${rule}: ${sentence}; seed ${seed}`)).toEqual([]);
      for (const { name, now, most } of fullest) if (now === most) reached.add(name);
    }
    expect([...reached]).toContain('operations');
  });
});
