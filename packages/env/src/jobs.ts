/**
 * Work off the main thread. A job is a generator over an environment: it yields at the end of each slice (≤ 1 MiB or
 * 20 ms of work), so that a more urgent job can go first and a cancelled one can stop. `env-node` runs jobs in worker
 * threads, in the worker's own environment; `simulator` runs them in turn on the simulated files.
 *
 * ```
 *  start ──▶ running ──▶ done(output)      a job settles exactly once, inside poll(), wait() or an event-loop turn
 *               │  └───▶ failed(error)     thrown, or its worker died, or it made no progress
 *               └──────▶ cancelled
 * ```
 */
import type { Environment } from './environment.ts';

/** The part of the world that a job has. */
export type JobEnvironment = Pick<Environment, 'files' | 'clock' | 'random' | 'log'>;

/** A job's code: yields between slices, returns its output. Input and output are structured-cloneable. */
export type JobFunction<Input, Output> = (environment: JobEnvironment, input: Input) => Generator<void, Output, void>;

/** What to run. `run` is the function itself; `module` and `exportName` say where a worker finds the same function. */
export interface JobSpec<Input, Output> {
  readonly name: string;
  /** URL (`file:`) of a built ES module. */
  readonly module: string;
  readonly exportName: string;
  readonly run: JobFunction<Input, Output>;
  readonly input: Input;
  /** Lower goes first, at every slice. Flushes use 0, compactions 1. */
  readonly priority: number;
}

/** How a job ended. */
export type JobOutcome<Output> =
  | { readonly state: 'done'; readonly output: Output }
  | { readonly state: 'failed'; readonly error: Error }
  | { readonly state: 'cancelled' };

/** A started job. */
export interface Job {
  /** Asks it to stop at its next slice; it then settles as `cancelled`, unless it is done first. */
  cancel(): void;
}

/** Runs jobs. */
export interface Jobs {
  /** Starts a job; `settled` is called exactly once, never inside this call. */
  start<Input, Output>(spec: JobSpec<Input, Output>, settled: (outcome: JobOutcome<Output>) => void): Job;
  /** Calls `settled` for every job that has ended; costs next to nothing when none has. */
  poll(): void;
  /**
   * Blocks the thread until some job ends or `ms` passed, then polls. Returns whether any job settled: false at once when
   * none is running.
   */
  wait(ms: number): boolean;
  /** Has a worker ready that has loaded `module`, so that the first job need not wait for that. Optional: without workers there is nothing to prepare. */
  prepare?(module: string): void;
}
