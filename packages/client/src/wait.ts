/** Waiting that keeps the process alive, since somebody waits for what comes after. */
import type { Timers } from '@coterie/env';

/** Resolves after `ms`, or earlier once `work` has settled. */
export function waitAtMost(timers: Timers, ms: number, work?: Promise<void>): Promise<void> {
  const held = timers.hold?.();
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      held?.cancel();
      resolve();
    };
    const timer = timers.after(Math.max(1, ms), done);
    work?.then(done, done);
  });
}
