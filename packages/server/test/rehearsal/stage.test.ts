/** What everybody on a stage has instead of the world. */
import { type Connection, type JobOutcome, isCoterieError, replaceFile, silentLog } from '@coterie/env';
import { createNodeEnvironment } from '@coterie/env-node';
import { describe, expect, it } from 'vitest';
import { timeConformance } from '../../../simulator/test/conformance/time.ts';
import { StageFiles } from '../../src/rehearsal/stage-files.ts';
import { StageJobs } from '../../src/rehearsal/stage-jobs.ts';
import { StageNetwork } from '../../src/rehearsal/stage-network.ts';
import { StageTime } from '../../src/rehearsal/stage-time.ts';

/** Steps until `work` has ended; fails when it never does. */
async function played<T>(time: StageTime, work: Promise<T>): Promise<T> {
  let isOver = false;
  void work.catch(() => undefined).then(() => (isOver = true));
  for (let step = 0; !isOver; step++) {
    if (step > 10_000) throw new Error('it does not end');
    time.step();
    await new Promise((resolve) => void setImmediate(resolve));
  }
  return work;
}

timeConformance('a stage', async () => {
  const time = new StageTime(Date.UTC(2026, 0, 1));
  const environment = { ...createNodeEnvironment(), clock: time, timers: time };
  return { environment, directory: '', run: (work) => played(time, work()), close: async () => {} };
});

describe('time on a stage', () => {
  it('hardly passes while there is work, then goes on to the earliest timer at once', () => {
    const time = new StageTime(1_000_000);
    const seen: string[] = [];
    const note = (what: string) => (): void => void seen.push(`${what} at ${Math.round(time.monotonic())}`);
    time.after(60_000, note('a minute'));
    time.after(5, note('first of two'));
    time.after(5, note('second of two'));
    const never = time.after(7, note('cancelled'));
    never.cancel();
    time.soon(note('now'));
    time.soon(() => time.soon(note('the step after')));
    for (let step = 0; step < 5; step++) expect(time.step()).toBe(true);
    expect(seen).toEqual(['now at 0', 'the step after at 0', 'first of two at 5', 'second of two at 5', 'a minute at 60000']);
    expect([time.step(), time.now()]).toEqual([false, 1_060_000]);
  });
});

describe('files on a stage', () => {
  const bytesOf = (files: StageFiles, path: string): number[] => {
    const handle = files.openSync(path, 'read');
    const into = new Uint8Array(handle.sizeSync());
    expect(handle.readSync(into, 0, into.length, 0)).toBe(into.length);
    return [...into];
  };

  it('are read as they were written, by any name, with zeros where nothing was', async () => {
    const files = new StageFiles();
    const handle = await files.open('/d/a', 'create');
    await handle.write(Uint8Array.of(9, 1, 2, 9), 1, 3, 2);
    await files.link('/d/a', '/d/b');
    expect(bytesOf(files, '/d/b')).toEqual([0, 0, 1, 2]);
    await handle.truncate(3);
    await handle.truncate(5);
    expect(bytesOf(files, '/d/a')).toEqual([0, 0, 1, 0, 0]);
    expect(await handle.read(new Uint8Array(8), 0, 8, 4)).toBe(1);
    expect(await handle.read(new Uint8Array(8), 0, 8, 9)).toBe(0);
  });

  it('keep their names apart, and refuse what is there or is not', async () => {
    const files = new StageFiles();
    await files.makeDirectory('/d/e');
    await replaceFile(files, { directory: '/d', name: 'a' }, Uint8Array.of(1));
    await replaceFile(files, { directory: '/d', name: 'a' }, Uint8Array.of(2));
    expect([await files.list('/d'), await files.exists('/d/e'), bytesOf(files, '/d/a')]).toEqual([['a', 'e'], true, [2]]);
    await files.rename('/d/a', '/d/c');
    const codeOf = (work: Promise<unknown>): Promise<unknown> =>
      work.then(
        () => 'done',
        (error: unknown) => isCoterieError(error, 'DISK_IO') && error.details.osCode,
      );
    expect(await codeOf(files.open('/d/a', 'read'))).toBe('ENOENT');
    expect(await codeOf(files.open('/d/c', 'create'))).toBe('EEXIST');
    expect(await codeOf(files.link('/d/c', '/d/e'))).toBe('EEXIST');
    await files.remove('/d/c');
    expect(await codeOf(files.remove('/d/c'))).toBe('ENOENT');
  });
});

