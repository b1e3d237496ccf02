/** How much of its time a node gives to what can wait. */
import { createSimulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { Pace, rest, restAfter, Steps, untilCalm } from '../src/transfer/pace.ts';

describe('a rest', () => {
  it('is four times as long as the work was, and no longer than a quarter of a second', async () => {
    const { environment, run } = world();
    const { clock } = environment;
    const restOf = (workMs: number): Promise<number> =>
      run(async () => {
        const sinceMs = clock.monotonic() - workMs;
        const fromMs = clock.monotonic();
        await restAfter(environment, sinceMs);
        return clock.monotonic() - fromMs;
      });
    expect(await restOf(10)).toBe(40);
    expect(await restOf(5000)).toBe(250);
    expect(await restOf(0)).toBe(0);
  });

  it('comes before work that can wait, as long as any, and is drawn out while timers fire late', async () => {
    const { environment, run } = world();
    const waited = (lateMs: number): Promise<number> => {
      const after = (delayMs: number, callback: () => void) => environment.timers.after(delayMs + lateMs, callback);
      const slow = { clock: environment.clock, timers: { ...environment.timers, after } };
      return run(async () => {
        const fromMs = environment.clock.monotonic();
        await untilCalm(slow);
        return environment.clock.monotonic() - fromMs;
      });
    };
    expect(await waited(0)).toBe(250);
    expect(await waited(10)).toBeGreaterThan(750);
    expect(await waited(10)).toBeLessThan(4 * 250 + 130 + 30);
  });

  it('of less than a millisecond is none', async () => {
    const { environment, run } = world();
    const fromMs = environment.clock.monotonic();
    await run(() => rest(environment, 0.9));
    expect(environment.clock.monotonic()).toBe(fromMs);
  });
});

describe('a pace', () => {
  it('is that of the bytes or that of the work, whichever is slower', async () => {
    const { environment, run } = world();
    const spent = (bytes: number, workMs: number): Promise<number> =>
      run(async () => {
        const pace = new Pace(environment, 1_000_000);
        const fromMs = environment.clock.monotonic();
        await pace.spend(bytes, pace.now() - workMs);
        return environment.clock.monotonic() - fromMs;
      });
    expect(await spent(500_000, 10)).toBe(500);
    expect(await spent(1000, 10)).toBe(40);
  });
});

describe('long work', () => {
  it('lets others have their turn after each thirty-two steps', () => {
    let turns = 0;
    const steps = new Steps({ after: () => ({ cancel: () => undefined }), turn: () => Promise.resolve(void (turns += 1)) });
    const waits = Array.from({ length: 96 }, () => steps.next() !== undefined);
    expect(turns).toBe(3);
    expect(waits.flatMap((isWait, at) => (isWait ? [at + 1] : []))).toEqual([32, 64, 96]);
  });
});

function world() {
  const simulation = createSimulation({ seed: 1 });
  return { environment: simulation.environment, run: <T>(work: () => Promise<T>): Promise<T> => simulation.run(work) };
}
