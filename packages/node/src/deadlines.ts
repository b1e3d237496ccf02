/**
 * Time limits of operations. One timer serves them all: it ticks while something runs and looks at each operation in
 * flight (there are never many thousand), because a timer of its own would cost an operation more than its lock.
 *
 * An operation that runs out of time is answered at once and goes on in the background if it has to: a write that the
 * log has taken cannot be called back, and the answer says so.
 */
import { type Clock, CoterieError, type Timers } from '@coterie/env';

/** One try at an operation, as the operation sees it. */
export class Attempt {
  /** Set once the write is handed to the log: from then on it may take effect whatever is answered. */
  mayTakeEffect = false;
  readonly #expiresAt: number;
  readonly #clock: Clock;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#expiresAt = clock.monotonic() + timeoutMs;
  }

  get expired(): boolean {
    return this.#clock.monotonic() >= this.#expiresAt;
  }

  /** @throws `TIMEOUT` when time is up */
  check(): void {
    if (this.expired) throw this.timeout();
  }

  timeout(): CoterieError {
    const effect = this.mayTakeEffect ? 'it may have taken effect' : 'it has not taken effect';
    return new CoterieError('TIMEOUT', `the operation ran out of time; ${effect}`, {
      details: { mayHaveTakenEffect: this.mayTakeEffect },
    });
  }
}

/** How often running operations are looked at. */
const tickMs = 10;

/** Runs operations against their time limits. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #running = new Map<Attempt, (error: Error) => void>();
  #ticking = false;

  constructor(world: { readonly clock: Clock; readonly timers: Timers }) {
    this.#clock = world.clock;
    this.#timers = world.timers;
  }

  /** The outcome of `work`, or `TIMEOUT` if that comes first. */
  run<T>(timeoutMs: number, work: (attempt: Attempt) => Promise<T>): Promise<T> {
    const attempt = new Attempt(this.#clock, timeoutMs);
    return new Promise<T>((resolve, reject) => {
      this.#running.set(attempt, reject);
      this.#tickSoon();
      work(attempt).then(
        (value) => {
          this.#running.delete(attempt);
          resolve(value);
        },
        (error: unknown) => {
          this.#running.delete(attempt);
          reject(error as Error);
        },
      );
    });
  }

  #tickSoon(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    this.#timers.after(tickMs, () => {
      this.#ticking = false;
      this.#tick();
    });
  }

  #tick(): void {
    for (const [attempt, reject] of this.#running) {
      if (!attempt.expired) continue;
      this.#running.delete(attempt);
      reject(attempt.timeout());
    }
    if (this.#running.size > 0) this.#tickSoon();
  }
}
