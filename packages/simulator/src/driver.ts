/**
 * Lets events happen one by one, the earliest of all schedules first, each after all that followed from the one before.
 *
 * ```
 *  kernel: network, planned faults          runs nobody's code, so many may happen in one turn of the real event loop
 *  every other schedule: somebody's thread  one event, then a turn in which everything that follows from it is done
 * ```
 */
import { Schedule } from './schedule.ts';
import type { Life, WorldTime } from './schedule.ts';
import { Trace } from './trace.ts';
import { Turns } from './turns.ts';

/** The life of what cannot die. */
export const undyingLife: Life = { number: 0, ended: false };
/** A run that has not settled after this much virtual time never will. */
export const runLimitMs: number = 24 * 3_600_000;

/** The schedules of a world, and its time. */
export class Driver {
  readonly trace: Trace = new Trace();
  readonly time: WorldTime = { nowMs: 0 };
  readonly kernel: Schedule = new Schedule(this.trace, this.time);
  /** Events so far. */
  eventCount = 0;
  readonly #schedules: Schedule[] = [this.kernel];

  /** A schedule for one more thread. */
  newSchedule(): Schedule {
    const schedule = new Schedule(this.trace, this.time);
    this.#schedules.push(schedule);
    return schedule;
  }

  /** Drives until `isDone`, which is asked before each event and told when that is due (`Infinity`: there is none). */
  async drive(isDone: (nextMs: number) => boolean, step: (schedule: Schedule) => void = happen): Promise<void> {
    const turns = new Turns();
    try {
      for (;;) {
        await turns.next();
        for (;;) {
          const schedule = this.#next();
          if (isDone(schedule.nextMs)) return;
          this.eventCount++;
          step(schedule);
          if (schedule !== this.kernel) break;
        }
      }
    } finally {
      turns.close();
    }
  }

  /** The schedule whose event is next; the first of them when several are. */
  #next(): Schedule {
    let best = this.kernel;
    let bestMs = best.nextMs;
    for (const schedule of this.#schedules) {
      const nextMs = schedule.nextMs;
      if (nextMs >= bestMs) continue;
      best = schedule;
      bestMs = nextMs;
    }
    return best;
  }
}

function happen(schedule: Schedule): void {
  schedule.step();
}

/** Watches a promise: tells when it has settled, however. */
export function watch(promise: Promise<unknown>): { readonly settled: boolean } {
  const state = { settled: false };
  const settle = (): void => void (state.settled = true);
  promise.then(settle, settle);
  return state;
}
