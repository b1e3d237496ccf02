/**
 * What a node does by itself, a little at a time: hands hints over, carries changes of the ring through, takes back what
 * it lost, clears out what is not its own. One round a tick, each chore by itself: a failing one holds no other up.
 */
import type { Log, Timer, Timers } from '@coterie/env';

/** Something to be done now and then. Rejects when it could not be done; the next round tries again. */
export interface Chore {
  readonly name: string;
  run(): Promise<void>;
}

/** Does chores until it is stopped. */
export class Chores {
  readonly #chores: readonly Chore[];
  readonly #world: { readonly timers: Timers; readonly log: Log };
  readonly #everyMs: number;
  #timer: Timer | undefined;
  #round: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(chores: readonly Chore[], world: { readonly timers: Timers; readonly log: Log }, everyMs: number) {
    this.#chores = chores;
    this.#world = world;
    this.#everyMs = everyMs;
  }

  /** Begins a round now, or one more after the one that runs. */
  soon(): void {
    if (this.#stopped) return;
    if (this.#round !== undefined) {
      this.#again = true;
      return;
    }
    this.#timer?.cancel();
    this.#round = this.#runAll().finally(() => {
      this.#round = undefined;
      if (this.#stopped) return;
      const delayMs = this.#again ? 0 : this.#everyMs;
      this.#again = false;
      this.#timer = this.#world.timers.after(delayMs, () => this.soon());
    });
  }

  /** Ends after what is being done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#round;
  }

  async #runAll(): Promise<void> {
    await Promise.all(this.#chores.map((chore) => this.#run(chore)));
  }

  async #run(chore: Chore): Promise<void> {
    try {
      await chore.run();
    } catch (error) {
      this.#world.log.debug('a chore was put off', { chore: chore.name, reason: String(error) });
    }
  }
}
