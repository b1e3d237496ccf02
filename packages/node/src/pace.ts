/**
 * How fast a store takes over from others: so many bytes a second, and at least as long at rest as at work, so that clients
 * are served meanwhile. How long the work took says how busy both sides are, which a rate does not know.
 */
import { type Clock, sleep, type Timers } from '@coterie/env';

/** Longest rest: what took longer waited for somebody who did not answer. */
const restMsMax = 250;

/** Rests as long as something took that began at `sinceMs`, so that clients are served as well. */
export async function restAfter(world: { readonly clock: Clock; readonly timers: Timers }, sinceMs: number): Promise<void> {
  const restMs = Math.floor(Math.min(world.clock.monotonic() - sinceMs, restMsMax));
  if (restMs >= 1) await sleep(world.timers, restMs);
}

/** Spends a rate. */
export class Pace {
  readonly #world: { readonly clock: Clock; readonly timers: Timers };
  readonly #bytesPerMs: number;
  #freeAtMs = 0;

  constructor(world: { readonly clock: Clock; readonly timers: Timers }, bytesPerSecond: number) {
    this.#world = world;
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** Now, for `spend`. */
  now(): number {
    return this.#world.clock.monotonic();
  }

  /** Resolves when more may come after so many bytes, on which work began at `sinceMs`. */
  async spend(bytes: number, sinceMs: number): Promise<void> {
    const now = this.#world.clock.monotonic();
    const restMs = Math.min(now - sinceMs, restMsMax);
    this.#freeAtMs = Math.max(Math.max(this.#freeAtMs, now) + bytes / this.#bytesPerMs, now + restMs);
    const waitMs = Math.floor(this.#freeAtMs - now);
    if (waitMs >= 1) await sleep(this.#world.timers, waitMs);
  }
}
