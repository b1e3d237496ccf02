/**
 * The order of work inside a worker: of all jobs that can run, the one with the lowest priority number gets the next
 * slice, the oldest among equals. A flush thus waits for at most one slice of a compaction.
 *
 * ```
 *  add ──▶ loading (its module is imported) ──▶ ready ──slice──▶ ready ... ──▶ ended(outcome)
 *              └──── cancel ────▶ ended          └─ cancel ─▶ ended at its next slice, its `finally` blocks run
 * ```
 */
import { packError } from './job-protocol.ts';
import type { SentOutcome } from './job-protocol.ts';

/** A job inside a worker. */
export interface RunningJob {
  readonly id: number;
  readonly priority: number;
  readonly steps: Generator<void, unknown, void>;
}

/** Jobs ready to run, and who is next. */
export class JobScheduler {
  readonly #ready: RunningJob[] = [];
  readonly #cancelled = new Set<number>();

  /** Whether no job can run now. */
  get idle(): boolean {
    return this.#ready.length === 0;
  }

  add(job: RunningJob): void {
    const at = this.#ready.findIndex((other) => other.priority > job.priority || (other.priority === job.priority && other.id > job.id));
    this.#ready.splice(at === -1 ? this.#ready.length : at, 0, job);
  }

  has(id: number): boolean {
    return this.#ready.some((job) => job.id === id);
  }

  /** The job stops at its next slice. */
  cancel(id: number): void {
    this.#cancelled.add(id);
  }

  isCancelled(id: number): boolean {
    return this.#cancelled.has(id);
  }

  forget(id: number): void {
    this.#cancelled.delete(id);
  }

  /** Runs one slice of the most urgent job. Returns it and its outcome if that was its last. */
  runSlice(): { id: number; outcome: SentOutcome } | undefined {
    const job = this.#ready[0];
    const outcome = this.isCancelled(job.id) ? stopJob(job) : stepJob(job);
    if (outcome === undefined) return undefined;
    this.#ready.shift();
    this.forget(job.id);
    return { id: job.id, outcome };
  }
}

function stepJob(job: RunningJob): SentOutcome | undefined {
  try {
    const step = job.steps.next();
    return step.done === true ? { state: 'done', output: step.value } : undefined;
  } catch (error) {
    return { state: 'failed', error: packError(error) };
  }
}

function stopJob(job: RunningJob): SentOutcome {
  try {
    job.steps.return(undefined);
  } catch {
    // It was told to stop, and what its `finally` blocks could not do is the caller's to clean up, as after a death.
  }
  return { state: 'cancelled' };
}
