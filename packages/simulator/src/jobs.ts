/**
 * Jobs under the simulator: one imaginary worker thread whose slices are events of virtual time, so that they come between
 * the turns of the main thread in a seeded rhythm, or inside `wait`, where the main thread stands still.
 *
 * ```
 *  start ──▶ ready ──slice event, or slice inside wait()──▶ ended ──poll(), wait() or the next event──▶ settled
 *                        │ fault 'worker-death': all jobs of the worker fail; what they wrote stays as it is
 *                        └ fault 'no-progress': the same, a minute later
 * ```
 *
 * Input and output are cloned as between threads; SharedArrayBuffers stay shared.
 */
import { CoterieError, silentLog } from '@coterie/env';
import type { Job, JobEnvironment, JobFunction, JobOutcome, Jobs, JobSpec } from '@coterie/env';
import { SimulatedFiles } from './disk/files.ts';
import type { DiskUser } from './disk/access.ts';
import { CrashError } from './disk/faults.ts';

/** A moment in the life of a job at which it can be struck. */
export interface JobStep {
  readonly job: string;
  /** `slice`: it is about to run one. `operation`: it is about to do a file operation within one. */
  readonly kind: 'slice' | 'operation';
  /** Steps of this kind before, over all jobs of the simulation. */
  readonly index: number;
}

/** What can happen to a job's worker. */
export type JobFault = 'worker-death' | 'no-progress';

/** Decides over each step of each job. */
export type JobFaultPlan = (step: JobStep) => JobFault | undefined;

/** The simulated worker's fate, kept over all lives of a simulation. */
export class JobControl {
  /** Slices run so far. */
  sliceCount = 0;
  /** File operations made by jobs so far. */
  operationCount = 0;
  #plan: JobFaultPlan | undefined;

  /** Lets `plan` decide over every step from now on; `undefined` ends that. */
  setFault(plan: JobFaultPlan | undefined): void {
    this.#plan = plan;
  }

  /** @internal */
  strike(job: string, kind: JobStep['kind']): JobFault | undefined {
    const index = kind === 'slice' ? this.sliceCount++ : this.operationCount++;
    return this.#plan?.({ job, kind, index });
  }
}

interface RunningJob {
  readonly name: string;
  readonly priority: number;
  readonly order: number;
  readonly files: SimulatedFiles;
  readonly steps: Generator<void, unknown, void>;
  readonly settled: (outcome: JobOutcome<never>) => void;
  readonly end: WorkerFate;
  cancelled: boolean;
}

/** Set once a job's worker was struck in the midst of a slice. */
interface WorkerFate {
  fault?: JobFault;
}

/** Ends a slice from within. The job's `finally` blocks run, but every file operation in them meets it too. */
class WorkerEnd extends Error {
  constructor(fault: JobFault) {
    super(`the simulated worker ended: ${fault}`);
  }
}

const noProgressMs = 60_000;
const sliceMs = [0.05, 4] as const;

/** Jobs of one life. */
export class SimulatedJobs implements Jobs {
  readonly #user: DiskUser;
  readonly #control: JobControl;
  readonly #environment: Omit<JobEnvironment, 'files' | 'log'>;
  #ready: RunningJob[] = [];
  readonly #ended: { job: RunningJob; outcome: JobOutcome<unknown> }[] = [];
  #started = 0;
  #sliceScheduled = false;
  #deliveryScheduled = false;
  /** Set while the worker hangs: when it is given up, and its jobs. */
  #hung: { untilMs: number; jobs: RunningJob[] } | undefined;

  constructor(user: DiskUser, control: JobControl, environment: Omit<JobEnvironment, 'files' | 'log'>) {
    this.#user = user;
    this.#control = control;
    this.#environment = environment;
  }

