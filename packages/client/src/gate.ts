/**
 * The gate before one endpoint: so many requests are under way, so many more wait in line, any further one is refused at
 * once. Whoever waits longer than its time leaves the line.
 *
 * ```
 *  enter ──▶ room? ── yes ──▶ under way ──leave──▶ the first in line gets the place
 *              │ no
 *              └──▶ line full? ── no ──▶ waiting ──▶ under way, or TIMEOUT
 *                       │ yes
 *                       └──▶ OVERLOADED
 * ```
 */
import { CoterieError, type Timers } from '@coterie/env';

/** Limits of a gate. */
export interface GateLimits {
  readonly connectionsMax: number;
  readonly queueMax: number;
}

interface Waiter {
  enter(): void;
}

/** Lets requests to one endpoint through, a limited number at a time. */
export class Gate {
  readonly #limits: GateLimits;
  readonly #timers: Timers;
  /** A Set keeps the order and lets go of any one at once. */
  readonly #line = new Set<Waiter>();
  #underWay = 0;

  constructor(limits: GateLimits, timers: Timers) {
    this.#limits = limits;
    this.#timers = timers;
  }

  /** Requests let through that have not left. */
  get underWay(): number {
    return this.#underWay;
  }

  /**
   * Takes a place: `undefined` when there is one, else a promise of one. Each place is given back with `leave`.
   * @throws `OVERLOADED` when the line is full; rejects with `TIMEOUT` after `waitMs`. Both with `details.sent` false
   */
  enter(waitMs: number): Promise<void> | undefined {
    if (this.#underWay < this.#limits.connectionsMax) {
      this.#underWay++;
      return undefined;
    }
    if (this.#line.size >= this.#limits.queueMax) throw unsent('OVERLOADED', `${this.#line.size} requests of this client wait already`);
    return this.#wait(waitMs);
  }

  /** Gives a place back. */
  leave(): void {
    const [first] = this.#line;
    if (first === undefined) {
      this.#underWay--;
      return;
    }
    this.#line.delete(first);
    first.enter();
  }

  #wait(waitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        enter: () => {
          timer.cancel();
          resolve();
        },
      };
      const timer = this.#timers.after(waitMs, () => {
        this.#line.delete(waiter);
        reject(unsent('TIMEOUT', `no place among the ${this.#underWay} requests under way came free in time`));
      });
      this.#line.add(waiter);
    });
  }
}

function unsent(code: 'OVERLOADED' | 'TIMEOUT', message: string): CoterieError {
  return new CoterieError(code, message, { details: { sent: false } });
}
