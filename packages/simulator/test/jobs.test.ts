import type { JobEnvironment, JobOutcome, JobSpec } from '@coterie/env';
import { isCoterieError } from '@coterie/env';
import { expect, test } from 'vitest';
import { CrashError, createSimulation } from '../src/index.ts';
import type { JobFault, JobStep, Simulation } from '../src/index.ts';

interface CopyInput {
  readonly path: string;
  readonly bytes: number;
}

/** Writes a file byte by byte, a byte a slice, and tidies up after itself when it fails. */
function* copy({ files }: JobEnvironment, { path, bytes }: CopyInput): Generator<void, number, void> {
  const handle = files.openSync(path, 'create');
  let isWhole = false;
  try {
    for (let i = 0; i < bytes; i++) {
      handle.writeSync(Uint8Array.of(i), 0, 1, i);
      yield;
    }
    handle.syncSync();
    isWhole = true;
  } finally {
    if (!isWhole) files.removeSync(path);
    handle.closeSync();
  }
  return bytes;
}

function copyTo(path: string, priority = 1): JobSpec<CopyInput, number> {
  return { name: 'copy', module: import.meta.url, exportName: 'copy', run: copy, input: { path, bytes: 4 }, priority };
}

function start(seed = 1): Simulation {
  const simulation = createSimulation({ seed });
  simulation.environment.files.makeDirectorySync('/d');
  return simulation;
}

function runToEnd(simulation: Simulation, path: string): Promise<JobOutcome<number>> {
  return simulation.run(() => new Promise((resolve) => void simulation.environment.jobs.start(copyTo(path), resolve)));
}

function strikeAt(kind: JobStep['kind'], index: number, fault: JobFault): (step: JobStep) => JobFault | undefined {
  return (step) => (step.kind === kind && step.index === index ? fault : undefined);
}

test('a worker can die at any slice and any file operation; no finally block cleans up, handles are given back', async () => {
  const whole = start();
  expect(await runToEnd(whole, '/d/a')).toEqual({ state: 'done', output: 4 });
  expect(whole.jobs.operationCount).toBe(7);
  for (const kind of ['slice', 'operation'] as const) {
    const count = kind === 'slice' ? whole.jobs.sliceCount : whole.jobs.operationCount;
    for (let index = 0; index < count; index++) {
      const simulation = start();
      simulation.jobs.setFault(strikeAt(kind, index, 'worker-death'));
      const outcome = await runToEnd(simulation, '/d/a');
      expect(outcome.state === 'failed' && isCoterieError(outcome.error) && outcome.error.details['reason']).toBe('worker-died');
      expect(simulation.disk.paths()).toEqual(index === 0 ? [] : ['/d/a']);
      expect(simulation.disk.openHandles).toBe(0);
      expect(await runToEnd(simulation, '/d/b')).toEqual({ state: 'done', output: 4 });
    }
  }
});

test('a worker that hangs is given up after a minute, waited for or not', async () => {
  for (const form of ['wait', 'events']) {
    const simulation = start();
    const { jobs, clock } = simulation.environment;
    simulation.jobs.setFault(strikeAt('operation', 3, 'no-progress'));
    const outcomes: JobOutcome<number>[] = [];
    jobs.start(copyTo('/d/a'), (outcome) => outcomes.push(outcome));
    if (form === 'events') await simulation.advance(59_000);
    else expect(jobs.wait(59_000)).toBe(false);
    expect(outcomes).toEqual([]);
    expect(clock.monotonic()).toBeLessThan(60_000);
    if (form === 'events') await simulation.advance(2000);
    else expect(jobs.wait(2000)).toBe(true);
    expect(outcomes).toMatchObject([{ state: 'failed', error: { details: { reason: 'no-progress' } } }]);
  }
});

test('power fails inside a job as anywhere else', async () => {
  const simulation = start();
  simulation.disk.crashAt(simulation.disk.operationCount + 3);
  await expect(runToEnd(simulation, '/d/a')).rejects.toThrow(CrashError);
  simulation.disk.restart(0);
  const waiting = start();
  waiting.disk.crashAt(waiting.disk.operationCount + 3);
  waiting.environment.jobs.start(copyTo('/d/a'), () => {});
  expect(() => waiting.environment.jobs.wait(1000)).toThrow(CrashError);
});

test('slices come between the turns of the main thread, the urgent job first', async () => {
  const simulation = start();
  const { jobs, timers } = simulation.environment;
  const settled: string[] = [];
  jobs.start(copyTo('/d/later', 2), () => settled.push('later'));
  jobs.start(copyTo('/d/urgent', 0), () => settled.push('urgent'));
  let turns = 0;
  await simulation.run(async () => {
    for (; settled.length < 2; turns++) await timers.turn();
  });
  expect(settled).toEqual(['urgent', 'later']);
  expect(turns).toBeGreaterThan(10);
});

test('a job does not see later changes of its input, nor its starter later changes of its output', async () => {
  const simulation = start();
  const kept: number[][] = [];
  function* keep(_environment: JobEnvironment, input: number[]): Generator<void, number[], void> {
    yield;
    kept.push(input);
    return input;
  }
  const input = [1];
  const outcome = await simulation.run(
    () =>
      new Promise<JobOutcome<number[]>>((resolve) => {
        simulation.environment.jobs.start({ name: 'keep', module: '', exportName: '', run: keep, input, priority: 0 }, resolve);
        input[0] = 2;
      }),
  );
  kept[0][0] = 3;
  expect(outcome).toEqual({ state: 'done', output: [1] });
});
