import { createSimulation } from '@coterie/simulator';
import { sleep } from '@coterie/env';
import { describe, expect, it } from 'vitest';
import { AnswerTimes, LateAnswers } from '../src/coordinator/late-answers.ts';

const mostMs = 300;

describe('how long answers may take', () => {
  it('is the most for a stranger, then the mean and four deviations, within bounds', () => {
    const times = new AnswerTimes();
    expect(times.within(mostMs)).toBe(mostMs);
    times.learn(40);
    expect(times.within(mostMs)).toBe(40 + 4 * 20);
    for (let i = 0; i < 100; i++) times.learn(40);
    expect(times.within(mostMs)).toBeCloseTo(40, 5);
    for (let i = 0; i < 100; i++) times.learn(0.5);
    expect(times.within(mostMs)).toBe(10);
    for (let i = 0; i < 100; i++) times.learn(1000);
    expect(times.within(mostMs)).toBe(mostMs);
  });
});

/** A simulated world, what is awaited in it, and an answer after a while. */
function awaiting() {
  const simulation = createSimulation({ seed: 1 });
  const { clock, timers } = simulation.environment;
  const late = new LateAnswers({ clock, timers }, mostMs);
  const after = (delayMs: number): Promise<string> => sleep(timers, delayMs).then(() => 'told');
  const run = <T>(work: () => Promise<T>): Promise<T> => simulation.run(work);
  const timed = async (work: Promise<unknown>): Promise<readonly [unknown, number]> => {
    const sinceMs = clock.monotonic();
    return [await work, clock.monotonic() - sinceMs];
  };
  return { late, after, run, timed, timers };
}

describe('late answers', () => {
  it('are not waited for past what is usual, and who gave one is no first choice for a while', async () => {
    const { late, after, run, timed, timers } = awaiting();
    await run(async () => {
      for (let i = 0; i < 50; i++) expect(await late.watch('b', after(2))).toBe('told');
      expect([late.isQuick('b'), late.late]).toEqual([true, 0]);
      const [answer, tookMs] = await timed(late.watch('b', after(5000)));
      expect(answer).toBeUndefined();
      // Overdue after the least time, at two looks.
      expect(tookMs).toBeGreaterThanOrEqual(10);
      expect(tookMs).toBeLessThan(30);
      expect([late.isQuick('b'), late.isQuick('c'), late.late]).toEqual([false, true, 1]);
      await sleep(timers, 600);
      expect(late.isQuick('b')).toBe(true);
    });
  });

  it('are none when this node stood still while they lay there', async () => {
    let nowMs = 0;
    const looks: (() => void)[] = [];
    const clock = { monotonic: () => nowMs, now: () => nowMs };
    const timers = {
      after: (_: number, look: () => void) => (looks.push(look), { cancel: () => undefined }),
      turn: () => Promise.resolve(),
    };
    const late = new LateAnswers({ clock, timers }, mostMs);
    let tell: (told: string) => void = () => undefined;
    const waiting = late.watch('b', new Promise<string>((resolve) => (tell = resolve)));
    nowMs = 1000;
    looks.shift()?.();
    tell('told');
    expect(await waiting).toBe('told');
    looks.shift()?.();
    expect([late.late, late.isQuick('b'), looks.length]).toEqual([0, true, 0]);
  });

  it('are waited for as long as anything may take where nothing is known', async () => {
    const { late, after, run } = awaiting();
    await run(async () => {
      expect(await late.watch('b', after(250))).toBe('told');
      expect(await late.watch('c', after(5000))).toBeUndefined();
    });
  });

  it('teach when they come all the same: who has become slower is waited for longer', async () => {
    const { late, after, run, timers } = awaiting();
    await run(async () => {
      for (let i = 0; i < 50; i++) await late.watch('b', after(1));
      for (let i = 0; i < 50; i++) void late.watch('b', after(60));
      await sleep(timers, 200);
      expect(late.late).toBe(50);
      expect(await late.watch('b', after(60))).toBe('told');
    });
  });

  it('are none when the question failed', async () => {
    const { late, run } = awaiting();
    await run(async () => {
      expect(await late.watch('b', Promise.reject(new Error('no')))).toBeUndefined();
      expect([late.isQuick('b'), late.late]).toEqual([false, 0]);
    });
  });
});
