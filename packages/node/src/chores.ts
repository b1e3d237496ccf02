/**
 * What a node does by itself, a little at a time: hands hints over, carries changes of the ring through, takes back what
 * it lost, clears out what is not its own. Each chore by itself: neither a failing nor a long one holds another up.
 */
import type { Log, Timer, Timers } from '@coterie/env';

/** Something to be done now and then. Rejects when it could not be done; the next round tries again. */
export interface Chore {
  readonly name: string;
  run(): Promise<void>;
}

/** What chores need of the world. */
type ChoreWorld = { readonly timers: Timers; readonly log: Log };

/** Does chores until it is stopped. */
export class Chores {
  readonly #routines: readonly Routine[];

  constructor(chores: readonly Chore[], world: ChoreWorld, everyMs: number) {
    this.#routines = chores.map((chore) => new Routine(chore, world, everyMs));
  }

  /** Begins each chore now, or once more after the run that is under way. */
  soon(): void {
    for (const routine of this.#routines) routine.soon();
  }

  /** Ends after what is being done. */
  async stop(): Promise<void> {
    await Promise.all(this.#routines.map((routine) => routine.stop()));
  }
}

/** One chore, done again and again. */
class Routine {
  readonly #chore: Chore;
  readonly #world: ChoreWorld;
  readonly #everyMs: number;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(chore: Chore, world: ChoreWorld, everyMs: number) {
    this.#chore = chore;
    this.#world = world;
    this.#everyMs = everyMs;
  }

  soon(): void {
    if (this.#stopped) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#timer?.cancel();
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#stopped) return;
      const delayMs = this.#again ? 0 : this.#everyMs;
      this.#again = false;
      this.#timer = this.#world.timers.after(delayMs, () => this.soon());
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      await this.#chore.run();
    } catch (error) {
      this.#world.log.debug('a chore was put off', { chore: this.#chore.name, reason: String(error) });
    }
  }
}
