/** How fast a store takes over from others: so many bytes a second, so that clients are served meanwhile. */
import { type Clock, sleep, type Timers } from '@coterie/env';

/** Spends a rate. */
export class Pace {
  readonly #world: { readonly clock: Clock; readonly timers: Timers };
  readonly #bytesPerMs: number;
  #freeAtMs = 0;

  constructor(world: { readonly clock: Clock; readonly timers: Timers }, bytesPerSecond: number) {
    this.#world = world;
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** Resolves when so many bytes more may come. */
  async spend(bytes: number): Promise<void> {
    const now = this.#world.clock.monotonic();
    this.#freeAtMs = Math.max(this.#freeAtMs, now) + bytes / this.#bytesPerMs;
    const waitMs = Math.floor(this.#freeAtMs - now);
    if (waitMs >= 1) await sleep(this.#world.timers, waitMs);
  }
}
