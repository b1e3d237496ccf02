/** What every `Clock`, `Timers` and `Random` must do. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sleep } from '@coterie/env';
import type { World } from './world.ts';

/** Runs the suite against a world. */
export function timeConformance(name: string, makeWorld: () => Promise<World>): void {
  describe(`time and chance of ${name}`, () => {
    let world: World;
    beforeEach(async () => {
      world = await makeWorld();
    });
    afterEach(() => world.close());

    test('timers fire in the order of their delays, never early', async () => {
      const { clock, timers } = world.environment;
      const start = clock.monotonic();
      const fired: { delayMs: number; afterMs: number }[] = [];
      await world.run(() =>
        Promise.all(
          [12, 0, 5, 1.5].map(async (delayMs) => {
            await sleep(timers, delayMs);
            fired.push({ delayMs, afterMs: clock.monotonic() - start });
          }),
        ),
      );
      expect(fired.map(({ delayMs }) => delayMs)).toEqual([0, 1.5, 5, 12]);
      for (const { delayMs, afterMs } of fired) expect(afterMs).toBeGreaterThanOrEqual(delayMs);
    });

    test('a cancelled timer does not fire, and can be cancelled again', async () => {
      const { timers } = world.environment;
      let fired = 0;
      const timer = timers.after(1, () => fired++);
      const other = timers.after(1, () => fired++);
      timer.cancel();
      timer.cancel();
      await world.run(() => sleep(timers, 20));
      other.cancel();
      expect(fired).toBe(1);
    });

    test('a delay past 2^31 ms is not taken for none', async () => {
      const { timers } = world.environment;
      let fired = 0;
      const timer = timers.after(2 ** 31 + 1000, () => fired++);
      await world.run(() => sleep(timers, 20));
      timer.cancel();
      expect(fired).toBe(0);
    });

    test('a loop of turns lets timers fire', async () => {
      const { timers } = world.environment;
      let fired = false;
      timers.after(3, () => (fired = true));
      await world.run(async () => {
        while (!fired) await timers.turn();
      });
      expect(fired).toBe(true);
    });

    test('time goes on, and the wall clock counts whole milliseconds', async () => {
      const { clock, timers } = world.environment;
      const before = { now: clock.now(), monotonic: clock.monotonic() };
      await world.run(() => sleep(timers, 5));
      expect(clock.monotonic() - before.monotonic).toBeGreaterThanOrEqual(5);
      expect(Number.isInteger(clock.now())).toBe(true);
      expect(clock.now()).toBeGreaterThanOrEqual(before.now);
      expect(clock.now()).toBeGreaterThan(Date.UTC(2020, 0, 1));
    });

    test('random words spread over 32 bits, random bytes fill what they are given', () => {
      const { random } = world.environment;
      const words = Array.from({ length: 4000 }, () => random.u32());
      expect(words.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32)).toBe(true);
      for (let bit = 0; bit < 32; bit++) {
        const ones = words.filter((word) => (word >>> bit) & 1).length;
        expect(ones).toBeGreaterThan(1700);
        expect(ones).toBeLessThan(2300);
      }
      expect(new Set(words).size).toBeGreaterThan(3990);
      const bytes = new Uint8Array(4001);
      expect(random.fill(bytes)).toBe(bytes);
      expect(new Set(bytes).size).toBeGreaterThan(240);
      expect([...bytes.slice(-3)].every((byte) => byte === 0)).toBe(false);
    });
  });
}
