/** Power fails at every operation of a workload, with several outcomes each: what was acknowledged is there, and it is a prefix. */
import { CrashError, createSimulation, SeededRandom } from '@coterie/simulator';
import type { SimulatedDisk, Simulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import type { CommitLog, CommitLogOptions } from '../src/index.ts';
import { commit, directory, expectPrefix, openIn, stage, survivor } from './workload.ts';
import type { CommitForm, Entry, History } from './workload.ts';

const long = process.env['COTERIE_LONG'] === '1';
const outcomes = long ? 8 : 2;
const seeds = long ? [1, 2, 3, 4] : [1];

interface Plan {
  readonly name: string;
  readonly forms: readonly CommitForm[];
  readonly options?: CommitLogOptions;
  readonly releases?: boolean;
  readonly close?: boolean;
  /** One record after the other, by a clock that shows no sync to take any time: most of them run where the log lives. */
  readonly quick?: boolean;
}

const plans: readonly Plan[] = [
  { name: 'durable, one at a time and together', forms: ['asyncDurable', 'syncDurable'] },
  { name: 'durable, one at a time, on a quick disk', forms: ['asyncDurable'], quick: true },
  { name: 'never durable', forms: ['async', 'sync'] },
  { name: 'every form, released and recycled', forms: ['async', 'asyncDurable', 'sync', 'syncDurable'], releases: true },
  {
    name: 'every form, with a lock and a clean end',
    forms: ['async', 'asyncDurable', 'sync', 'syncDurable'],
    options: { lock: true },
    close: true,
  },
];

/** Runs a workload and keeps a copy of the disk before every operation that can change what a crash leaves. */
class Workload {
  readonly moments: { readonly disk: SimulatedDisk; readonly history: History }[] = [];
  readonly #plan: Plan;
  readonly #random: SeededRandom;
  readonly #simulation: Simulation;
  #entries: Entry[] = [];
  #durable = 0;
  #released = 0;

  constructor(plan: Plan, seed: number) {
    this.#plan = plan;
    this.#random = new SeededRandom(seed);
    this.#simulation = createSimulation({ seed });
    const { disk } = this.#simulation;
    disk.setFault((operation) => {
      if (operation.mutation !== undefined) this.moments.push({ disk: disk.clone(), history: this.#history() });
      return undefined;
    });
  }

  async run(records: number): Promise<void> {
    let { log } = await this.#open();
    for (let written = 0; written < records; ) {
      const batch = this.#plan.quick === true ? 1 : Math.min(records - written, 1 + this.#random.below(6));
      await this.#simulation.run(Promise.all(Array.from({ length: batch }, () => this.#write(log))));
      written += batch;
      if (this.#random.chance(0.1)) await this.#simulation.run(log.sync().then(() => this.#acknowledge(log.durableSequence)));
      if (this.#plan.releases === true && this.#random.chance(0.3)) this.#release(log);
      if (this.#plan.close === true && this.#random.chance(0.1)) {
        await this.#simulation.run(log.close());
        this.#acknowledge(log.durableSequence);
        ({ log } = await this.#open());
      }
    }
    await this.#simulation.run(log.close());
  }

  #open(): ReturnType<typeof openIn> {
    const { environment } = this.#simulation;
    const clock = this.#plan.quick === true ? { ...environment.clock, monotonic: (): number => 0 } : environment.clock;
    return openIn(this.#simulation, { environment: { ...environment, clock }, ...this.#plan.options });
  }

  async #write(log: CommitLog): Promise<void> {
    const form = this.#random.pick(this.#plan.forms);
    const bytes = this.#random.chance(0.15) ? this.#random.below(36_000) : this.#random.below(600);
    const sequences = this.#random.chance(0.3) ? 1 + this.#random.below(300) : 1;
    const entry = stage(log, bytes, sequences);
    this.#entries.push(entry);
    const done = commit(log, form);
    if (form === 'syncDurable') this.#acknowledge(entry.sequence + sequences - 1);
    await done;
    if (form === 'asyncDurable') this.#acknowledge(entry.sequence + sequences - 1);
  }

  #release(log: CommitLog): void {
    this.#released = Math.max(this.#released, log.durableSequence - this.#random.below(20));
    if (this.#random.chance(0.3)) log.endSegment();
    log.release(this.#released);
  }

  #acknowledge(sequence: number): void {
    this.#durable = Math.max(this.#durable, sequence);
  }

  #history(): History {
    return { entries: this.#entries.slice(), durable: this.#durable, released: this.#released };
  }
}

/** Opens what a crash left, checks it, goes on writing, and loses power again. */
async function checkOutcome({ disk, history }: { disk: SimulatedDisk; history: History }, seed: number): Promise<void> {
  const simulation = survivor(disk, seed);
  const { log, replay } = await openIn(simulation);
  expectPrefix(replay, history);
  const kept = history.entries.filter(({ sequence }) => sequence < log.nextSequence);
  const entry = stage(log, 1000);
  await simulation.run(commit(log, 'asyncDurable'));
  simulation.disk.powerCut();
  const again = await openIn(survivor(simulation.disk, seed + 1));
  expectPrefix(again.replay, { entries: [...kept, entry], durable: entry.sequence, released: history.released });
}

/** Loses power at each operation of the recovery itself. */
async function checkRecovery({ disk, history }: { disk: SimulatedDisk; history: History }, seed: number): Promise<void> {
  for (let at = 0; ; at++) {
    const simulation = survivor(disk, seed);
    simulation.disk.crashAtMutation(at);
    const crashed = await openIn(simulation).then(
      () => false,
      (error: unknown) => error instanceof CrashError || Promise.reject(error),
    );
    if (!crashed) return;
    const { replay } = await openIn(survivor(simulation.disk, seed + at));
    expectPrefix(replay, history);
  }
}

describe.each(plans)('a crash at every operation: $name', (plan) => {
  it.each(seeds)('leaves all that was acknowledged, and a prefix (seed %i)', async (seed) => {
    const workload = new Workload(plan, seed);
    await workload.run(long ? 80 : 40);
    expect(workload.moments.length).toBeGreaterThan(20);
    for (const [i, moment] of workload.moments.entries()) {
      for (let outcome = 0; outcome < outcomes; outcome++) await checkOutcome(moment, (seed * 10_000 + i) * outcomes + outcome);
    }
  });

  it.each(seeds)('during recovery changes nothing (seed %i)', async (seed) => {
    const workload = new Workload(plan, 100 + seed);
    await workload.run(30);
    const step = long ? 2 : 6;
    for (let i = 0; i < workload.moments.length; i += step) await checkRecovery(workload.moments[i], seed * 10_000 + i);
  });
});

describe('a log that is never synced', () => {
  it('loses whole segments and still replays a prefix', async () => {
    const simulation = createSimulation({ seed: 5 });
    const { log } = await openIn(simulation);
    const entries = Array.from({ length: 60 }, () => {
      const entry = stage(log, 10_000);
      log.commitSync(false);
      return entry;
    });
    expect(log.segments().length).toBeGreaterThan(5);
    simulation.disk.powerCut();
    for (let seed = 0; seed < 40; seed++) {
      const reopened = survivor(simulation.disk, seed);
      const { log: left, replay } = await openIn(reopened);
      expectPrefix(replay, { entries, durable: 0, released: 0 });
      const files = reopened.disk.paths().filter((path) => path.startsWith(directory) && path.endsWith('.log'));
      expect(files).toEqual(left.segments().map(({ path }) => path));
    }
  });
});

describe('a segment that begins right behind the synced part', () => {
  it('may lose its header, which is no damage', async () => {
    const simulation = createSimulation({ seed: 6 });
    const { log } = await openIn(simulation);
    const entries = [stage(log, 40_000)];
    const synced = log.commit(true);
    for (let i = 0; i < 5; i++) await Promise.resolve(); // the sync of the first segment begins
    entries.push(stage(log, 30_000));
    log.commitSync(false); // in the second
    await simulation.run(synced);
    entries.push(stage(log, 100));
    log.commitSync(false); // claims what has been synced
    simulation.disk.powerCut();
    for (let seed = 0; seed < 60; seed++) {
      const { replay } = await openIn(survivor(simulation.disk, seed));
      expectPrefix(replay, { entries, durable: 1, released: 0 });
    }
  });
});

describe('a killed process and then a power failure', () => {
  it('lose nothing but a tail, whatever of the recovery had reached the disk', async () => {
    const simulation = createSimulation({ seed: 7 });
    const entries: Entry[] = [];
    for (let life = 0; life < 3; life++) {
      // No power failure: the next life finds all that the last one handed over.
      const { log, replay } = await openIn(simulation, { lock: false });
      expectPrefix(replay, { entries, durable: log.durableSequence, released: 0 });
      for (let i = 0; i < 3; i++) {
        entries.push(stage(log, 20_000));
        log.commitSync(false);
      }
    }
    simulation.disk.powerCut();
    for (let seed = 0; seed < 100; seed++) {
      const { replay } = await openIn(survivor(simulation.disk, seed));
      expectPrefix(replay, { entries, durable: 0, released: 0 });
    }
  });
});

describe('closing', () => {
  it('never marks as whole what is not on disk yet', async () => {
    const simulation = createSimulation({ seed: 9 });
    const { log } = await openIn(simulation);
    const entries = [1000, 9000, 30_000, 20_000, 10_000].map((bytes) => {
      const entry = stage(log, bytes);
      log.commitSync(false);
      return entry;
    });
    const moments: SimulatedDisk[] = [];
    simulation.disk.setFault((operation) => {
      if (operation.mutation !== undefined) moments.push(simulation.disk.clone());
      return undefined;
    });
    await simulation.run(log.close());
    moments.push(simulation.disk.clone());
    for (const [i, disk] of moments.entries()) {
      for (let outcome = 0; outcome < 30; outcome++) {
        const { replay } = await openIn(survivor(disk, i * 30 + outcome));
        expectPrefix(replay, { entries, durable: i === moments.length - 1 ? entries.length : 0, released: 0 });
      }
    }
  });
});

describe('segments on their way out', () => {
  it.each(['recycled', 'removed'])('leave no hole when they are %s', async (how) => {
    const simulation = createSimulation({ seed: 8 });
    const { log } = await openIn(simulation, { reserveSegments: how === 'recycled' ? 2 : 0 });
    const entries = Array.from({ length: 8 }, () => {
      const entry = stage(log, 40_000);
      log.commitSync(true);
      return entry;
    });
    const moments: SimulatedDisk[] = [];
    simulation.disk.setFault((operation) => {
      if (operation.mutation !== undefined) moments.push(simulation.disk.clone());
      return undefined;
    });
    log.release(6);
    await simulation.advance(1000);
    expect(log.segments()).toHaveLength(2);
    for (const disk of moments) {
      for (let seed = 0; seed < 8; seed++) {
        const { replay } = await openIn(survivor(disk, seed));
        expectPrefix(replay, { entries, durable: 8, released: 6 });
      }
    }
  });
});
