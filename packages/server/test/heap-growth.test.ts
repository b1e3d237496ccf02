/** What the heap of a node is told. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { growthFlag } from '../src/heap-growth.ts';

describe('the margin of the heap', () => {
  it('is an option that this V8 has: an unknown one would only be told to standard error', () => {
    const [name, value] = growthFlag.split('=');
    const options = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
    expect(options.split('\n').map((line) => line.trim().split(' ')[0])).toContain(name);
    expect(Number(value)).toBeGreaterThan(0);
  });
});
