/**
 * Worker threads that run jobs, as `Jobs`. Workers start with the first job that needs them, or a first one sooner, when somebody says that jobs will come. A job settles in the event
 * loop, or earlier when somebody polls or waits.
 *
 * ```
 *               ┌─ worker says so ──────────────▶ its outcome
 *  start ──▶ on a worker ─ the worker ended ─────▶ failed, details.reason 'worker-died'
 *               └─ no slice for `noProgressMs` ──▶ worker terminated; failed, details.reason 'no-progress'
 * ```
 *
 * A worker that ended takes all its jobs with it and is replaced at the next start. Stalling counts watched time only:
 * a process that was stopped for a minute finds its workers as it left them, and they get their full time again.
 */
import { CoterieError } from '@coterie/env';
import type { Job, JobOutcome, Jobs, JobSpec, Log } from '@coterie/env';
import type { ToWorker } from './job-protocol.ts';
import { WorkerLink } from './worker-link.ts';
import type { PendingJob, WorkerEvents } from './worker-link.ts';

/** Settings of a pool. */
export interface JobPoolOptions {
  /** Worker threads at most. */
  readonly workers: number;
  /** A worker that has jobs and finishes no slice for this long is ended. */
  readonly noProgressMs: number;
  /** For tests: the i-th worker ever started ends itself when it is about to run its slice `dieAtSlices[i]`. */
  readonly dieAtSlices: readonly number[];
}