  start<Input, Output>(spec: JobSpec<Input, Output>, settled: (outcome: JobOutcome<Output>) => void): Job {
    this.#user.disk.assertAlive(this.#user.life, { kind: 'start job', path: spec.name });
    const end: WorkerFate = {};
    const files = new SimulatedFiles({ ...this.#user, gate: () => this.#gate(spec.name, end) });
    const steps = begin(spec.run, structuredClone(spec.input), { ...this.#environment, files, log: silentLog });
    const { name, priority } = spec;
    const job: RunningJob = { name, priority, order: this.#started++, files, steps, settled, end, cancelled: false };
    this.#ready.push(job);
    this.#ready.sort((a, b) => a.priority - b.priority || a.order - b.order);
    this.#scheduleSlice();
    return { cancel: () => (job.cancelled = true) };
  }

  poll(): void {
    for (let next = this.#ended.shift(); next !== undefined; next = this.#ended.shift())
      next.job.settled(next.outcome as JobOutcome<never>);
  }

  wait(ms: number): boolean {
    const { schedule } = this.#user;
    const untilMs = schedule.nowMs + ms;
    while (this.#ended.length === 0 && schedule.nowMs < untilMs && this.#busy) this.#passTime(untilMs);
    const any = this.#ended.length > 0;
    this.poll();
    return any;
  }

  get #busy(): boolean {
    return this.#ready.length > 0 || this.#hung !== undefined;
  }

  #passTime(untilMs: number): void {
    const { schedule } = this.#user;
    if (this.#ready.length > 0) {
      schedule.spend(this.#sliceLength());
      return this.#slice();
    }
    const hungMs = this.#hung?.untilMs ?? Infinity;
    schedule.spend(Math.max(0, Math.min(untilMs, hungMs) - schedule.nowMs));
    if (schedule.nowMs >= hungMs) this.#giveUp();
  }

  #slice(): void {
    const job = this.#ready[0];
    const fault = this.#control.strike(job.name, 'slice');
    if (fault !== undefined) return this.#endWorker(fault);
    try {
      const step = job.cancelled ? stop(job) : job.steps.next();
      if (job.end.fault !== undefined) this.#endWorker(job.end.fault);
      else if (step === 'stopped') this.#end(job, { state: 'cancelled' });
      else if (step.done === true) this.#end(job, { state: 'done', output: structuredClone(step.value) });
    } catch (error) {
      if (error instanceof CrashError) throw error;
      if (job.end.fault !== undefined) this.#endWorker(job.end.fault);
      else this.#end(job, { state: 'failed', error: error instanceof Error ? error : new Error(String(error)) });
    }
  }

  #end(job: RunningJob, outcome: JobOutcome<unknown>): void {
    this.#ready = this.#ready.filter((other) => other !== job);
    this.#ended.push({ job, outcome });
    this.#scheduleDelivery();
  }

  /** Called before a job's file operations. Once struck, the job can touch no file any more. */
  #gate(name: string, end: WorkerFate): void {
    const fault = end.fault ?? this.#control.strike(name, 'operation');
    if (fault === undefined) return;
    end.fault = fault;
    throw new WorkerEnd(fault);
  }

  #endWorker(fault: JobFault): void {
    const jobs = this.#ready;
    this.#ready = [];
    if (fault === 'worker-death') return this.#fail(jobs, 'worker-died');
    const hung = { untilMs: this.#user.schedule.nowMs + noProgressMs, jobs };
    this.#hung = hung;
    this.#after(noProgressMs, () => this.#hung === hung && this.#giveUp());
  }

  #giveUp(): void {
    const jobs = this.#hung?.jobs ?? [];
    this.#hung = undefined;
    this.#fail(jobs, 'no-progress');
    this.#scheduleSlice();
  }

  #fail(jobs: readonly RunningJob[], reason: string): void {
    for (const job of jobs) {
      job.files.abandon();
      const error = new CoterieError('REMOTE', `the simulated worker that ran ${job.name} ended: ${reason}`, {
        retryable: true,
        details: { reason },
      });
      this.#end(job, { state: 'failed', error });
    }
  }

  #scheduleSlice(): void {
    if (this.#sliceScheduled || this.#ready.length === 0) return;
    this.#sliceScheduled = true;
    this.#after(this.#sliceLength(), () => {
      this.#sliceScheduled = false;
      if (this.#ready.length > 0) this.#slice();
      this.#scheduleSlice();
    });
  }

  #scheduleDelivery(): void {
    if (this.#deliveryScheduled) return;
    this.#deliveryScheduled = true;
    this.#after(0.02, () => {
      this.#deliveryScheduled = false;
      this.poll();
    });
  }

  #after(delayMs: number, callback: () => void): void {
    this.#user.schedule.after(delayMs, this.#user.life, callback);
  }

  #sliceLength(): number {
    return sliceMs[0] + (sliceMs[1] - sliceMs[0]) * this.#user.random.fraction();
  }
}

/** The function is called in the first slice, not at the start, as a worker would. */
function* begin<Input, Output>(run: JobFunction<Input, Output>, input: Input, environment: JobEnvironment): Generator<void, Output, void> {
  return yield* run(environment, input);
}

function stop(job: RunningJob): 'stopped' {
  try {
    job.steps.return(undefined);
  } catch (error) {
    if (error instanceof CrashError) throw error;
  }
  return 'stopped';
}
