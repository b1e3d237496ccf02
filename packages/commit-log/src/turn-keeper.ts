/**
 * Lets the event loop have its turns. Groups are handed over in microtasks, so writers that await each record keep the
 * microtask queue from ever draining: no timer, socket or finished sync would get a turn for as long as they write.
 *
 * ```
 *  resolve ─▶ at once, for so much work ─▶ enough: a turn is asked for, promises collect ─▶ all resolve, count begins anew
 * ```
 *
 * Invariant: promises resolve in the order of their groups.
 */
import type { Timers } from '@coterie/env';
import type { Deferred } from './deferred.ts';

/** Work between two turns: records, and KiB written. Some 0.3 ms for the log alone, 1 ms with a store behind it. */
const workPerTurn = 128;

/** Resolves promises, now and then after a turn of the event loop. */
export class TurnKeeper {
  readonly #timers: Timers;
  #work = 0;
  #waiting: Deferred[] | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Resolves a group's promise, now or after a turn. */
  resolve(deferred: Deferred, group: { readonly records: number; readonly bytes: number }): void {
    this.#work += group.records + (group.bytes >>> 10);
    if (this.#waiting !== undefined) this.#waiting.push(deferred);
    else if (this.#work < workPerTurn) deferred.resolve();
    else {
      this.#waiting = [deferred];
      void this.#timers.turn().then(this.#afterTurn);
    }
  }

  readonly #afterTurn = (): void => {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#work = 0;
    for (const deferred of waiting ?? []) deferred.resolve();
  };
}
