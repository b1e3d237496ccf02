/** The clock of one machine: it may be wrong, go wrong faster or slower, and be set; monotonic time only ever drifts. */
import type { Clock } from '@coterie/env';
import type { Schedule } from '../schedule.ts';

/** A clock that can be set. */
export interface SimulatedClock extends Clock {
  /** Sets the wall clock forward or back. Monotonic time goes on. */
  jump(ms: number): void;
  /** Sets the wall clock to the world's time. */
  setRight(): void;
}

/** Wall-clock time when virtual time is 0. */
const epochMs = 1_700_000_000_000;

/** The clock of a machine. */
export class MachineClock implements SimulatedClock {
  readonly #schedule: Schedule;
  #skewMs = 0;
  #rate = 1;
  /** Monotonic time was `#baseMs` when the world's was `#sinceMs`. */
  #baseMs = 0;
  #sinceMs = 0;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  now(): number {
    return Math.floor(epochMs + this.monotonic() + this.#skewMs);
  }

  monotonic(): number {
    return this.#baseMs + (this.#schedule.nowMs - this.#sinceMs) * this.#rate;
  }

  jump(ms: number): void {
    this.#skewMs += ms;
  }

  setRight(): void {
    this.#skewMs = this.#schedule.nowMs - this.monotonic();
  }

  /** From now on the clock runs `partsPerMillion` fast (or slow, below 0). */
  drift(partsPerMillion: number): void {
    this.#baseMs = this.monotonic();
    this.#sinceMs = this.#schedule.nowMs;
    this.#rate = 1 + partsPerMillion / 1e6;
  }

  /** How long a stretch of this clock's time is for the world. */
  toWorldMs(ms: number): number {
    return ms / this.#rate;
  }
}
