/**
 * Whether the next sync may run on the thread that the log lives on. A trip to the thread pool and back wakes two threads: where a disk
 * syncs in a tenth of a millisecond that takes as long as the sync itself, and more processor time. But who syncs on its thread does
 * nothing else meanwhile, and takes in nothing that could share the sync; so only a sync that is likely to be short is worth it, of one
 * record, where records have come one by one for some time.
 *
 * ```
 *   on trial ──sixteen syncs by the pool, 1 ms on average at most──▶ trusted ──syncs here take more than 0.5 ms on average──▶ at rest
 *     ▲  ▲ └─┐ several records at once: the trial begins anew           │                                                     │
 *     │  └───┘◀───────────────── several records at once ───────────────┘                                                     │
 *     └──────────────────────────────────────────────── a thousand syncs by the pool ─────────────────────────────────────────┘
 * ```
 *
 * The pool's times are as the log meets them, so where callbacks come late, as they do on a thread that is busy, nothing is trusted: it has
 * better things to do.
 */

/** Syncs by the pool of one trial, and how long they may take on average. */
const trialSyncs = 16;
const trialMs = 1;
const quickMs = 0.5;
/** Part of a new time in the average: a stall of ten milliseconds, or a few of two, end the trust. */
const weight = 1 / 32;
const restSyncs = 1000;

/** How quick a log's syncs were of late. */
export class SyncSpeed {
  /** Syncs by the pool that are to come before the trial. */
  #rest = 0;
  #tried = 0;
  #trialMs = 0;
  #averageMs = 0;
  #isTrusted = false;

  /** Whether the next one is likely to be short. */
  get isTrusted(): boolean {
    return this.#isTrusted;
  }

  /** A sync by the pool took so long. */
  noteByPool(ms: number): void {
    if (this.#isTrusted) return;
    if (this.#rest > 0) {
      this.#rest -= 1;
      return;
    }
    this.#tried += 1;
    this.#trialMs += ms;
    if (this.#tried < trialSyncs) return;
    this.#isTrusted = this.#trialMs <= trialMs * trialSyncs;
    this.#tried = 0;
    this.#trialMs = 0;
    this.#averageMs = 0;
  }

  /** Several records are to be synced together: more are likely to come while one sync runs. */
  noteSeveral(): void {
    this.#isTrusted = false;
    this.#tried = 0;
    this.#trialMs = 0;
  }

  /** A sync here took so long. */
  noteHere(ms: number): void {
    this.#averageMs += (ms - this.#averageMs) * weight;
    if (this.#averageMs <= quickMs) return;
    this.#isTrusted = false;
    this.#rest = restSyncs;
  }
}
