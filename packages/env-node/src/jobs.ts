/**
 * Who shares which workers: by default one pool serves the whole process, however many stores it has open, so that
 * background work never takes more than `min(2, cores - 1)` threads. Tests make pools of their own and end them.
 */
import { availableParallelism } from 'node:os';
import { silentLog } from '@coterie/env';
import type { Jobs, Log } from '@coterie/env';
import { JobPool } from './job-pool.ts';

/** Settings of `createNodeJobs`. */
export interface NodeJobsOptions {
  /** Worker threads at most; `min(2, cores - 1)` and at least 1 by default. */
  readonly workers?: number;
  /** A worker that has jobs and finishes no slice for this long is ended. 60 s by default. */
  readonly noProgressMs?: number;
  /** Where the jobs' log lines go. */
  readonly log?: Log;
  /** For tests: the i-th worker started ends itself when it is about to run its slice `dieAtSlices[i]`. */
  readonly dieAtSlices?: readonly number[];
}

/** Jobs on workers of their own. */
export interface NodeJobs extends Jobs {
  /** Ends the workers; jobs that have not settled fail with `CLOSED`. */
  close(): Promise<void>;
}

/** Jobs on a new pool of worker threads. */
export function createNodeJobs(options: NodeJobsOptions = {}): NodeJobs {
  const pool = createPool(options);
  return { ...pool.jobs(options.log ?? silentLog), close: () => pool.close() };
}

let shared: JobPool | undefined;

/** Jobs on the pool that the whole process shares. Idle workers do not keep the process alive; running jobs do. */
export function nodeJobs(log: Log = silentLog): Jobs {
  shared ??= createPool({});
  return shared.jobs(log);
}

function createPool(options: NodeJobsOptions): JobPool {
  const { workers = Math.max(1, Math.min(2, availableParallelism() - 1)), noProgressMs = 60_000, dieAtSlices = [] } = options;
  return new JobPool({ workers, noProgressMs, dieAtSlices });
}
