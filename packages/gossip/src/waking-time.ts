/**
 * Time in which this node was awake. A process that was stopped, swapped out or busy for long finds, when it goes on,
 * every deadline passed and the answers still unread. It must not judge others by time in which it did not listen. So
 * deadlines are kept in waking time, which stands still while the node sleeps:
 *
 * ```
 *   now     ───────────┬──due──·······asleep·······──┬─────▶
 *   waking  ───────────┴──due──┤ at most toleranceMs ├─────▶     waking = now − slept
 * ```
 */

/** Milliseconds by which a node may miss its deadline and still count as awake. */
export const toleranceMs = 250;

/** Turns monotonic time into waking time. */
export class WakingTime {
  #slept = 0;
  #last = 0;

  /** Waking time now, when the next thing had been due at waking time `dueAt`. */
  advance(now: number, dueAt: number): number {
    const late = now - this.#slept - dueAt - toleranceMs;
    if (late > 0) this.#slept += late;
    this.#last = Math.max(this.#last, now - this.#slept);
    return this.#last;
  }

  /** Milliseconds slept so far. */
  get sleptMs(): number {
    return this.#slept;
  }

  /** The waking time of the last `advance`. */
  get last(): number {
    return this.#last;
  }
}
