/** What every `Jobs` must do. */
import { isCoterieError } from '@coterie/env';
import type { JobFunction, JobOutcome, JobSpec } from '@coterie/env';
import { afterEach, describe, expect, test } from 'vitest';
import type { JobStrikes, JobWorld } from './world.ts';

const moduleUrl = new URL('job-fixtures.mjs', import.meta.url);
// The fixture is JavaScript: a worker thread must be able to import it as it is.
const fixtures = (await import('./job-fixtures.mjs')) as unknown as Record<string, JobFunction<unknown, unknown>>;

type Outcome = JobOutcome<unknown>;

/** Runs the suite against a world. */
export function jobsConformance(name: string, makeWorld: (strikes: JobStrikes) => Promise<JobWorld>): void {
  describe(`jobs of ${name}`, () => {
    const worlds: JobWorld[] = [];
    const make = async (strikes: JobStrikes = {}): Promise<JobWorld> => {
      const world = await makeWorld(strikes);
      worlds.push(world);
      return world;
    };
    afterEach(async () => {
      await Promise.all(worlds.splice(0).map((world) => world.close()));
    });
    outcomeTests(make);
    orderTests(make);
    deathTests(make);
  });
}

type Make = (strikes?: JobStrikes) => Promise<JobWorld>;

function outcomeTests(make: Make): void {
  test('a job settles once, not inside start, with its output', async () => {
    const world = await make();
    const outcomes: Outcome[] = [];
    const shared = new Int32Array(new SharedArrayBuffer(8));
    world.jobs.start(spec('count', { slices: 10, shared }), (outcome) => outcomes.push(outcome));
    expect(outcomes).toEqual([]);
    waitAll(world, () => outcomes.length === 1);
    world.jobs.poll();
    expect(outcomes).toEqual([{ state: 'done', output: 10 }]);
    expect(shared[0]).toBe(10);
  });

  test('jobs settle in the event loop without being asked', async () => {
    const world = await make();
    const outcome = await world.run(() => new Promise<Outcome>((resolve) => void world.jobs.start(spec('count', { slices: 3 }), resolve)));
    expect(outcome).toEqual({ state: 'done', output: 3 });
  });

  test('a job writes files and logs', async () => {
    const world = await make();
    const path = `${world.directory}/table`;
    const outcome = runToEnd(world, spec('write', { path, bytes: Uint8Array.of(1, 2, 3) }));
    expect(outcome).toEqual({ state: 'done', output: { size: 3 } });
    const handle = world.environment.files.openSync(path, 'read');
    const into = new Uint8Array(3);
    handle.readSync(into, 0, 3, 0);
    handle.closeSync();
    expect([...into]).toEqual([1, 2, 3]);
  });

  test('errors keep code, details and message', async () => {
    const world = await make();
    const typed = errorOf(runToEnd(world, spec('failTyped', {})));
    expect(isCoterieError(typed, 'CORRUPTION') && typed.details).toEqual({ file: 'table', offset: 7 });
    expect(typed.message).toBe('bad block');
    const plain = errorOf(runToEnd(world, spec('failPlain', {})));
    expect([plain.name, plain.message]).toEqual(['TypeError', 'oops']);
    const system = errorOf(runToEnd(world, spec('write', { path: `${world.directory}/no/table`, bytes: new Uint8Array(1) })));
    expect(isCoterieError(system, 'DISK_IO') && system.details.osCode).toBe('ENOENT');
  });

  test('an output that cannot be sent is a failure, such an input is refused', async () => {
    const world = await make();
    expect(runToEnd(world, spec('returnFunction', {})).state).toBe('failed');
    expect(() =>
      world.jobs.start(
        spec('count', () => 1),
        () => {},
      ),
    ).toThrow();
    expect(runToEnd(world, spec('count', { slices: 1 })).state).toBe('done');
  });

  test('a callback that throws does not take the others their outcome', async () => {
    const world = await make();
    let settled = 0;
    world.jobs.start(spec('count', { slices: 1 }), () => {
      settled++;
      throw new Error('a bug');
    });
    world.jobs.start(spec('count', { slices: 1 }), () => settled++);
    const attempts = [() => world.jobs.wait(10_000), () => world.jobs.wait(10_000)];
    const thrown = attempts.filter((attempt) => throws(attempt)).length;
    waitAll(world, () => settled === 2);
    expect(thrown).toBe(1);
  });
}

