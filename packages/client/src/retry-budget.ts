/**
 * How many retries are left: a token bucket, so that a client never answers an overloaded cluster with more load. Every
 * request puts a fraction of a token in, time adds a few a second, each retry takes one. (Finagle's retry budget.)
 *
 * ```
 *   request: + ratio ──▶ ┌──────────┐
 *   second:  + reserve ─▶│ 0..burst │──▶ retry: − 1, or none
 *                        └──────────┘
 *   retries in any t seconds ≤ burst + ratio × requests + reserve × t
 * ```
 */

/** What a budget is made of. */
export interface RetryBudgetOptions {
  /** Tokens for each request. */
  readonly retryRatio: number;
  /** Tokens for each second. */
  readonly retriesPerSecond: number;
  /** Most tokens; as many are there at first. */
  readonly retryBurst: number;
}

/** A budget. Times are monotonic milliseconds. */
export class RetryBudget {
  readonly #options: RetryBudgetOptions;
  #tokens: number;
  #at: number;

  constructor(options: RetryBudgetOptions, now: number) {
    this.#options = options;
    this.#tokens = options.retryBurst;
    this.#at = now;
  }

  /** Counts a request, retries not among them. */
  deposit(): void {
    this.#add(this.#options.retryRatio);
  }

  /** Takes a token for a retry; `false` when there is none. */
  withdraw(now: number): boolean {
    this.#add((Math.max(0, now - this.#at) / 1000) * this.#options.retriesPerSecond);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #add(tokens: number): void {
    this.#tokens = Math.min(this.#options.retryBurst, this.#tokens + tokens);
  }
}
