/** When code of a node is optimised. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';
import { compileLater, compileLaterWhile, hasBudget } from '../src/compile-later.ts';
import { StageTime } from '../src/rehearsal/stage-time.ts';

const flags = vi.hoisted(() => [] as string[]);
vi.mock(import('node:v8'), async (original) => {
  const v8 = await original();
  return { ...v8, setFlagsFromString: (flag: string) => void flags.push(flag) };
});

const [usual, patient] = ['--interrupt-budget=67584', '--interrupt-budget=300000'];

describe('the patience before code is optimised', () => {
  it.runIf(hasBudget)('is an option that this V8 has, and by itself as it is set back to', () => {
    const options = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
    expect(/--interrupt-budget \(.*\n.*default: (--interrupt-budget=\d+)/.exec(options)?.[1]).toBe(usual);
  });

  it.runIf(hasBudget)('is heard of while the process runs, and its end as well', () => {
    const script = `
      const { setFlagsFromString } = require('node:v8');
      const rounds = () => {
        const sum = new Function('n', 'let all = 0; for (let i = 0; i < n; i++) all += i % 7; return all;');
        let rounds = 0;
        while ((%GetOptimizationStatus(sum) & 16) === 0 && rounds < 100_000) { sum(100); rounds++; }
        return rounds;
      };
      const asItIs = rounds();
      setFlagsFromString('${patient}');
      const later = rounds();
      setFlagsFromString('${usual}');
      console.log(JSON.stringify([asItIs, later, rounds()]));`;
    const node = ['--allow-natives-syntax', '--no-concurrent-recompilation', '-e', script];
    const [asItIs, later, again] = JSON.parse(execFileSync(process.execPath, node, { encoding: 'utf8' })) as number[];
    expect(later).toBeGreaterThan(2 * asItIs);
    expect(later).toBeGreaterThan(2 * again);
  });

  it.runIf(hasBudget)('lasts while the ring is about to change, and ten seconds more', () => {
    const time = new StageTime(0);
    let expectsChange = false;
    const from = flags.length;
    const seen = (): string[] => flags.slice(from);
    const passUntil = (ms: number): void => {
      while (time.monotonic() < ms) time.step();
    };
    compileLater();
    compileLaterWhile(() => expectsChange, time);
    passUntil(9_000);
    expect(seen()).toEqual([patient]);
    passUntil(11_000);
    expect(seen()).toEqual([patient, usual]);
    expectsChange = true;
    passUntil(11_200);
    expect(seen()).toEqual([patient, usual, patient]);
    passUntil(40_000);
    expectsChange = false;
    passUntil(49_000);
    expect(seen()).toEqual([patient, usual, patient]);
    passUntil(51_000);
    expect(seen()).toEqual([patient, usual, patient, usual]);
  });
});
