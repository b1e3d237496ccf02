/**
 * Time limits of operations. One timer serves them all: it ticks while something runs and looks at each operation in
 * flight (there are never many thousand), because a timer of its own would cost an operation more than its lock.
 *
 * An operation that runs out of time is answered at once and goes on in the background if it has to: a write that the
 * log has taken cannot be called back, and the answer says so.
 */
import { type Clock, CoterieError, type Placed, ShortLivedSet, type Timers } from '@coterie/env';

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

  /** Milliseconds left; negative when time is up. */
  get remainingMs(): number {
    return this.#expiresAt - this.#clock.monotonic();
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

/** Something to be done in a limited time, and who wants to know how it went. */
export interface TimedWork<T> {
  /** Begins it. Rejects rather than throws. */
  begin(attempt: Attempt): Promise<T>;
  /** It has ended, in time or not, well or not. */
  ended(): void;
  /** It ended well and in time. */
  succeeded(): void;
  /** It failed, or ran out of time and may still be running. Returns the error to tell. */
  failed(error: unknown, attempt: Attempt): unknown;
}

/** An operation that runs. */
interface Running extends Placed {
  readonly attempt: Attempt;
  late(error: Error): void;
}

/** How often running operations are looked at. */
const tickMs = 10;

/** Runs operations against their time limits. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #running = new ShortLivedSet<Running>();
  #ticking = false;

  constructor(world: { readonly clock: Clock; readonly timers: Timers }) {
    this.#clock = world.clock;
    this.#timers = world.timers;
  }

  /** The outcome of `work`, or `TIMEOUT` if that comes first. One promise and one `then`: each more is half a microsecond. */
  run<T>(timeoutMs: number, work: TimedWork<T>): Promise<T> {
    const attempt = new Attempt(this.#clock, timeoutMs);
    return new Promise<T>((resolve, reject) => {
      const late = (error: Error): void => {
        reject(work.failed(error, attempt) as Error);
      };
      const running = { attempt, late, position: -1 };
      this.#running.add(running);
      this.#tickSoon();
      work.begin(attempt).then(
        (value) => {
          work.ended();
          if (!this.#running.remove(running)) return;
          work.succeeded();
          resolve(value);
        },
        (error: unknown) => {
          work.ended();
          if (!this.#running.remove(running)) return;
          reject(work.failed(error, attempt) as Error);
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
    for (const running of this.#running.list()) {
      const { attempt } = running;
      if (attempt.expired && this.#running.remove(running)) running.late(attempt.timeout());
    }
    if (this.#running.size > 0) this.#tickSoon();
  }
}