/** A pool of job workers. */
export class JobPool {
  readonly #options: JobPoolOptions;
  readonly #news = new Int32Array(new SharedArrayBuffer(4));
  readonly #links: WorkerLink[] = [];
  readonly #outcomes: { job: PendingJob; outcome: JobOutcome<unknown> }[] = [];
  readonly #checkMs: number;
  #seen = 0;
  #nextId = 1;
  #started = 0;
  #lookedAtMs = 0;
  #watch: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: JobPoolOptions) {
    this.#options = options;
    this.#checkMs = Math.max(1, Math.min(5_000, options.noProgressMs / 4));
  }

  /** The pool as `Jobs`, whose jobs write to `log`. */
  jobs(log: Log): Jobs {
    return {
      start: (spec, settled) => this.#start(spec as JobSpec<unknown, unknown>, settled as PendingJob['settled'], log),
      poll: () => this.poll(),
      wait: (ms) => this.wait(ms),
      prepare: (module) => this.#prepare(module),
    };
  }

  poll(): void {
    if (Atomics.load(this.#news, 0) === this.#seen && this.#outcomes.length === 0) return;
    this.#collect();
    this.#deliver();
  }

  wait(ms: number): boolean {
    const deadlineMs = performance.now() + ms;
    for (;;) {
      this.#collect();
      if (this.#outcomes.length > 0) break;
      const restMs = deadlineMs - performance.now();
      if (restMs <= 0 || !this.#busy) return false;
      Atomics.wait(this.#news, 0, this.#seen, Math.min(restMs, this.#checkMs));
      this.#observe();
    }
    this.#deliver();
    return true;
  }

  /** Ends the workers; unsettled jobs fail with `CLOSED`. */
  async close(): Promise<void> {
    this.#closed = true;
    const links = this.#links.splice(0);
    await Promise.all(links.map((link) => link.terminate()));
    for (const link of links) this.#abandon(link, new CoterieError('CLOSED', 'the job workers are closed'));
    this.#deliver();
  }

  #start(spec: JobSpec<unknown, unknown>, settled: PendingJob['settled'], log: Log): Job {
    if (this.#closed) throw new CoterieError('CLOSED', `cannot start ${spec.name}: the job workers are closed`);
    const link = this.#linkFor(spec.priority);
    const id = this.#nextId++;
    const { name, module, exportName, priority, input } = spec;
    const message: ToWorker = { kind: 'start', id, module, exportName, input, priority };
    link.start({ id, name, priority, log, settled }, message);
    this.#keepWatch();
    // What was taken in on the way is told later: nothing settles inside a start.
    if (this.#outcomes.length > 0) setImmediate(() => this.#deliver());
    return { cancel: () => link.cancel(id) };
  }

  /** A worker takes 0.1 to 0.3 s until it runs its first job; that time is over by then. */
  #prepare(module: string): void {
    if (this.#closed || this.#links.length > 0) return;
    this.#addLink().prepare(module);
  }

  #linkFor(priority: number): WorkerLink {
    this.#collect();
    const best = leastLoaded(this.#links, priority);
    if (best !== undefined && (best.jobs.size === 0 || this.#links.length >= this.#options.workers)) return best;
    return this.#addLink();
  }

  #addLink(): WorkerLink {
    const link = new WorkerLink(this.#news, this.#events, this.#options.dieAtSlices[this.#started++]);
    this.#links.push(link);
    return link;
  }

  readonly #events: WorkerEvents = {
    arrived: () => {
      this.#collect();
      this.#deliver();
    },
    ended: (link, cause) => {
      if (this.#links.includes(link)) this.#drop(link, died(cause));
      this.#deliver();
    },
  };

  /** Takes in all that workers have sent. `news` is read first: what comes after raises it again. */
  #collect(): void {
    this.#seen = Atomics.load(this.#news, 0);
    for (const link of [...this.#links]) {
      this.#outcomes.push(...link.collect());
      if (link.hasEnded) this.#drop(link, died(undefined));
    }
  }

  #deliver(): void {
    try {
      for (let next = this.#outcomes.shift(); next !== undefined; next = this.#outcomes.shift())
        next.job.settled(next.outcome as JobOutcome<never>);
    } finally {
      // A callback that throws is its owner's bug; the others still get theirs.
      if (this.#outcomes.length > 0) setImmediate(() => this.#deliver());
    }
    if (!this.#busy) this.#endWatch();
  }

  #drop(link: WorkerLink, error: CoterieError): void {
    this.#links.splice(this.#links.indexOf(link), 1);
    void link.terminate();
    this.#abandon(link, error);
  }

  #abandon(link: WorkerLink, error: CoterieError): void {
    this.#outcomes.push(...link.collect());
    for (const job of link.jobs.values()) this.#outcomes.push({ job, outcome: { state: 'failed', error } });
    link.jobs.clear();
  }

  get #busy(): boolean {
    return this.#links.some((link) => link.jobs.size > 0);
  }

  #keepWatch(): void {
    if (this.#watch !== undefined) return;
    this.#lookedAtMs = performance.now();
    this.#watch = setInterval(() => {
      this.#observe();
      this.#deliver();
    }, this.#checkMs).unref();
  }

  #endWatch(): void {
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  #observe(): void {
    const nowMs = performance.now();
    const elapsedMs = Math.min(nowMs - this.#lookedAtMs, this.#checkMs * 1.5);
    this.#lookedAtMs = nowMs;
    for (const link of [...this.#links]) {
      if (link.observe(elapsedMs) >= this.#options.noProgressMs) this.#drop(link, stalled(this.#options.noProgressMs));
    }
  }
}

/** The link with the fewest jobs that would go before one of this priority, then with the fewest at all. */
function leastLoaded(links: readonly WorkerLink[], priority: number): WorkerLink | undefined {
  let best: WorkerLink | undefined;
  let bestLoad = Infinity;
  for (const link of links) {
    let load = 0;
    for (const job of link.jobs.values()) load += job.priority <= priority ? 1 : 0.001;
    if (load < bestLoad) {
      best = link;
      bestLoad = load;
    }
  }
  return best;
}

function died(cause: Error | undefined): CoterieError {
  const message = `the worker thread that ran the job ended${cause === undefined ? '' : `: ${cause.message}`}`;
  return new CoterieError('REMOTE', message, { cause, retryable: true, details: { reason: 'worker-died' } });
}

function stalled(noProgressMs: number): CoterieError {
  const message = `the job got nothing done for ${noProgressMs} ms, and its worker thread was ended`;
  return new CoterieError('REMOTE', message, { retryable: true, details: { reason: 'no-progress' } });
}
