/** Writers that await every record leave the event loop its turns, and are answered in order. */
import type { Timers } from '@coterie/env';
import { createSimulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { Deferred } from '../src/deferred.ts';
import { TurnKeeper } from '../src/turn-keeper.ts';
import { openIn, stage } from './workload.ts';

describe('a turn keeper', () => {
  it('resolves at once for a while, then all after one turn, in order', async () => {
    const turns: (() => void)[] = [];
    const timers: Timers = { after: () => ({ cancel: () => {} }), turn: () => new Promise((resolve) => turns.push(resolve)) };
    const keeper = new TurnKeeper(timers);
    const resolved: number[] = [];
    for (let i = 0; i < 5; i++) {
      const deferred = new Deferred();
      void deferred.promise.then(() => resolved.push(i));
      keeper.resolve(deferred, { records: 64, bytes: 100 });
    }
    for (let i = 0; i < 5; i++) await Promise.resolve();
    expect(resolved).toEqual([0]);
    expect(turns).toHaveLength(1);
    turns[0]();
    for (let i = 0; i < 5; i++) await Promise.resolve();
    expect(resolved).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('writers that never pause', () => {
  it('let a timer fire', async () => {
    const simulation = createSimulation({ seed: 1 });
    const { log } = await openIn(simulation);
    let fired = false;
    simulation.environment.timers.after(0.001, () => (fired = true));
    let written = 0;
    const writer = async (): Promise<void> => {
      for (; !fired && written < 100_000; written++) {
        stage(log, 10);
        await log.commit(false);
      }
    };
    await simulation.run(Promise.all([writer(), writer(), writer()]));
    expect(fired).toBe(true);
    expect(written).toBeLessThan(1000);
  });
});
