import { tmpdir } from 'node:os';
import type { JobOutcome, JobSpec, LogFields } from '@coterie/env';
import { isCoterieError, silentLog } from '@coterie/env';
import { afterEach, expect, test } from 'vitest';
import { createNodeEnvironment, createNodeJobs, nodeJobs } from '../src/index.ts';
import type { NodeJobs, NodeJobsOptions } from '../src/index.ts';

const fixtures = new URL('../../simulator/test/conformance/job-fixtures.mjs', import.meta.url).href;
const made: NodeJobs[] = [];

afterEach(async () => {
  await Promise.all(made.splice(0).map((jobs) => jobs.close()));
});

function makeJobs(options: NodeJobsOptions = {}): NodeJobs {
  const jobs = createNodeJobs(options);
  made.push(jobs);
  return jobs;
}

function spec(exportName: string, input: unknown, module = fixtures): JobSpec<unknown, unknown> {
  const run = (): never => {
    throw new Error('a worker finds the function by its name');
  };
  return { name: exportName, module, exportName, run, input, priority: 1 };
}

function runToEnd(jobs: NodeJobs, job: JobSpec<unknown, unknown>): JobOutcome<unknown> {
  const outcomes: JobOutcome<unknown>[] = [];
  jobs.start(job, (outcome) => outcomes.push(outcome));
  for (let rounds = 0; outcomes.length === 0 && rounds < 100; rounds++) jobs.wait(1000);
  return outcomes[0];
}

test('a missing module or export fails its job, and only it', () => {
  const jobs = makeJobs({ workers: 1 });
  expect(runToEnd(jobs, spec('count', {}, 'file:///no/such/module.mjs')).state).toBe('failed');
  expect(runToEnd(jobs, spec('notAFunction', {})).state).toBe('failed');
  expect(runToEnd(jobs, spec('noSuchExport', {})).state).toBe('failed');
  expect(runToEnd(jobs, spec('count', { slices: 2 }))).toEqual({ state: 'done', output: 2 });
});

test('log lines reach the log of whoever started the job, with its name', async () => {
  const lines: [string, LogFields | undefined][] = [];
  const jobs = makeJobs({ log: { ...silentLog, info: (event, fields) => lines.push([event, fields]) } });
  const { files } = createNodeEnvironment();
  const path = `${tmpdir()}/coterie-job-pool-${process.pid}`;
  runToEnd(jobs, spec('write', { path, bytes: new Uint8Array(3) }));
  files.removeSync(path);
  expect(lines).toEqual([['written', { bytes: 3, job: 'write' }]]);
});

test('closing ends running jobs and refuses new ones', async () => {
  const jobs = makeJobs({ workers: 1 });
  const outcomes: JobOutcome<unknown>[] = [];
  const shared = new Int32Array(new SharedArrayBuffer(8));
  jobs.start(spec('endless', { shared }), (outcome) => outcomes.push(outcome));
  await jobs.close();
  expect(outcomes).toHaveLength(1);
  expect(outcomes[0].state === 'failed' && isCoterieError(outcomes[0].error, 'CLOSED')).toBe(true);
  expect(() => jobs.start(spec('count', { slices: 1 }), () => {})).toThrow('closed');
});

test('several workers run at once, and an urgent job goes to the one with less urgent work', () => {
  const jobs = makeJobs({ workers: 2 });
  const shared = [0, 1].map(() => new Int32Array(new SharedArrayBuffer(8)));
  const settled: unknown[] = [];
  const running = shared.map((counters) => jobs.start(spec('endless', { shared: counters }), (outcome) => settled.push(outcome.state)));
  for (let rounds = 0; shared.some((counters) => counters[0] === 0) && rounds < 1000; rounds++) jobs.wait(10);
  expect(shared.every((counters) => counters[0] > 0)).toBe(true);
  for (const job of running) job.cancel();
  for (let rounds = 0; settled.length < 2 && rounds < 100; rounds++) jobs.wait(1000);
  expect(settled).toEqual(['cancelled', 'cancelled']);
});

test('each worker can be told when to die, and each death is one failure', () => {
  const jobs = makeJobs({ workers: 1, dieAtSlices: [1, 2] });
  const states = [1, 2, 3].map(() => runToEnd(jobs, spec('count', { slices: 4 })).state);
  expect(states).toEqual(['failed', 'failed', 'done']);
});

test('a worker that ends itself, or is ended by an error outside of any job, fails its jobs', async () => {
  const jobs = makeJobs({ workers: 1 });
  const quitter = new URL('fixtures/quit.mjs', import.meta.url).href;
  for (const how of ['exit', 'throw later']) {
    const outcome = await new Promise<JobOutcome<unknown>>((resolve) => void jobs.start(spec('quit', how, quitter), resolve));
    expect(outcome.state === 'failed' && isCoterieError(outcome.error, 'REMOTE') && outcome.error.details['reason']).toBe('worker-died');
  }
});

test('all environments of a process share one pool', async () => {
  const outcomes: string[] = [];
  const first = nodeJobs();
  const { jobs: second } = createNodeEnvironment();
  first.start(spec('count', { slices: 1 }), () => outcomes.push('first'));
  for (let rounds = 0; outcomes.length === 0 && rounds < 100; rounds++) second.wait(1000);
  expect(outcomes).toEqual(['first']);
});

test('a prepared worker has loaded the module, and runs the first job', () => {
  const jobs = makeJobs({ workers: 2, dieAtSlices: [2] });
  jobs.prepare?.('data:text/javascript,globalThis.prepared = "yes"');
  const look = spec('look', undefined, 'data:text/javascript,export function* look() { return globalThis.prepared; }');
  expect(runToEnd(jobs, look)).toEqual({ state: 'done', output: 'yes' });
  jobs.prepare?.(fixtures);
  expect(runToEnd(jobs, spec('count', { slices: 5 })).state, 'the first worker is the one that dies').toBe('failed');
});

test('a module that cannot be prepared harms nobody', async () => {
  const jobs = makeJobs({ workers: 1 });
  jobs.prepare?.('file:///no/such/module.mjs');
  expect(runToEnd(jobs, spec('count', { slices: 2 }))).toEqual({ state: 'done', output: 2 });
  await jobs.close();
  expect(() => jobs.prepare?.(fixtures)).not.toThrow();
});
