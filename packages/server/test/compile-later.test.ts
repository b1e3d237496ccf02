/** When code of a node is optimised. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { budgetFlag, hasBudget } from '../src/compile-later.ts';

describe('the patience before code is optimised', () => {
  it.runIf(hasBudget)('is an option that this V8 has, and more than what it has by itself', () => {
    const [name, value] = budgetFlag.split('=');
    const options = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
    const standard = new RegExp(`${name} \\(.*\\n.*default: ${name}=(\\d+)`).exec(options)?.[1];
    expect(Number(value)).toBeGreaterThan(Number(standard));
  });

  it.runIf(hasBudget)('is heard of while the process runs', () => {
    const script = `
      const { setFlagsFromString } = require('node:v8');
      if (process.argv[1] === 'later') setFlagsFromString('${budgetFlag}');
      const sum = new Function('n', 'let all = 0; for (let i = 0; i < n; i++) all += i % 7; return all;');
      let rounds = 0;
      while ((%GetOptimizationStatus(sum) & 16) === 0 && rounds < 100_000) { sum(100); rounds++; }
      console.log(rounds);`;
    const roundsOf = (when: string): number =>
      Number(
        execFileSync(process.execPath, ['--allow-natives-syntax', '--no-concurrent-recompilation', '-e', script, when], {
          encoding: 'utf8',
        }),
      );
    expect(roundsOf('later')).toBeGreaterThan(2 * roundsOf('as it is'));
  });
});
