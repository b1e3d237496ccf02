/** What a log promises its callers, call by call. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSimulation, type Simulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { CommitLog, dumpLog } from '../src/index.ts';
import { directory, openIn, Replay, stage } from './workload.ts';

describe('commit', () => {
  it('hands a group over when the microtask queue drains, or at 64 records', async () => {
    const simulation = createSimulation({ seed: 1 });
    const { log } = await openIn(simulation);
    for (let i = 0; i < 63; i++) {
      stage(log, 10);
      void log.commit(false);
    }
    expect([log.pendingRecords, log.appliedSequence]).toEqual([63, 0]);
    stage(log, 10);
    void log.commit(false);
    expect([log.pendingRecords, log.pendingBytes, log.appliedSequence]).toEqual([0, 0, 64]);
    stage(log, 10);
    const last = log.commit(false);
    expect(log.appliedSequence).toBe(64);
    await simulation.run(last);
    expect([log.appliedSequence, log.durableSequence]).toEqual([65, 0]);
  });

  it('applies in log order before the promise resolves', async () => {
    const simulation = createSimulation({ seed: 1 });
    const { log } = await openIn(simulation);
    const applied = new Replay();
    log.onApplied = applied.handler;
    stage(log, 10, 5);
    const first = log.commit(false).then(() => applied.entries.length);
    stage(log, 20);
    log.commitSync(false);
    expect(applied.entries).toEqual([
      { sequence: 1, bytes: 10 },
      { sequence: 6, bytes: 20 },
    ]);
    expect(await simulation.run(first)).toBe(2);
    expect(log.nextSequence).toBe(7);
  });

  it('holds durable records while a sync runs, so that they share the next one', async () => {
    const simulation = createSimulation({ seed: 1 });
    const { log } = await openIn(simulation);
    let syncs = 0;
    simulation.disk.setFault(({ kind }) => void (syncs += kind === 'sync' ? 1 : 0));
    stage(log, 10);
    const first = log.commit(true);
    await simulation.advance(0.02); // a turn ends, and the sync begins
    const others = Array.from({ length: 20 }, () => {
      stage(log, 10);
      return log.commit(true);
    });
    expect(log.pendingRecords).toBe(20);
    await simulation.run(Promise.all([first, ...others]));
    expect(syncs).toBe(2);
    expect(log.durableSequence).toBe(21);
  });

  it('waits for the end of the turn before a sync, and after one for that of one turn, or of twelve where many wait', async () => {
    const simulation = createSimulation({ seed: 1 });
    const turns: (() => void)[] = [];
    const timers = { ...simulation.environment.timers, turn: () => new Promise<void>((resolve) => void turns.push(resolve)) };
    const { log } = await openIn(simulation, { environment: { ...simulation.environment, timers } });
    const commit = (): Promise<void> => (stage(log, 10), log.commit(true));
    /** Ends the turn that is waited for, the only one; says how many records wait then. */
    const endTurn = async (): Promise<number> => {
      expect(turns).toHaveLength(1);
      turns.pop()?.();
      for (let i = 0; i < 5; i++) await Promise.resolve();
      return log.pendingRecords;
    };
    const first = [commit(), commit()];
    for (let i = 0; i < 5; i++) await Promise.resolve();
    expect([log.pendingRecords, await endTurn()]).toEqual([2, 0]);
    const many = [commit()]; // waits for the sync that runs
    await simulation.run(Promise.all(first));
    for (let i = 1; i < 8; i++) many.push(commit());
    for (let turn = 1; turn < 12; turn++) expect(await endTurn()).toBe(8);
    expect(await endTurn()).toBe(0);
    const few = Array.from({ length: 7 }, commit);
    await simulation.run(Promise.all(many));
    expect(await endTurn()).toBe(0);
    await simulation.run(Promise.all(few));
    expect([log.durableSequence, turns.length]).toEqual([17, 0]);
  });

  it('without reserve is refused, and so is a record that is too large or takes no sequence', async () => {
    const { log } = await openIn(createSimulation({ seed: 1 }), { recordBytesMax: 1000 });
    expect(() => log.commitSync(false)).toThrow(/nothing is reserved/);
    expect(() => log.reserve(1001, 1)).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }));
    for (const [bytes, sequences] of [
      [1, 0],
      [-1, 1],
      [Number.NaN, 1],
    ] as const) {
      expect(() => log.reserve(bytes, sequences)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    }
    log.reserve(1000, 1);
    log.commitSync(false);
    expect(log.appliedSequence).toBe(1);
  });
});

describe('sync forms beside a running round', () => {
  it('make everything durable at once, and the round ends well', async () => {
    const simulation = createSimulation({ seed: 1 });
    const { log } = await openIn(simulation);
    stage(log, 10);
    const round = log.commit(true);
    for (let i = 0; i < 5; i++) await Promise.resolve();
    stage(log, 64_000); // and a new segment
    log.commitSync(true);
    expect(log.durableSequence).toBe(2);
    await simulation.run(round);
    stage(log, 10);
    await simulation.run(log.commit(true));
    expect(log.durableSequence).toBe(3);
  });
});

