/**
 * A world from a seed: virtual time, a disk, an imaginary worker, and the driver that lets them happen. Every draw comes
 * from the seed, every event from one queue, so a run can be repeated exactly; `traceHash` shows whether it was.
 */
import { silentLog } from '@coterie/env';
import type { Clock, Environment, Log, Timers } from '@coterie/env';
import { SimulatedDisk } from './disk/disk.ts';
import { CrashError } from './disk/faults.ts';
import { SimulatedFiles } from './disk/files.ts';
import type { DiskUser } from './disk/access.ts';
import { JobControl, SimulatedJobs } from './jobs.ts';
import { SeededRandom } from './random.ts';
import { Schedule } from './schedule.ts';
import type { Life } from './schedule.ts';
import { Trace } from './trace.ts';
import { Turns } from './turns.ts';

/** Settings of `createSimulation`. */
export interface SimulationOptions {
  readonly seed: number;
  /** A disk to go on with, such as a clone; restarted if it is down. A new, empty one by default. */
  readonly disk?: SimulatedDisk;
  /** Where log lines go; nowhere by default. */
  readonly log?: Log;
}

/** A clock that can be set. */
export interface SimulatedClock extends Clock {
  /** Sets the wall clock forward or back. Monotonic time goes on. */
  jump(ms: number): void;
}

/** Wall-clock time when virtual time is 0. */
const epochMs = 1_700_000_000_000;
/** A run that has not settled after this much virtual time never will. */
const runLimitMs = 24 * 3_600_000;
const turnMs = 0.02;

/** A world from a seed. */
export function createSimulation(options: SimulationOptions): Simulation {
  return new Simulation(options);
}

/** A world and its driver. */
export class Simulation {
  readonly disk: SimulatedDisk;
  readonly clock: SimulatedClock;
  /** Faults of the imaginary worker thread. */
  readonly jobs: JobControl = new JobControl();
  readonly #log: Log;
  readonly #seed: number;
  readonly #trace = new Trace();
  readonly #schedule = new Schedule(this.#trace);
  #current: { readonly life: Life; readonly environment: Environment } | undefined;
  #skewMs = 0;

  constructor({ seed, disk, log }: SimulationOptions) {
    this.#seed = seed;
    this.#log = log ?? silentLog;
    this.disk = disk ?? new SimulatedDisk(seed);
    if (this.disk.isDown) this.disk.restart(seed);
    this.disk.onOperation = (operation, bytes) => {
      this.#trace.addText(operation.kind);
      this.#trace.addText(operation.path);
      if (operation.position !== undefined) this.#trace.add(operation.position);
      if (bytes !== undefined) this.#trace.addBytes(bytes);
    };
    this.clock = {
      now: () => Math.floor(epochMs + this.#schedule.nowMs + this.#skewMs),
      monotonic: () => this.#schedule.nowMs,
      jump: (ms) => (this.#skewMs += ms),
    };
  }

  /** The world as the running process sees it. After a restart of the disk there is a new one; the old is dead. */
  get environment(): Environment {
    const { life } = this.disk;
    if (this.#current?.life !== life) this.#current = { life, environment: this.#environmentFor(life) };
    return this.#current.environment;
  }

  /** Hash of every event and disk operation so far. */
  get traceHash(): string {
    return this.#trace.digest;
  }

  /**
   * Drives virtual time until `work` settles, and answers as it does.
   * @throws CrashError as soon as power fails · Error when nothing is left to happen and `work` still waits
   */
  async run<T>(work: Promise<T> | (() => Promise<T>)): Promise<T> {
    const promise = typeof work === 'function' ? work() : work;
    let settled = false;
    const settle = (): void => void (settled = true);
    promise.then(settle, settle);
    const untilMs = this.#schedule.nowMs + runLimitMs;
    await this.#drive(() => {
      if (settled) return true;
      if (this.#schedule.nextMs === undefined) throw deadlock(this.#schedule.strays);
      if (this.#schedule.nowMs > untilMs) throw new Error('the work did not settle within a day of virtual time');
      return false;
    });
    return promise;
  }

  /** Lets everything happen that is due within the next `ms` of virtual time. @throws CrashError as soon as power fails */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#schedule.nowMs + ms;
    await this.#drive(() => {
      const { nextMs } = this.#schedule;
      return nextMs === undefined || nextMs > untilMs;
    });
    this.#schedule.spend(Math.max(0, untilMs - this.#schedule.nowMs));
  }

  /** Events, one by one, each after all that followed from the one before, until `isDone`. */
  async #drive(isDone: () => boolean): Promise<void> {
    const turns = new Turns();
    const { life } = this.disk;
    const wasDown = life.ended;
    try {
      for (;;) {
        await turns.next();
        if (life.ended && !wasDown) throw new CrashError('power failed');
        if (isDone()) return;
        this.#schedule.step();
      }
    } finally {
      turns.close();
    }
  }

  #environmentFor(life: Life): Environment {
    const schedule = this.#schedule;
    const random = new SeededRandom(this.#seed, life.number);
    const user: DiskUser = { disk: this.disk, schedule, life, random: new SeededRandom(this.#seed, life.number + 0x10000) };
    const timers: Timers = {
      after: (delayMs, callback) => schedule.after(Math.max(delayMs, 0.001), life, callback),
      turn: () => new Promise((resolve) => void schedule.after(turnMs, life, resolve)),
    };
    const jobs = new SimulatedJobs(user, this.jobs, { clock: this.clock, random });
    return { clock: this.clock, timers, random, files: new SimulatedFiles(user), jobs, log: this.#log };
  }
}

function deadlock(strays: number): Error {
  const hint =
    strays === 0 ? '' : `; ${strays} things were asked of a life that had ended (take simulation.environment again after a restart)`;
  return new Error(`deadlock: nothing is left to happen, and the work still waits${hint}`);
}
