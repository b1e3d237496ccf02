/**
 * How fast a store takes over from others: so many bytes a second, and longer at rest than at work, so that clients are
 * served meanwhile. How long the work took says how busy both sides are, which a rate does not know.
 */
import { type Clock, sleep, type Timers } from '@coterie/env';

/** Longest rest: what took longer waited for somebody who did not answer. */
const restMsMax = 250;

/** So many times as long as moving data took is rested after it. */
const restsToWork = 3;

/** Rests so long, but not longer than anything rests, so that clients are served as well. Less than a millisecond is no rest. */
export async function rest(world: { readonly timers: Timers }, ms: number): Promise<void> {
  const restMs = Math.floor(Math.min(ms, restMsMax));
  if (restMs >= 1) await sleep(world.timers, restMs);
}

/** Rests after moving data, on which work began at `sinceMs`. */
export async function restAfter(world: { readonly clock: Clock; readonly timers: Timers }, sinceMs: number): Promise<void> {
  await rest(world, restsToWork * (world.clock.monotonic() - sinceMs));
}

/** Stretches looked into, or records looked at, in one turn of the event loop. Each takes some tens of microseconds. */
const stepsPerTurn = 32;

/** Cuts long work into short turns: what is in memory already is read without one, however much it is. */
export class Steps {
  readonly #timers: Timers;
  #taken = 0;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Resolves in a later turn now and then; undefined in between, when there is nothing to wait for. */
  next(): Promise<void> | undefined {
    this.#taken += 1;
    return this.#taken % stepsPerTurn === 0 ? this.#timers.turn() : undefined;
  }
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
    const restMs = Math.min(restsToWork * (now - sinceMs), restMsMax);
    this.#freeAtMs = Math.max(Math.max(this.#freeAtMs, now) + bytes / this.#bytesPerMs, now + restMs);
    const waitMs = Math.floor(this.#freeAtMs - now);
    if (waitMs >= 1) await sleep(this.#world.timers, waitMs);
  }
}
