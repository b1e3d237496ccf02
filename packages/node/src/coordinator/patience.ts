/**
 * How long a coordinator waits for a silent store before it asks another one beside it. Everyone waits equally long, so
 * those who wait stand in order, and one timer for the first of them does for all: a timer of its own costs an operation
 * more than asking a store.
 *
 * ```
 *   begin ──▶ at the end of the line ──end──▶ forgotten
 *                  └── patienceMs later: impatient, once
 * ```
 *
 * Who waits is an operation in flight: as many as the node lets in.
 */
import type { Clock, Timers } from '@coterie/env';

/** Somebody who waits. */
export interface Waiter {
  /** When patience ends, by the monotonic clock. */
  readonly untilMs: number;
  impatient(): void;
}

/** The line of those who wait. */
export class Patience {
  readonly #world: { readonly clock: Clock; readonly timers: Timers };
  readonly #patienceMs: number;
  readonly #line = new Set<Waiter>();
  #isArmed = false;

  constructor(world: { readonly clock: Clock; readonly timers: Timers }, patienceMs: number) {
    this.#world = world;
    this.#patienceMs = patienceMs;
  }

  /** Calls `impatient` when patience has ended, unless `end` comes first. */
  begin(impatient: () => void): Waiter {
    const waiter = { untilMs: this.#world.clock.monotonic() + this.#patienceMs, impatient };
    this.#line.add(waiter);
    if (!this.#isArmed) this.#arm(this.#patienceMs);
    return waiter;
  }

  /** It need not wait any more. */
  end(waiter: Waiter): void {
    this.#line.delete(waiter);
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
    for (const waiter of this.#line) {
      if (waiter.untilMs > nowMs) {
        if (!this.#isArmed) this.#arm(waiter.untilMs - nowMs);
        return;
      }
      this.#line.delete(waiter);
      waiter.impatient();
    }
  }
}
