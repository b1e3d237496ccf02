/** Syncs that run where the log lives: when, and that nothing else about them is different. */
import { createSimulation } from '@coterie/simulator';
import type { Simulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import type { CommitLog } from '../src/index.ts';
import { SyncSpeed } from '../src/sync-speed.ts';
import { commit, openIn, stage, survivor } from './workload.ts';

/** A speed after so many syncs by the pool. */
function tried(times: number, ms: number, speed: SyncSpeed = new SyncSpeed()): SyncSpeed {
  for (let i = 0; i < times; i++) speed.noteByPool(ms);
  return speed;
}

/** Whether syncs here are still trusted after so many of them. */
function holds(speed: SyncSpeed, times: number, ms: number): boolean {
  for (let i = 0; i < times; i++) speed.noteHere(ms);
  return speed.isTrusted;
}

describe('the speed of syncs', () => {
  it('is trusted after sixteen by the pool that take a millisecond on average', () => {
    expect(tried(15, 0.9).isTrusted).toBe(false);
    expect(tried(16, 0.9).isTrusted).toBe(true);
    expect(tried(16, 1.1).isTrusted).toBe(false);
    expect(tried(16, 0.9, tried(16, 1.1)).isTrusted).toBe(true);
  });

  it('is trusted while syncs here are short, whatever the pool takes then', () => {
    const speed = tried(16, 0.5);
    expect(holds(speed, 10_000, 0.45)).toBe(true);
    expect(tried(100, 50, speed).isTrusted).toBe(true);
  });

  it('bears a stall now and then, and no long one', () => {
    expect(holds(tried(16, 0.5), 1, 5)).toBe(true);
    expect(holds(tried(16, 0.5), 1, 17)).toBe(false);
    expect(holds(tried(16, 0.5), 100, 0.6)).toBe(false);
  });

  it('is tried again once several records were synced together', () => {
    const speed = tried(16, 0.5);
    speed.noteSeveral();
    expect(tried(15, 0.5, speed).isTrusted).toBe(false);
    expect(tried(1, 0.5, speed).isTrusted).toBe(true);
    const between = tried(15, 0.5);
    between.noteSeveral();
    expect(tried(1, 0.5, between).isTrusted).toBe(false);
  });

  it('is tried again after a thousand by the pool', () => {
    const speed = tried(16, 0.5);
    holds(speed, 1, 50);
    expect(tried(1015, 0.1, speed).isTrusted).toBe(false);
    expect(tried(1, 0.1, speed).isTrusted).toBe(true);
  });
});

/** A log whose syncs take no time that its clock shows, after so many records one by one. */
async function trustedLog(records: number): Promise<{ simulation: Simulation; log: CommitLog }> {
  const simulation = createSimulation({ seed: 3 });
  const clock = { ...simulation.environment.clock, monotonic: (): number => 0 };
  const { log } = await openIn(simulation, { environment: { ...simulation.environment, clock } });
  for (let i = 0; i < records; i++) {
    stage(log, 100);
    await simulation.run(commit(log, 'asyncDurable'));
  }
  return { simulation, log };
}

/** Commits records of these sizes together; returns whether they are durable when the turn has ended, and what became of them. */
async function durableAtTurnsEnd(
  { simulation, log }: { simulation: Simulation; log: CommitLog },
  sizes: readonly number[],
): Promise<boolean> {
  let last = 0;
  const done: Promise<void>[] = [];
  for (const bytes of sizes) {
    last = stage(log, bytes).sequence;
    done.push(commit(log, 'asyncDurable'));
  }
  await simulation.run(simulation.environment.timers.turn());
  const isDurable = log.durableSequence >= last;
  await simulation.run(Promise.all(done));
  expect(log.durableSequence).toBe(last);
  return isDurable;
}

describe('a log whose syncs are quick', () => {
  it('syncs a lone record in the turn that it was committed in, once it trusts its disk', async () => {
    expect(await durableAtTurnsEnd(await trustedLog(15), [100])).toBe(false);
    expect(await durableAtTurnsEnd(await trustedLog(16), [100])).toBe(true);
  });

  it('leaves what several wait for, and what is long, to the pool', async () => {
    const world = await trustedLog(16);
    expect(await durableAtTurnsEnd(world, [30_000])).toBe(false);
    expect(await durableAtTurnsEnd(world, [100])).toBe(true);
    expect(await durableAtTurnsEnd(world, [100, 100])).toBe(false);
    // Others may follow again.
    expect(await durableAtTurnsEnd(world, [100])).toBe(false);
  });

  it('does not wait for what others wrote without asking for a sync, if that is much', async () => {
    const world = await trustedLog(16);
    stage(world.log, 30_000);
    await world.simulation.run(commit(world.log, 'async'));
    expect(await durableAtTurnsEnd(world, [100])).toBe(false);
  });

  it('keeps what it has acknowledged', async () => {
    const { simulation, log } = await trustedLog(16);
    const { sequence } = stage(log, 100);
    await simulation.run(commit(log, 'asyncDurable'));
    simulation.disk.powerCut();
    for (const seed of [1, 2, 3, 4]) {
      const { replay } = await openIn(survivor(simulation.disk, seed));
      expect(replay.entries.at(-1)?.sequence).toBe(sequence);
    }
  });

  it('fails for good when such a sync fails, and says so to who waited', async () => {
    const { simulation, log } = await trustedLog(16);
    simulation.disk.setFault(({ kind }) => (kind === 'sync' ? { error: 'EIO' } : undefined));
    stage(log, 100);
    const told = simulation.run(commit(log, 'asyncDurable').catch((error: unknown) => error));
    expect(await told).toMatchObject({ code: 'DISK_IO', details: { mayHaveTakenEffect: true } });
    expect(log.failure).toMatchObject({ code: 'DISK_IO' });
  });
});
