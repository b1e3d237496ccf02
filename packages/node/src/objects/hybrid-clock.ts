/**
 * Stamps for `lww` buckets: a hybrid logical clock (Kulkarni et al. 2014) folded into one number, microseconds since
 * 1970 of which the last three digits count. A stamp is above the wall clock, above every stamp given before, and above
 * every stamp in the local object, so a write that saw another always outranks it, whatever the clocks say.
 */
import type { Clock } from '@coterie/env';

const perMs = 1000;

/** Gives out stamps. */
export class HybridClock {
  readonly #clock: Clock;
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A stamp above `seen`. An integer below 2^53 until the year 2255. */
  next(seen: number): number {
    this.#last = Math.max(this.#clock.now() * perMs, this.#last + 1, seen + 1);
    return this.#last;
  }
}
