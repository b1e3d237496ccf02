/** The failure policy: what each failing disk operation does to the records that wait, to those that come, and to the log. */
import { createSimulation } from '@coterie/simulator';
import type { DiskFault, DiskOperationKind, Simulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import type { CommitLog, CommitLogOptions } from '../src/index.ts';
import { commit, openIn, Replay, stage, survivor } from './workload.ts';

interface World {
  readonly simulation: Simulation;
  readonly log: CommitLog;
  readonly applied: Replay;
}

/** A log with one durable record in it. */
async function world(options: CommitLogOptions = {}): Promise<World> {
  const simulation = createSimulation({ seed: 11 });
  const { log } = await openIn(simulation, options);
  const applied = new Replay();
  log.onApplied = applied.handler;
  stage(log, 100);
  await simulation.run(commit(log, 'asyncDurable'));
  return { simulation, log, applied };
}

/** Every operation of this kind fails from now on. */
function failAll({ simulation }: World, kind: DiskOperationKind, fault: DiskFault): void {
  simulation.disk.setFault((operation) => (operation.kind === kind ? fault : undefined));
}

async function settled(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'resolved',
    (error: unknown) => error,
  );
}

function thrownBy(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return 'nothing thrown';
}

const noEffect = { details: { mayHaveTakenEffect: false } };
const perhaps = { details: { mayHaveTakenEffect: true } };

describe('a full disk', () => {
  it('rejects the group, never applies it, gives its sequences again and goes on when there is space', async () => {
    const w = await world();
    w.simulation.disk.capacityBytes = 0;
    const first = stage(w.log, 9000);
    const waiting = [w.log.commit(false)];
    stage(w.log, 9000);
    waiting.push(w.log.commit(true));
    for (const result of await w.simulation.run(Promise.all(waiting.map(settled))))
      expect(result).toMatchObject({ code: 'DISK_FULL', ...noEffect });
    expect(w.applied.entries).toHaveLength(1);
    expect(w.log.failure).toBeUndefined();
    expect(w.log.nextSequence).toBe(first.sequence);

    w.simulation.disk.capacityBytes = 2 ** 30;
    const again = stage(w.log, 500);
    expect(again.sequence).toBe(first.sequence);
    await w.simulation.run(commit(w.log, 'asyncDurable'));
    expect(w.applied.entries.map(({ sequence }) => sequence)).toEqual([1, 2]);
    w.simulation.disk.powerCut();
    const { replay } = await openIn(survivor(w.simulation.disk, 1));
    expect(replay.entries).toEqual(w.applied.entries);
  });

  it('throws from the sync form, and when a new segment cannot be made', async () => {
    const w = await world();
    w.simulation.disk.capacityBytes = 0;
    stage(w.log, 9000);
    expect(thrownBy(() => w.log.commitSync(false))).toMatchObject({ code: 'DISK_FULL', ...noEffect });
    expect(thrownBy(() => w.log.reserve(65_400, 1))).toMatchObject({ code: 'DISK_FULL', ...noEffect });
    w.simulation.disk.capacityBytes = 2 ** 30;
    stage(w.log, 65_400);
    w.log.commitSync(true);
    expect(w.log.durableSequence).toBe(2);
  });

  it('lets the log close, and open again', async () => {
    const w = await world();
    stage(w.log, 500);
    w.log.commitSync(false);
    w.simulation.disk.capacityBytes = 0;
    stage(w.log, 9000);
    const lost = settled(w.log.commit(true));
    await w.simulation.run(w.log.close());
    expect(await lost).toMatchObject({ code: 'DISK_FULL', ...noEffect });
    const { replay } = await openIn(w.simulation);
    expect(replay.entries).toEqual(w.applied.entries);
    expect(replay.entries).toHaveLength(2);
  });

  it('lets a log open that was not closed', async () => {
    const w = await world();
    w.simulation.disk.powerCut();
    const simulation = survivor(w.simulation.disk, 3);
    simulation.disk.capacityBytes = 0;
    const { replay } = await openIn(simulation, { lock: false });
    expect(replay.entries).toEqual(w.applied.entries);
  });
});

