/**
 * A world of one machine from a seed: virtual time, a disk, an imaginary worker, and the driver that lets them happen.
 * Every draw comes from the seed, every event from one queue, so a run can be repeated exactly; `traceHash` shows whether
 * it was. A world of many machines is `world/world.ts`.
 */
import type { Environment, Log } from '@coterie/env';
import type { SimulatedDisk } from './disk/disk.ts';
import { CrashError } from './disk/faults.ts';
import { Driver, runLimitMs, watch } from './driver.ts';
import type { JobControl } from './jobs.ts';
import { SimulatedNetwork } from './network/network.ts';
import type { SimulatedClock } from './world/clock.ts';
import { Machine } from './world/machine.ts';

/** Settings of `createSimulation`. */
export interface SimulationOptions {
  readonly seed: number;
  /** A disk to go on with, such as a clone; restarted if it is down. A new, empty one by default. */
  readonly disk?: SimulatedDisk;
  /** Where log lines go; nowhere by default. */
  readonly log?: Log;
}

/** A world of one machine. */
export function createSimulation(options: SimulationOptions): Simulation {
  return new Simulation(options);
}

/** A world of one machine and its driver. Other than in a `World`, power failing ends what is being run. */
export class Simulation {
  readonly #driver = new Driver();
  readonly #schedule = this.#driver.newSchedule();
  readonly #machine: Machine;

  constructor({ seed, disk, log }: SimulationOptions) {
    const { kernel, trace } = this.#driver;
    const name = 'localhost';
    const network = new SimulatedNetwork(seed, { kernel, trace, isUp: (host) => (host === name ? this.#machine.isUp : undefined) });
    this.#machine = new Machine({ name, seed, schedule: this.#schedule, network, trace, disk, log });
  }

  get disk(): SimulatedDisk {
    return this.#machine.disk;
  }

  get clock(): SimulatedClock {
    return this.#machine.clock;
  }

  /** Faults of the imaginary worker thread. */
  get jobs(): JobControl {
    return this.#machine.jobs;
  }

  /** The world as the running process sees it. After a restart of the disk there is a new one; the old is dead. */
  get environment(): Environment {
    this.#machine.notice();
    return this.#machine.environment;
  }

  /** Hash of every event and disk operation so far. */
  get traceHash(): string {
    return this.#driver.trace.digest;
  }

  /**
   * Drives virtual time until `work` settles, and answers as it does.
   * @throws CrashError as soon as power fails · Error when nothing is left to happen and `work` still waits
   */
  async run<T>(work: Promise<T> | (() => Promise<T>)): Promise<T> {
    const promise = typeof work === 'function' ? work() : work;
    const watched = watch(promise);
    const untilMs = this.#schedule.nowMs + runLimitMs;
    await this.#drive((nextMs) => {
      if (watched.settled) return true;
      if (nextMs === Infinity) throw deadlock(this.#schedule.strays);
      if (this.#schedule.nowMs > untilMs) throw new Error('the work did not settle within a day of virtual time');
      return false;
    });
    return promise;
  }

  /** Lets everything happen that is due within the next `ms` of virtual time. @throws CrashError as soon as power fails */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#schedule.nowMs + ms;
    await this.#drive((nextMs) => nextMs > untilMs);
    this.#schedule.spend(Math.max(0, untilMs - this.#schedule.nowMs));
  }

  async #drive(isDone: (nextMs: number) => boolean): Promise<void> {
    const { life } = this.disk;
    const wasDown = life.ended;
    await this.#driver.drive((nextMs) => {
      if (life.ended && !wasDown) throw new CrashError('power failed');
      return isDone(nextMs);
    });
  }
}

function deadlock(strays: number): Error {
  const hint =
    strays === 0 ? '' : `; ${strays} things were asked of a life that had ended (take simulation.environment again after a restart)`;
  return new Error(`deadlock: nothing is left to happen, and the work still waits${hint}`);
}