describe('closing', () => {
  it.each(['close', 'closeSync'] as const)('(%s) makes all durable, leaves a closed log, and refuses what comes', async (form) => {
    const simulation = createSimulation({ seed: 1 });
    const { log } = await openIn(simulation);
    stage(log, 10);
    const pending = log.commit(false);
    stage(log, 10);
    const syncing = log.commit(true);
    if (form === 'close') await simulation.run(log.close());
    else log.closeSync();
    await simulation.run(Promise.all([pending, syncing]));
    expect(() => log.reserve(1, 1)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    expect(() => log.flushSync()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    await expect(log.sync()).rejects.toMatchObject({ code: 'CLOSED' });
    await simulation.run(log.close());
    const { verdict } = await simulation.run(dumpLog(directory, simulation.environment.files, () => {}));
    expect(verdict).toBe('closed');
    simulation.disk.powerCut();
    simulation.disk.restart(3);
    expect((await openIn(simulation)).replay.entries).toHaveLength(2);
  });

  it('leaves nothing behind when nothing was written', async () => {
    const simulation = createSimulation({ seed: 1 });
    const { log } = await openIn(simulation);
    await simulation.run(log.close());
    expect(simulation.disk.paths()).toEqual([]);
  });
});

describe('the lock', () => {
  it('keeps a second log out', async () => {
    const simulation = createSimulation({ seed: 1 });
    await openIn(simulation);
    await expect(openIn(simulation)).rejects.toMatchObject({ code: 'LOCKED' });
  });
});

describe('released segments', () => {
  it('are overwritten by later ones once something was synced', async () => {
    const simulation = createSimulation({ seed: 1 });
    const { log } = await openIn(simulation, { reserveSegments: 2 });
    for (let i = 0; i < 12; i++) {
      stage(log, 40_000);
      log.commitSync(true);
      log.release(log.durableSequence);
      await simulation.advance(100);
    }
    expect(simulation.disk.paths().filter((path) => !path.endsWith('LOCK')).length).toBeLessThanOrEqual(3);
    simulation.disk.powerCut();
    simulation.disk.restart(5);
    const { log: again, replay } = await openIn(simulation);
    expect(replay.entries.map(({ sequence }) => sequence)).toEqual([12]);
    expect(again.nextSequence).toBe(13);
  });

  it('that startAfter covers are not replayed, and go', async () => {
    const simulation = createSimulation({ seed: 1 });
    const { log } = await openIn(simulation);
    for (let i = 0; i < 5; i++) {
      stage(log, 40_000);
      log.commitSync(false);
    }
    await simulation.run(log.close());
    const { log: again, replay } = await openIn(simulation, { startAfter: 4 });
    await simulation.advance(100);
    expect(replay.entries.map(({ sequence }) => sequence)).toEqual([5]);
    expect(again.segments()).toHaveLength(1);
    expect(simulation.disk.paths().filter((path) => path.endsWith('.log'))).toHaveLength(1);
    await simulation.run(again.close());
    expect((await openIn(simulation, { startAfter: 100 })).log.nextSequence).toBe(101);
  });
});

describe('an ended segment', () => {
  const logs = (simulation: Simulation): string[] => simulation.disk.paths().filter((path) => path.endsWith('.log'));

  it('goes as soon as its records are released, and the next record follows them', async () => {
    const simulation = createSimulation({ seed: 1 });
    const { log } = await openIn(simulation);
    for (let i = 0; i < 3; i++) stageAndCommit(log);
    const [before] = logs(simulation);
    log.endSegment();
    log.endSegment();
    expect(logs(simulation)).toHaveLength(2);
    log.release(log.appliedSequence);
    await simulation.advance(100);
    expect(logs(simulation)).toHaveLength(1);
    expect(logs(simulation)).not.toContain(before);
    simulation.disk.powerCut();
    simulation.disk.restart(5);
    const { log: again, replay } = await openIn(simulation, { startAfter: 3 });
    expect(replay.entries).toEqual([]);
    expect(again.nextSequence).toBe(4);
  });

  it('is not begun where nothing was ever written', async () => {
    const simulation = createSimulation({ seed: 1 });
    const { log } = await openIn(simulation);
    log.endSegment();
    expect(logs(simulation)).toEqual([]);
  });

  it('gives back what an earlier run left', async () => {
    const simulation = createSimulation({ seed: 1 });
    const { log } = await openIn(simulation);
    stageAndCommit(log);
    await simulation.run(log.close());
    const left = logs(simulation);
    const { log: again } = await openIn(simulation, { startAfter: 1 });
    expect(logs(simulation)).toEqual(left);
    again.endSegment();
    again.release(1);
    await simulation.advance(100);
    expect(logs(simulation)).toHaveLength(1);
    expect(logs(simulation)).not.toEqual(left);
  });

  function stageAndCommit(log: CommitLog): void {
    stage(log, 1000);
    log.commitSync(true);
  }
});

describe('a bad option', () => {
  it.each([{ segmentBytes: 1 }, { startAfter: -1 }, { recordBytesMax: 0.5 }, { reserveSegments: -1 }, { nonsense: 1 }])(
    '%j is refused by name',
    async (options) => {
      const { environment } = createSimulation({ seed: 1 });
      const opened = CommitLog.open('/x', { environment, ...options });
      await expect(opened).rejects.toThrow(Object.keys(options)[0]);
    },
  );
});

describe('the real disk', () => {
  it('keeps a log, by default', async () => {
    const path = mkdtempSync(join(tmpdir(), 'coterie-log-'));
    const log = await CommitLog.open(path, { segmentBytes: 65_536 });
    const sequences = await Promise.all(
      Array.from({ length: 300 }, (_, i) => log.append(new Uint8Array(i * 10).fill(i), { durable: i % 3 === 0 })),
    );
    expect(sequences).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    await log.close();
    const lengths: number[] = [];
    const again = await CommitLog.open(path, {}, (bytes, start, end) => {
      if (bytes.subarray(start, end).every((byte) => byte === lengths.length % 256)) lengths.push(end - start);
    });
    expect(lengths).toEqual(Array.from({ length: 300 }, (_, i) => i * 10));
    again.closeSync();
    rmSync(path, { recursive: true });
  });
});
