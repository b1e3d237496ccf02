/**
 * A budget of bytes per second, with a burst: what keeps gossip and reconciliation from growing with the cluster or with
 * the number of changes. Probes are not charged; their rate is fixed by the period.
 */

/** A token bucket. */
export class Budget {
  readonly #bytesPerSecond: number;
  readonly #burstBytes: number;
  #left: number;
  #at = 0;

  constructor(bytesPerSecond: number, burstBytes: number) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#burstBytes = burstBytes;
    this.#left = burstBytes;
  }

  /** Whether anything may be sent at `at` (milliseconds, never going back). */
  allows(at: number): boolean {
    this.#left = Math.min(this.#burstBytes, this.#left + ((at - this.#at) * this.#bytesPerSecond) / 1000);
    this.#at = at;
    return this.#left > 0;
  }

  /** So many bytes were sent; the last message may overdraw. */
  spend(bytes: number): void {
    this.#left -= bytes;
  }
}