describe('a write that fails in its midst', () => {
  it('for want of space is cut to the last whole group, durably', async () => {
    for (let cut = 0; cut < 400; cut += 7) {
      const w = await world();
      w.simulation.disk.failNext('write', { shortWriteBytes: cut });
      stage(w.log, 150);
      const waiting = settled(w.log.commit(false));
      stage(w.log, 150);
      expect(thrownBy(() => w.log.commitSync(false))).toMatchObject({ code: 'DISK_FULL', ...noEffect });
      expect(await waiting).toMatchObject({ code: 'DISK_FULL', ...noEffect });
      w.simulation.disk.powerCut();
      for (let outcome = 0; outcome < 6; outcome++) {
        const { replay } = await openIn(survivor(w.simulation.disk, cut * 6 + outcome));
        expect(replay.entries).toEqual(w.applied.entries);
      }
    }
  });

  it('for another reason fails the log for good; its records had no effect', async () => {
    const w = await world();
    const told: unknown[] = [];
    w.log.onFailed = (failure) => void told.push(failure);
    w.simulation.disk.failNext('write', { shortWriteBytes: 60, error: 'EIO' });
    stage(w.log, 150);
    expect(await w.simulation.run(settled(w.log.commit(true)))).toMatchObject({ code: 'DISK_IO', ...noEffect });
    expect(w.log.failure).toMatchObject({ code: 'DISK_IO', retryable: false });
    expect(() => stage(w.log, 1)).toThrow(w.log.failure);
    expect(told, 'told once').toEqual([w.log.failure]);
    w.simulation.disk.powerCut();
    const { replay } = await openIn(survivor(w.simulation.disk, 2));
    expect(replay.entries).toEqual(w.applied.entries);
  });

  it.each(['truncate', 'sync'] as const)('and cannot be cut off (%s) may have taken effect, and fails the log', async (kind) => {
    const w = await world();
    failAll(w, kind, { error: 'EIO' });
    w.simulation.disk.failNext('write', { shortWriteBytes: 60 });
    stage(w.log, 150);
    expect(thrownBy(() => w.log.commitSync(false))).toMatchObject(perhaps);
    expect(w.log.failure).toBeDefined();
    expect(w.applied.entries).toHaveLength(1);
  });
});

