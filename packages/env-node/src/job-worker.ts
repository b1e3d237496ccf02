/**
 * The script of a job worker thread: takes jobs from its port, imports their modules, and drives their generators a
 * slice at a time (`job-scheduler.ts`). Before each slice it looks into its port, so a more urgent job or a cancel is
 * seen at the next slice; after each it goes round its event loop, where imports finish.
 */
import { setPriority } from 'node:os';
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { JobEnvironment, JobFunction, Log } from '@coterie/env';
import { nodeClock } from './clock.ts';
import { nodeFiles } from './files.ts';
import { ended, heartbeat, packError } from './job-protocol.ts';
import type { FromWorker, LogLevel, SentOutcome, ToWorker, WorkerSetup } from './job-protocol.ts';
import { JobScheduler } from './job-scheduler.ts';
import { nodeRandom } from './random.ts';

const { port, news, vitals, dieAtSlice } = workerData as WorkerSetup;
const scheduler = new JobScheduler();
const loading = new Set<number>();
const files = nodeFiles();
let scheduled = false;
let slices = 0;

/**
 * Where cores are short, the thread that answers callers goes first: without this a slice of a job made it wait for whole
 * scheduler periods of 4 ms. On Linux a priority belongs to a thread; elsewhere it would be the whole process's.
 */
const niceness = 5;
if (process.platform === 'linux') setPriority(0, niceness);

port.on('message', (message: ToWorker) => {
  take(message);
  schedule();
});

// Ends that run no JavaScript (out of memory, terminated) are seen by the main thread's event loop instead.
process.on('exit', () => {
  Atomics.store(vitals, ended, 1);
  announce();
});

function schedule(): void {
  if (scheduled || scheduler.idle) return;
  scheduled = true;
  setImmediate(turn);
}

function turn(): void {
  scheduled = false;
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) take(next.message as ToWorker);
  if (!scheduler.idle) {
    if (slices++ === dieAtSlice) process.exit(70);
    const last = scheduler.runSlice();
    if (last !== undefined) settle(last.id, last.outcome);
    beat();
  }
  schedule();
}

function take(message: ToWorker): void {
  beat();
  if (message.kind === 'start') void load(message);
  // A module that does not load fails the jobs that come from it.
  else if (message.kind === 'prepare') import(message.module).catch(() => {});
  else if (loading.has(message.id) || scheduler.has(message.id)) scheduler.cancel(message.id);
}

async function load(job: Extract<ToWorker, { kind: 'start' }>): Promise<void> {
  loading.add(job.id);
  try {
    const code: unknown = ((await import(job.module)) as Record<string, unknown>)[job.exportName];
    if (typeof code !== 'function') throw new Error(`${job.module} exports no function ${job.exportName}`);
    const steps = (code as JobFunction<unknown, unknown>)(environmentOf(job.id), job.input);
    scheduler.add({ id: job.id, priority: job.priority, steps });
  } catch (error) {
    settle(job.id, { state: 'failed', error: packError(error) });
  }
  loading.delete(job.id);
  schedule();
}

function environmentOf(id: number): JobEnvironment {
  const say =
    (level: LogLevel): Log['info'] =>
    (event, fields) =>
      post({ kind: 'log', id, level, event, fields });
  const log: Log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  return { files, clock: nodeClock, random: nodeRandom, log };
}

function settle(id: number, outcome: SentOutcome): void {
  scheduler.forget(id);
  try {
    post({ kind: 'settled', id, outcome });
  } catch (error) {
    // An output that cannot be sent (a function in it, say) is the job's failure.
    post({ kind: 'settled', id, outcome: { state: 'failed', error: packError(error) } });
  }
  announce();
}

function post(message: FromWorker): void {
  port.postMessage(message);
}

function beat(): void {
  Atomics.add(vitals, heartbeat, 1);
}

function announce(): void {
  Atomics.add(news, 0, 1);
  Atomics.notify(news, 0);
}
