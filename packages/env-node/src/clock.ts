/** The real clock. */
import type { Clock } from '@coterie/env';

/** Wall-clock time from the system; monotonic time since this thread began. */
export const nodeClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
