/**
 * How fast a store takes over from others: so many bytes a second, and longer at rest than at work, so that clients are
 * served meanwhile. How long the work took says how busy both sides are, which a rate does not know.
 */
import { type Clock, sleep, type Timers } from '@coterie/env';
import { afterBreath, nextBreath, restOf } from './give-way.ts';

/** Longest rest: what took longer waited for somebody who did not answer. */
const restMsMax = 250;

/** What resting needs of the world. */
interface RestWorld {
  readonly clock: Clock;
  readonly timers: Timers;
}

/** So many times as long as moving data took is rested after it. */
const restsToWork = 4;

/** Rests so long, but not longer than anything rests, so that clients are served as well. Less than a millisecond is no rest. */
export async function rest(world: { readonly timers: Timers }, ms: number): Promise<void> {
  const restMs = Math.floor(Math.min(ms, restMsMax));
  if (restMs >= 1) await sleep(world.timers, restMs);
}

/** Rests after moving data, on which work began at `sinceMs`; longer while others wait for processors. */
export async function restAfter(world: RestWorld, sinceMs: number): Promise<void> {
  await giveWay(world, restsToWork * (world.clock.monotonic() - sinceMs));
}

/** Resolves when work that can wait may begin: nobody waited for processors for a while, or it was put off as long as it may be. */
export async function untilCalm(world: RestWorld): Promise<void> {
  await giveWay(world, restMsMax);
}

/** Rests so long, but not longer than anything rests, and longer while others wait for processors. */
async function giveWay({ clock, timers }: RestWorld, ms: number): Promise<void> {
  let left = restOf(Math.min(ms, restMsMax));
  for (let askedMs = nextBreath(left); askedMs > 0; askedMs = nextBreath(left)) {
    const sinceMs = clock.monotonic();
    await sleep(timers, askedMs);
    left = afterBreath(left, { askedMs, tookMs: clock.monotonic() - sinceMs });
  }
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
  readonly #world: RestWorld;
  readonly #bytesPerMs: number;
  #freeAtMs = 0;

  constructor(world: RestWorld, bytesPerSecond: number) {
    this.#world = world;
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** Now, for `spend`. */
  now(): number {
    return this.#world.clock.monotonic();
  }

  /** Resolves when more may come after so many bytes, on which work began at `sinceMs`. */
  async spend(bytes: number, sinceMs: number): Promise<void> {
    this.#freeAtMs = Math.max(this.#freeAtMs, this.#world.clock.monotonic()) + bytes / this.#bytesPerMs;
    await restAfter(this.#world, sinceMs);
    const waitMs = Math.floor(this.#freeAtMs - this.#world.clock.monotonic());
    if (waitMs >= 1) await sleep(this.#world.timers, waitMs);
  }
}
