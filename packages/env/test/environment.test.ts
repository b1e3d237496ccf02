import { describe, expect, it } from 'vitest';
import { joinPath, silentLog, sleep, someTurns, type Timers } from '../src/index.ts';

describe('sleep', () => {
  it('resolves when its timer fires, not before', async () => {
    const pending: { delayMs: number; callback: () => void }[] = [];
    const timers: Timers = {
      after(delayMs, callback) {
        pending.push({ delayMs, callback });
        return { cancel() {} };
      },
      turn: () => Promise.resolve(),
    };
    let woken = false;
    const slept = sleep(timers, 250).then(() => {
      woken = true;
    });
    await Promise.resolve();
    expect(pending.map(({ delayMs }) => delayMs)).toEqual([250]);
    expect(woken).toBe(false);
    pending[0].callback();
    await slept;
    expect(woken).toBe(true);
  });
});

describe('someTurns', () => {
  /** How many turns pass when each of these is what is said after one. */
  async function turnsFor(most: number, ...said: boolean[]): Promise<number> {
    let turns = 0;
    const turn = (): Promise<void> => {
      turns += 1;
      return Promise.resolve();
    };
    await someTurns({ turn }, most, () => said.shift() ?? true);
    return turns;
  }

  it('are one where no other is worth while, and never more than the most', async () => {
    expect(await turnsFor(3, false)).toBe(1);
    expect(await turnsFor(3, true, false)).toBe(2);
    expect(await turnsFor(3)).toBe(3);
    expect(await turnsFor(1)).toBe(1);
  });
});

describe('joinPath', () => {
  it('joins with slashes', () => {
    expect(joinPath('data', '000001.log')).toBe('data/000001.log');
    expect(joinPath('one')).toBe('one');
  });
});

describe('silentLog', () => {
  it('takes every level and keeps nothing', () => {
    expect([silentLog.debug('a'), silentLog.info('a'), silentLog.warn('a', { n: 1 }), silentLog.error('a')]).toEqual(
      Array(4).fill(undefined),
    );
  });
});