describe('the network of a stage', () => {
  it('brings what was sent in order, also before the other side listens to it, and then its end', async () => {
    const time = new StageTime(0);
    const network = new StageNetwork(time);
    const heard: (number | string)[] = [];
    let far: Connection | undefined;
    await network.listen('a:1', (connection) => void (far = connection));
    const near = await played(time, network.connect('a:1'));
    near.send(Uint8Array.of(1));
    while (time.step());
    const ended = new Promise<void>((resolve) => {
      far?.start({
        data: (bytes) => void heard.push(...bytes),
        drain() {},
        closed: (reason) => {
          heard.push(reason?.code ?? 'in order');
          resolve();
        },
      });
    });
    far?.pause();
    near.send(Uint8Array.of(2, 3));
    near.close();
    near.send(Uint8Array.of(4));
    while (time.step());
    expect(heard).toEqual([]);
    far?.resume();
    await played(time, ended);
    expect(heard).toEqual([1, 2, 3, 'in order']);
  });

  it('tells who connects to nobody, who listens twice, and both ends of what is given up', async () => {
    const time = new StageTime(0);
    const network = new StageNetwork(time);
    await expect(played(time, network.connect('a:1'))).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    const ends: string[] = [];
    const watch = (name: string, connection: Connection): void =>
      connection.start({ data() {}, drain() {}, closed: (reason) => void ends.push(`${name} ${reason?.code}`) });
    const listener = await network.listen('a:1', (connection) => watch('far', connection));
    await expect(network.listen('a:1', () => {})).rejects.toMatchObject({ code: 'LOCKED' });
    const near = await played(time, network.connect('a:1'));
    watch('near', near);
    near.destroy();
    near.destroy();
    while (time.step());
    expect(ends.sort()).toEqual(['far CONNECTION_LOST', 'near CONNECTION_LOST']);
    await listener.close();
    await expect(played(time, network.connect('a:1'))).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });
});

describe('jobs on a stage', () => {
  const make = (): { time: StageTime; jobs: StageJobs; outcomes: JobOutcome<number>[]; start: (input: number) => { cancel(): void } } => {
    const time = new StageTime(0);
    const world = { files: new StageFiles(), clock: time, random: createNodeEnvironment().random, log: silentLog };
    const jobs = new StageJobs(world);
    const outcomes: JobOutcome<number>[] = [];
    const run = function* (_world: unknown, input: number): Generator<void, number, void> {
      yield;
      if (input < 0) throw new Error('below 0');
      return input * 2;
    };
    const start = (input: number) =>
      jobs.start({ name: 'double', module: '', exportName: '', run, input, priority: 0 }, (outcome) => void outcomes.push(outcome));
    return { time, jobs, outcomes, start };
  };

  it('settle once: done, failed or cancelled, and not in the call that starts them', () => {
    const { time, outcomes, start } = make();
    start(4);
    start(-1);
    start(5).cancel();
    expect(outcomes).toEqual([]);
    while (time.step());
    expect(outcomes).toEqual([{ state: 'done', output: 8 }, { state: 'failed', error: new Error('below 0') }, { state: 'cancelled' }]);
  });

  it('are done for who waits', () => {
    const { time, jobs, outcomes, start } = make();
    start(1);
    expect([jobs.wait(), outcomes.length, jobs.wait()]).toEqual([true, 1, false]);
    while (time.step());
    expect(outcomes).toEqual([{ state: 'done', output: 2 }]);
  });
});
