/**
 * Keeps requests of an older ring out, and knows when the last one that was let in has ended: the barrier between two
 * phases of a change (design section 9).
 *
 * ```
 *   request (epoch e) ──▶ e < ringEpoch: STALE_RING         its sender learns the newer ring and asks again
 *                     └─▶ runs, counted under the ringEpoch of now
 *
 *   barrier(E) resolves when this node's ringEpoch ≥ E and nothing runs that was counted below E
 * ```
 */
import { CoterieError } from '@coterie/env';

/** Counts what runs by the ring it began under. */
export class EpochGate {
  readonly #running = new Map<number, number>();
  #waiting: (() => void)[] = [];
  readonly #ringEpoch: () => number;
  readonly #oldest: () => number;

  /** `oldest`: the oldest ring whose requests are let in; the present one, unless a test shows what comes of letting in all. */
  constructor(ringEpoch: () => number, oldest: () => number = ringEpoch) {
    this.#ringEpoch = ringEpoch;
    this.#oldest = oldest;
  }

  /** Runs `work`, which rejects rather than throws, for a sender at this epoch. @throws `STALE_RING` */
  run<T>(epoch: number, work: () => Promise<T>): Promise<T> {
    const now = this.#ringEpoch();
    if (epoch < this.#oldest()) return Promise.reject(stale(epoch, now));
    this.#running.set(now, (this.#running.get(now) ?? 0) + 1);
    // Not an async function: every question of another node passes here, and would wait for two promises more.
    const running = work();
    const leave = (): void => this.#leave(now);
    running.then(leave, leave);
    return running;
  }

  /** Resolves when nothing runs that began under a ring before `epoch`. The caller sees to it that nothing more does. */
  async drained(epoch: number): Promise<void> {
    while ([...this.#running.keys()].some((began) => began < epoch)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #leave(began: number): void {
    const left = (this.#running.get(began) ?? 1) - 1;
    if (left > 0) return void this.#running.set(began, left);
    this.#running.delete(began);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

function stale(epoch: number, now: number): CoterieError {
  return new CoterieError('STALE_RING', `the ring of epoch ${epoch} was replaced by that of epoch ${now}`, {
    details: { epoch: now, mayHaveTakenEffect: false },
  });
}
