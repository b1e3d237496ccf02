/**
 * How long a coordinator waits for a silent store before it asks another one beside it. Everyone waits equally long, so
 * one timer for the first of those who wait does for all: a timer of its own costs an operation more than asking a store.
 *
 * ```
 *   begin ──▶ waits ──end──▶ forgotten
 *               └── patienceMs later: impatient, once
 * ```
 *
 * Who waits is an operation in flight: as many as the node lets in.
 */
import { type Clock, type Placed, ShortLivedSet, type Timers } from '@coterie/env';

/** Somebody who waits. */
export interface Waiter extends Placed {
  /** When patience ends, by the monotonic clock. */
  readonly untilMs: number;
  impatient(): void;
}

/** Those who wait. */
export class Patience {
  readonly #world: { readonly clock: Clock; readonly timers: Timers };
  readonly #patienceMs: number;
  readonly #waiting = new ShortLivedSet<Waiter>();
  #isArmed = false;

  constructor(world: { readonly clock: Clock; readonly timers: Timers }, patienceMs: number) {
    this.#world = world;
    this.#patienceMs = patienceMs;
  }

  /** Calls `impatient` when patience has ended, unless `end` comes first. */
  begin(impatient: () => void): Waiter {
    const waiter = { untilMs: this.#world.clock.monotonic() + this.#patienceMs, impatient, position: -1 };
    this.#waiting.add(waiter);
    if (!this.#isArmed) this.#arm(this.#patienceMs);
    return waiter;
  }

  /** It need not wait any more. */
  end(waiter: Waiter): void {
    this.#waiting.remove(waiter);
  }

  #arm(delayMs: number): void {
    this.#isArmed = true;
    this.#world.timers.after(delayMs, () => {
      this.#isArmed = false;
      this.#look();
    });
  }

  #look(): void {
    const nowMs = this.#world.clock.monotonic();
    let nextMs = Infinity;
    for (const waiter of this.#waiting.list()) {
      if (waiter.untilMs > nowMs) nextMs = Math.min(nextMs, waiter.untilMs);
      // One that has become impatient may have ended others.
      else if (this.#waiting.remove(waiter)) waiter.impatient();
    }
    if (nextMs < Infinity && !this.#isArmed) this.#arm(nextMs - nowMs);
  }
}