function orderTests(make: Make): void {
  test('wait does not block when nothing runs', async () => {
    const world = await make();
    expect(world.jobs.wait(3_600_000)).toBe(false);
    runToEnd(world, spec('count', { slices: 1 }));
    expect(world.jobs.wait(3_600_000)).toBe(false);
  });

  test('wait gives up after its time', async () => {
    const world = await make();
    const shared = new Int32Array(new SharedArrayBuffer(8));
    const job = world.jobs.start(spec('endless', { shared }), () => {});
    const before = world.environment.clock.monotonic();
    expect(world.jobs.wait(20)).toBe(false);
    expect(world.environment.clock.monotonic() - before).toBeGreaterThanOrEqual(19.9);
    job.cancel();
    expect(world.jobs.wait(10_000)).toBe(true);
  });

  test('the lower number goes first at every slice', async () => {
    const world = await make();
    const settled: string[] = [];
    const shared = new Int32Array(new SharedArrayBuffer(8));
    const slow = world.jobs.start({ ...spec('endless', { shared }), priority: 1 }, () => settled.push('slow'));
    world.jobs.start({ ...spec('count', { slices: 3 }), priority: 2 }, () => settled.push('patient'));
    world.jobs.start({ ...spec('count', { slices: 3 }), priority: 0 }, () => settled.push('urgent'));
    waitAll(world, () => settled.length === 1);
    expect(settled).toEqual(['urgent']);
    slow.cancel();
    waitAll(world, () => settled.length === 3);
    expect(settled).toEqual(['urgent', 'slow', 'patient']);
  });

  test('a cancelled job stops, and its finally blocks run', async () => {
    const world = await make();
    const shared = new Int32Array(new SharedArrayBuffer(8));
    const outcomes: Outcome[] = [];
    const job = world.jobs.start(spec('endless', { shared }), (outcome) => outcomes.push(outcome));
    for (let rounds = 0; shared[0] === 0 && rounds < 1000; rounds++) world.jobs.wait(10);
    job.cancel();
    waitAll(world, () => outcomes.length === 1);
    expect(outcomes).toEqual([{ state: 'cancelled' }]);
    expect(shared[1]).toBe(1);
    job.cancel();
    expect(runToEnd(world, spec('count', { slices: 2 }))).toEqual({ state: 'done', output: 2 });
  });
}

function deathTests(make: Make): void {
  test.each([0, 1, 2])('a worker that dies before slice %i fails its jobs; the next has a fresh one', async (dieAtSlice) => {
    const world = await make({ dieAtSlice });
    const shared = new Int32Array(new SharedArrayBuffer(8));
    const path = `${world.directory}/table`;
    const outcomes: Outcome[] = [];
    world.jobs.start(spec('write', { path, bytes: new Uint8Array(5), shared }), (outcome) => outcomes.push(outcome));
    world.jobs.start({ ...spec('count', { slices: 5 }), priority: 9 }, (outcome) => outcomes.push(outcome));
    waitAll(world, () => outcomes.length === 2);
    for (const outcome of outcomes) expect(reasonOf(outcome)).toBe('worker-died');
    expect(shared[1]).toBe(0);
    expect(world.environment.files.existsSync(path)).toBe(dieAtSlice > 0);
    expect(runToEnd(world, spec('count', { slices: 9 }))).toEqual({ state: 'done', output: 9 });
  });

  test('a death settles in the event loop too', async () => {
    const world = await make({ dieAtSlice: 1 });
    const outcome = await world.run(() => new Promise<Outcome>((resolve) => void world.jobs.start(spec('count', { slices: 3 }), resolve)));
    expect(reasonOf(outcome)).toBe('worker-died');
  });

  test('a job that gets nothing done is given up', async () => {
    const world = await make({ hangs: true });
    const outcome = runToEnd(world, spec('spin', {}));
    expect(reasonOf(outcome)).toBe('no-progress');
    expect(isCoterieError(errorOf(outcome)) && (errorOf(outcome) as { retryable?: boolean }).retryable).toBe(true);
    const later = await make({ hangs: true });
    const second = await later.run(() => new Promise<Outcome>((resolve) => void later.jobs.start(spec('spin', {}), resolve)));
    expect(reasonOf(second)).toBe('no-progress');
  });
}

function spec(exportName: string, input: unknown): JobSpec<unknown, unknown> {
  return { name: exportName, module: moduleUrl.href, exportName, run: fixtures[exportName], input, priority: 1 };
}

function runToEnd(world: JobWorld, job: JobSpec<unknown, unknown>): Outcome {
  const outcomes: Outcome[] = [];
  world.jobs.start(job, (outcome) => outcomes.push(outcome));
  waitAll(world, () => outcomes.length === 1);
  return outcomes[0];
}

/** Waits in bounded steps; a job that never ends fails the test. */
function waitAll(world: JobWorld, isDone: () => boolean): void {
  for (let rounds = 0; !isDone(); rounds++) {
    if (rounds === 100) throw new Error('the jobs did not settle');
    world.jobs.wait(1_000);
  }
}

function errorOf(outcome: Outcome): Error {
  if (outcome.state !== 'failed') throw new Error(`expected a failure, got ${outcome.state}`);
  return outcome.error;
}

function reasonOf(outcome: Outcome): unknown {
  const error = errorOf(outcome);
  return isCoterieError(error) ? error.details['reason'] : error.message;
}

function throws(work: () => unknown): boolean {
  try {
    work();
    return false;
  } catch {
    return true;
  }
}
