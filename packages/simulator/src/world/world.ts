/**
 * A world of many machines from one seed: virtual time, a network, and the driver that lets events happen one by one.
 * Every draw comes from the seed and every event from the machines' queues, the earliest first, so a run can be repeated
 * exactly; `traceHash` shows whether it was.
 *
 * A machine's end does not end the run: what it promised never settles, as with dead processes.
 */
import type { Log, Timers } from '@coterie/env';
import { CrashError } from '../disk/faults.ts';
import type { SimulatedDisk } from '../disk/disk.ts';
import { SimulatedNetwork } from '../network/network.ts';
import type { SimulatedNetworkOptions } from '../network/network.ts';
import { SeededRandom } from '../random.ts';
import { Driver, runLimitMs, undyingLife, watch } from '../driver.ts';
import type { Schedule } from '../schedule.ts';
import { Machine } from './machine.ts';

/** Settings of `createWorld`. */
export interface WorldOptions {
  readonly seed: number;
  readonly network?: SimulatedNetworkOptions;
  /** Where the log lines of a machine go; nowhere by default. */
  readonly log?: (machine: string) => Log;
}

/** A world without machines. */
export function createWorld(options: WorldOptions): World {
  return new World(options);
}

/** A world and its driver. */
export class World {
  readonly network: SimulatedNetwork;
  /** Randomness for whoever drives the world: workloads, faults. */
  readonly random: SeededRandom;
  /** Timers of whoever drives the world; no crash ends them. */
  readonly timers: Timers;
  readonly #seed: number;
  readonly #log: WorldOptions['log'];
  readonly #driver = new Driver();
  readonly #machines = new Map<string, Machine>();

  constructor({ seed, network, log }: WorldOptions) {
    this.#seed = seed;
    this.#log = log;
    this.random = new SeededRandom(seed, 0x776f726c);
    this.timers = undyingTimers(this.#driver.newSchedule());
    const isUp = (name: string): boolean | undefined => this.#machines.get(name)?.isUp;
    this.network = new SimulatedNetwork(seed, { kernel: this.#driver.kernel, trace: this.#driver.trace, isUp }, network);
  }

  /** The machine of this name (letters, digits, `-`, `_`), made when it is first asked for. */
  machine(name: string, options: { readonly disk?: SimulatedDisk } = {}): Machine {
    const known = this.#machines.get(name);
    if (known !== undefined) return known;
    const schedule = this.#driver.newSchedule();
    const seed = mix(this.#seed, name);
    const { trace } = this.#driver;
    const machine = new Machine({ name, seed, schedule, trace, network: this.network, disk: options.disk, log: this.#log?.(name) });
    this.#machines.set(name, machine);
    return machine;
  }

  /** All machines, in the order in which they were made. */
  get machines(): readonly Machine[] {
    return [...this.#machines.values()];
  }

  /** Virtual milliseconds since the beginning. */
  get nowMs(): number {
    return this.#driver.time.nowMs;
  }

  /** Events so far. */
  get eventCount(): number {
    return this.#driver.eventCount;
  }

  /** Hash of every event, delivery and disk operation so far. */
  get traceHash(): string {
    return this.#driver.trace.digest;
  }

  /**
   * Drives virtual time until `work` settles, and answers as it does.
   * @throws Error when nothing is left to happen and `work` still waits, as it does when it awaits a machine that went down
   */
  async run<T>(work: Promise<T> | (() => Promise<T>)): Promise<T> {
    const promise = typeof work === 'function' ? work() : work;
    const watched = watch(promise);
    const untilMs = this.nowMs + runLimitMs;
    await this.#drive((next) => {
      if (watched.settled) return true;
      if (next === Infinity) throw new Error('deadlock: nothing is left to happen, and the work still waits');
      if (next > untilMs) throw new Error('the work did not settle within a day of virtual time');
      return false;
    });
    return promise;
  }

  /** Lets everything happen that is due within the next `ms` of virtual time. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    await this.#drive((next) => next > untilMs);
    this.#driver.time.nowMs = Math.max(untilMs, this.nowMs);
  }

  #drive(isDone: (nextMs: number) => boolean): Promise<void> {
    return this.#driver.drive(isDone, (schedule) => {
      try {
        schedule.step();
      } catch (error) {
        if (!(error instanceof CrashError)) throw error;
      }
      for (const machine of this.#machines.values()) machine.notice();
    });
  }
}

function undyingTimers(schedule: Schedule): Timers {
  return {
    after: (delayMs, callback) => schedule.after(Math.max(delayMs, 0.001), undyingLife, callback),
    turn: () => new Promise((resolve) => void schedule.after(0.02, undyingLife, resolve)),
  };
}

/** A seed for each name. FNV-1a. */
function mix(seed: number, name: string): number {
  let hash = seed ^ 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
