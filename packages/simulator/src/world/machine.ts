/**
 * One machine of a world: a disk, a clock, a thread, a random stream, and the process that lives on it.
 *
 * ```
 *            ┌────────────── restart() ◀──────────────┐
 *            ▼                                        │
 *          up (life n) ──crash(): power fails──▶ down, sockets silent
 *          │ ▲      └────kill(): the process ends──▶ down, disk whole, sockets reset
 *   pause()│ │resume()                                (a disk fault 'crash' is a crash too)
 *          ▼ │
 *        paused: events wait, the network fills its buffers
 * ```
 */
import { silentLog } from '@coterie/env';
import type { Environment, Log, Timers } from '@coterie/env';
import type { DiskUser } from '../disk/access.ts';
import { SimulatedDisk } from '../disk/disk.ts';
import { CrashError } from '../disk/faults.ts';
import { SimulatedFiles } from '../disk/files.ts';
import { JobControl, SimulatedJobs } from '../jobs.ts';
import type { SimulatedNetwork } from '../network/network.ts';
import { SeededRandom } from '../random.ts';
import type { Life, Schedule } from '../schedule.ts';
import type { Trace } from '../trace.ts';
import { MachineClock } from './clock.ts';

/** What a machine is made of. */
export interface MachineParts {
  readonly name: string;
  readonly seed: number;
  readonly schedule: Schedule;
  readonly network: SimulatedNetwork;
  readonly trace: Trace;
  readonly disk?: SimulatedDisk | undefined;
  readonly log?: Log | undefined;
}

const turnMs = 0.02;
const shortestTimerMs = 0.001;

/** A machine. */
export class Machine {
  readonly name: string;
  readonly disk: SimulatedDisk;
  readonly clock: MachineClock;
  /** Gone for good: no fault that ends brings it back. */
  isScrapped = false;
  /** Faults of the imaginary worker thread. */
  readonly jobs: JobControl = new JobControl();
  readonly #seed: number;
  readonly #schedule: Schedule;
  readonly #network: SimulatedNetwork;
  readonly #log: Log;
  #current: { readonly life: Life; readonly environment: Environment } | undefined;
  #watched: Life;
  #endNoticed = false;
  readonly #whenDead = new Set<() => void>();
  #program: ((environment: Environment) => void) | undefined;

  constructor({ name, seed, schedule, network, trace, disk, log }: MachineParts) {
    this.name = name;
    this.#seed = seed;
    this.#schedule = schedule;
    this.#network = network;
    this.#log = log ?? silentLog;
    this.disk = disk ?? new SimulatedDisk(seed);
    if (this.disk.isDown) this.disk.restart(seed);
    traceDisk(this.disk, trace);
    this.clock = new MachineClock(schedule);
    this.#watched = this.disk.life;
  }

  /** The world as its running process sees it. After a restart there is a new one; the old is dead. */
  get environment(): Environment {
    const { life } = this.disk;
    if (this.#current?.life !== life) this.#current = { life, environment: this.#environmentFor(life) };
    return this.#current.environment;
  }

  /** Whether a process lives on it, paused or not. */
  get isUp(): boolean {
    return !this.disk.isDown;
  }

  get isPaused(): boolean {
    return this.#schedule.paused;
  }

  /** Lives so far. */
  get lives(): number {
    return this.disk.life.number;
  }

  /** What runs on it: called in each new life, and soon in this one. */
  onStart(program: (environment: Environment) => void): void {
    this.#program = program;
    if (this.isUp) this.#start();
  }

  /** Power fails: what was not synced may be lost, decided by `seed`; nobody is told; what it promised never settles. */
  crash(seed?: number): void {
    this.disk.crash(seed);
    this.notice();
  }

  /** The process ends as by `kill -9`: the disk keeps what was written, peers see their connections reset. */
  kill(): void {
    this.#network.processEnded(this.disk.life, this.name, 'lives');
    this.disk.kill();
    this.notice();
  }

  /** A new life begins on what the disk kept; power fails first if it is on. */
  restart(seed?: number): void {
    if (this.isUp) this.crash(seed);
    this.disk.restart(seed);
    this.notice();
  }

  /** Stops its process in its tracks until `resume`: nothing of it happens, and time goes on. */
  pause(): void {
    this.#schedule.paused = true;
  }

  resume(): void {
    this.#schedule.paused = false;
  }

  /** Answers as `work` does, unless the machine's process ends first. @throws CrashError then */
  during<T>(work: () => Promise<T>): Promise<T> {
    if (!this.isUp) return Promise.reject(new CrashError(`${this.name} is down`));
    return new Promise((resolve, reject) => {
      const tell = (): void => reject(new CrashError(`${this.name} went down`));
      this.#whenDead.add(tell);
      work()
        .then(resolve, reject)
        .finally(() => this.#whenDead.delete(tell));
    });
  }

  /** @internal Looks whether the process has ended or begun since, and does what follows from that. */
  notice(): void {
    if (!this.#watched.ended) return;
    if (!this.#endNoticed) this.#processEnded();
    if (this.disk.life === this.#watched) return;
    this.#watched = this.disk.life;
    this.#endNoticed = false;
    this.#start();
  }

  #start(): void {
    const program = this.#program;
    if (program !== undefined) this.#schedule.after(0, this.disk.life, () => program(this.environment));
  }

  #processEnded(): void {
    this.#endNoticed = true;
    this.#network.processEnded(this.#watched, this.name, 'died');
    this.#schedule.paused = false;
    this.#schedule.sweep();
    for (const tell of this.#whenDead) tell();
    this.#whenDead.clear();
  }

  #environmentFor(life: Life): Environment {
    const schedule = this.#schedule;
    const random = new SeededRandom(this.#seed, life.number);
    const user: DiskUser = { disk: this.disk, schedule, life, random: new SeededRandom(this.#seed, life.number + 0x10000) };
    const timers: Timers = {
      after: (delayMs, callback) => schedule.after(Math.max(this.clock.toWorldMs(delayMs), shortestTimerMs), life, callback),
      turn: () => new Promise((resolve) => void schedule.after(turnMs, life, resolve)),
    };
    const jobs = new SimulatedJobs(user, this.jobs, { clock: this.clock, random });
    const network = this.#network.networkOf({ machine: this.name, schedule, life, isUp: () => this.isUp });
    return { clock: this.clock, timers, random, files: new SimulatedFiles(user), network, jobs, log: this.#log };
  }
}

function traceDisk(disk: SimulatedDisk, trace: Trace): void {
  disk.onOperation = (operation, bytes) => {
    trace.addText(operation.kind);
    trace.addText(operation.path);
    if (operation.position !== undefined) trace.add(operation.position);
    if (bytes !== undefined) trace.addBytes(bytes);
  };
}
