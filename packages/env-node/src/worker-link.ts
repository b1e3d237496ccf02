/**
 * The main thread's end of one job worker: the thread, its port, the jobs it has not settled, and whether it still gets
 * anything done. What a death means is decided by the pool; this only notices it.
 */
import { receiveMessageOnPort, MessageChannel, Worker } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import type { JobOutcome, Log } from '@coterie/env';
import { ended, heartbeat, unpackOutcome } from './job-protocol.ts';
import type { FromWorker, ToWorker, WorkerSetup } from './job-protocol.ts';

/** A job that a worker has not settled. */
export interface PendingJob {
  readonly id: number;
  readonly name: string;
  readonly priority: number;
  readonly log: Log;
  readonly settled: (outcome: JobOutcome<never>) => void;
}

/** What a link tells its pool. */
export interface WorkerEvents {
  /** A message arrived by the event loop. */
  arrived(link: WorkerLink): void;
  /** The thread has ended. */
  ended(link: WorkerLink, cause: Error | undefined): void;
}

/** The built script, found from `src` (tests) and from `dist` alike. */
const script = new URL('../dist/job-worker.js', import.meta.url);

/** A running worker thread and the jobs it has. */
export class WorkerLink {
  readonly jobs: Map<number, PendingJob> = new Map();
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #vitals = new Int32Array(new SharedArrayBuffer(8));
  readonly #outcomes: { job: PendingJob; outcome: JobOutcome<unknown> }[] = [];
  #cause: Error | undefined;
  #lastBeat = 0;
  #stalledMs = 0;

  constructor(news: Int32Array, events: WorkerEvents, dieAtSlice: number | undefined) {
    const channel = new MessageChannel();
    this.#port = channel.port1;
    const setup: WorkerSetup = { port: channel.port2, news, vitals: this.#vitals, dieAtSlice };
    // The parent's flags are not the worker's: `--input-type`, test loaders and the like would keep it from starting.
    this.#worker = new Worker(script, { workerData: setup, transferList: [channel.port2], execArgv: [], name: 'coterie-jobs' });
    this.#worker.on('error', (error) => (this.#cause = error));
    this.#worker.on('exit', () => events.ended(this, this.#cause));
    this.#port.on('message', (message: FromWorker) => {
      this.#take(message);
      events.arrived(this);
    });
    this.#letGo();
  }

  /** Whether the worker said that it has ended. A death that runs no code in the worker shows by `events.ended` only. */
  get hasEnded(): boolean {
    return Atomics.load(this.#vitals, ended) === 1;
  }

  /** Sends a job. While it has any, the worker keeps the process alive: somebody may be awaiting them. */
  start(job: PendingJob, message: ToWorker): void {
    this.#port.postMessage(message);
    if (this.jobs.size === 0) this.#keepAlive();
    this.jobs.set(job.id, job);
    this.#stalledMs = 0;
  }

  /** Has the worker load a module that jobs will come from. */
  prepare(module: string): void {
    const message: ToWorker = { kind: 'prepare', module };
    this.#port.postMessage(message);
  }

  cancel(id: number): void {
    if (!this.jobs.has(id)) return;
    const message: ToWorker = { kind: 'cancel', id };
    this.#port.postMessage(message);
  }

  /** Takes in what the worker has sent; returns the outcomes, each once. */
  collect(): { job: PendingJob; outcome: JobOutcome<unknown> }[] {
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      this.#take(next.message as FromWorker);
    }
    return this.#outcomes.splice(0);
  }

  /** Adds `elapsedMs` of watching; returns how long the worker has had jobs and got nothing done. */
  observe(elapsedMs: number): number {
    const beat = Atomics.load(this.#vitals, heartbeat);
    const stalled = this.jobs.size > 0 && beat === this.#lastBeat;
    this.#stalledMs = stalled ? this.#stalledMs + elapsedMs : 0;
    this.#lastBeat = beat;
    return this.#stalledMs;
  }

  /** Ends the thread. Its jobs stay in `jobs`. */
  async terminate(): Promise<void> {
    this.#letGo();
    await this.#worker.terminate();
  }

  /** Both: the port alone closes before the news of a thread's death arrives. */
  #keepAlive(): void {
    this.#worker.ref();
    this.#port.ref();
  }

  #letGo(): void {
    this.#worker.unref();
    this.#port.unref();
  }

  #take(message: FromWorker): void {
    const job = this.jobs.get(message.id);
    if (job === undefined) return;
    if (message.kind === 'log') return job.log[message.level](message.event, { ...message.fields, job: job.name });
    this.jobs.delete(message.id);
    if (this.jobs.size === 0) this.#letGo();
    this.#outcomes.push({ job, outcome: unpackOutcome(message.outcome) });
  }
}