describe('a failed sync', () => {
  it('fails the log for good: what was handed over may have taken effect, what was not has none', async () => {
    const w = await world();
    failAll(w, 'sync', { error: 'EIO' });
    stage(w.log, 10);
    const durable = settled(w.log.commit(true));
    await w.simulation.advance(0.02); // a turn ends, and the round begins
    stage(w.log, 10);
    const held = settled(w.log.commit(true));
    expect(w.log.pendingRecords).toBe(1);
    expect(await w.simulation.run(durable)).toMatchObject({ code: 'DISK_IO', ...perhaps });
    expect(await held).toMatchObject({ code: 'DISK_IO', ...noEffect });
    expect(w.log.failure).toMatchObject({ code: 'DISK_IO', retryable: false });
    expect(w.log.durableSequence).toBe(1);
    w.simulation.disk.setFault(undefined);
    expect(thrownBy(() => stage(w.log, 1))).toBe(w.log.failure);
    expect(thrownBy(() => w.log.flushSync())).toBe(w.log.failure);
    expect(await settled(w.log.sync())).toBe(w.log.failure);
    expect(await settled(w.log.append(new Uint8Array(3)))).toBe(w.log.failure);
    await w.simulation.run(w.log.close());
  });

  it('of a new name fails the log', async () => {
    const simulation = createSimulation({ seed: 1 });
    const { log } = await openIn(simulation);
    simulation.disk.failNext('syncDirectory', { error: 'EIO' });
    stage(log, 10);
    const durable = settled(log.commit(true));
    expect(await simulation.run(durable)).toMatchObject({ code: 'DISK_IO', ...perhaps });
    expect(log.failure).toMatchObject({ code: 'DISK_IO' });
  });

  it('in a sync form throws, and rejects those who waited for a round', async () => {
    const w = await world();
    stage(w.log, 10);
    const waiting = settled(w.log.commit(true));
    stage(w.log, 10);
    w.simulation.disk.failNext('sync', { error: 'EIO' });
    expect(thrownBy(() => w.log.commitSync(true))).toMatchObject({ code: 'DISK_IO', ...perhaps });
    expect(await w.simulation.run(waiting)).toMatchObject({ code: 'DISK_IO', ...perhaps });
  });

  it('in a sync form: a round that runs beside it makes nothing durable any more', async () => {
    const w = await world();
    stage(w.log, 10);
    const waiting = settled(w.log.commit(true));
    for (let i = 0; i < 5; i++) await Promise.resolve(); // the round begins
    stage(w.log, 10);
    failAll(w, 'sync', { error: 'EIO' });
    expect(thrownBy(() => w.log.commitSync(true))).toMatchObject({ code: 'DISK_IO', ...perhaps });
    w.simulation.disk.setFault(undefined);
    expect(await w.simulation.run(waiting)).toMatchObject({ code: 'DISK_IO', ...perhaps });
    await w.simulation.advance(1000);
    expect(w.log.durableSequence).toBe(1);
    await w.simulation.run(w.log.close());
  });

  it('is never tried again, and what it lost is not there after the next crash', async () => {
    const w = await world();
    w.simulation.disk.failNext('sync', { error: 'EIO' });
    stage(w.log, 10);
    expect(await w.simulation.run(settled(w.log.commit(true)))).toMatchObject(perhaps);
    const before = w.simulation.disk.operationCount;
    await w.simulation.run(settled(w.log.sync()));
    expect(w.simulation.disk.operationCount).toBe(before);
  });

  it('followed by a new process on the same system, and then a power failure, loses nothing that was replayed', async () => {
    const w = await world({ lock: false });
    w.simulation.disk.failNext('sync', { error: 'EIO' });
    stage(w.log, 10);
    await w.simulation.run(settled(w.log.commit(true)));
    // The pages are marked clean and still readable, as on Linux: the new process sees the record.
    const { log, replay } = await openIn(w.simulation, { lock: false });
    expect(replay.entries).toHaveLength(2);
    stage(log, 20);
    await w.simulation.run(commit(log, 'asyncDurable'));
    w.simulation.disk.powerCut();
    for (let seed = 0; seed < 10; seed++) {
      const { replay: left } = await openIn(survivor(w.simulation.disk, seed));
      expect(left.entries.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    }
  });

  it('while closing rejects the close, and gives the lock back', async () => {
    const w = await world();
    stage(w.log, 10);
    w.log.commitSync(false);
    w.simulation.disk.failNext('sync', { error: 'EIO' });
    expect(await w.simulation.run(settled(w.log.close()))).toMatchObject({ code: 'DISK_IO', ...perhaps });
    await openIn(w.simulation);
  });
});

describe('a handler that throws', () => {
  it('fails the log: a record that was logged and not applied cannot be left behind', async () => {
    const w = await world();
    w.log.onApplied = () => {
      throw new Error('a bug');
    };
    stage(w.log, 10);
    expect(() => w.log.commitSync(false)).toThrow('a bug');
    expect(w.log.failure).toBeDefined();
  });

  it('may not call the log', async () => {
    const w = await world();
    w.log.onApplied = () => void w.log.reserve(1, 1);
    stage(w.log, 10);
    expect(() => w.log.commitSync(false)).toThrow('onApplied must not call the log');
  });
});

describe('too many open files', () => {
  it('refuse a new segment, and pass', async () => {
    const w = await world();
    w.simulation.disk.failNext('create', { error: 'EMFILE' });
    expect(thrownBy(() => w.log.reserve(65_400, 1))).toMatchObject({ code: 'DISK_IO', retryable: true, details: { osCode: 'EMFILE' } });
    stage(w.log, 65_400);
    w.log.commitSync(true);
    expect(w.log.durableSequence).toBe(2);
  });
});
