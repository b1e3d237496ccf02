/**
 * Power fails at every disk operation of a workload, with several outcomes each. After reopening, every write that was
 * acknowledged as durable is there, and what is there is a prefix of what was written: no hole, no half batch.
 */
import { createSimulation, SeededRandom, type SimulatedDisk, type Simulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { openStore, type Store, type StoreOptions } from '../src/index.ts';
import { bytes } from './operations.ts';
import { show, Twin } from './twin.ts';

const long = process.env['COTERIE_LONG'] !== undefined;
const outcomes = long ? 6 : 2;
const writes = long ? 150 : 60;

/** What was asked for when the power failed: the state after each write, and how many of them were acknowledged as durable. */
interface History {
  readonly states: readonly (readonly string[])[];
  readonly durable: number;
}

interface Moment {
  readonly disk: SimulatedDisk;
  readonly history: History;
}

interface Plan {
  readonly name: string;
  readonly options: StoreOptions;
  /** Share of writes that are durable. */
  readonly durable: number;
  /** Whether what is written to some of the keys is left unread. */
  readonly unread?: boolean;
}

const tiny: StoreOptions = {
  cacheBytes: 65_536,
  writeBufferBytes: 2048,
  tableBytes: 1024,
  level0Tables: 2,
  level1Bytes: 4096,
  blockBytes: 128,
  reserveBytes: 0,
  logSegmentBytes: 65_536,
};

const plans: readonly Plan[] = [
  { name: 'durable writes, compaction after nearly every flush', options: tiny, durable: 1 },
  { name: 'durable and undurable writes', options: { ...tiny, level0Tables: 4, reserveBytes: 4096 }, durable: 0.3 },
  { name: 'never durable', options: { ...tiny, durable: false, compression: 'deflate' }, durable: 0 },
  { name: 'with keys that are left unread', options: tiny, durable: 0.3, unread: true },
];

/** Runs a workload and keeps a copy of the disk before every operation that can change what a crash leaves. */
class Workload {
  readonly moments: Moment[] = [];
  readonly simulation: Simulation;
  readonly #random: SeededRandom;
  readonly #plan: Plan;
  readonly #twin = new Twin();
  readonly #states: (readonly string[])[] = [[]];
  #durable = 0;

  constructor(plan: Plan, seed: number) {
    this.#plan = plan;
    this.#random = new SeededRandom(seed);
    this.simulation = createSimulation({ seed });
    const { disk } = this.simulation;
    disk.setFault((operation) => {
      if (operation.mutation !== undefined) this.moments.push({ disk: disk.clone(), history: this.history });
      return undefined;
    });
  }

  get history(): History {
    return { states: this.#states.slice(), durable: this.#durable };
  }

  async run(count: number): Promise<void> {
    let store = await this.#open();
    for (let i = 0; i < count; i++) {
      await this.simulation.run(this.#write(store, i));
      if (this.#random.chance(0.03)) await this.simulation.run(store.settle());
      if (this.#random.chance(0.02)) {
        await this.simulation.run(store.close());
        this.#durable = this.#states.length - 1;
        store = await this.#open();
      }
    }
    await this.simulation.run(store.close());
  }

  async #open(): Promise<Store> {
    const { options, unread = false } = this.#plan;
    const store = await this.simulation.run(() => openStore('/data', { ...options, environment: this.simulation.environment }));
    if (unread) store.leaveUnread(bytes('k1'), bytes('k2'));
    return store;
  }

  async #write(store: Store, i: number): Promise<void> {
    const batch = store.batch();
    const parts = this.#random.chance(0.3) ? 1 + this.#random.below(5) : 1;
    for (let part = 0; part < parts; part++) this.#add(batch, `${i}.${part}:${'x'.repeat(this.#random.below(300))}`);
    this.#states.push(show(this.#twin.entries()));
    const index = this.#states.length - 1;
    const durable = this.#random.chance(this.#plan.durable);
    if (this.#random.chance(0.5)) await batch.commit({ durable });
    else batch.commitSync({ durable });
    if (durable) this.#durable = index;
  }

  #add(batch: ReturnType<Store['batch']>, value: string): void {
    const key = bytes(`k${this.#random.below(30)}`);
    const kind = this.#random.below(10);
    if (kind === 0) {
      const to = bytes(`k${this.#random.below(30)}`);
      batch.deleteRange(key, to);
      this.#twin.deleteRange(key, to);
    } else if (kind < 3) {
      batch.delete(key);
      this.#twin.delete(key);
    } else {
      batch.put(key, bytes(value));
      this.#twin.put(key, bytes(value));
    }
  }
}

async function contents(store: Store): Promise<string[]> {
  const found: [Uint8Array, Uint8Array][] = [];
  for await (const entry of store.range()) found.push(entry);
  return show(found);
}

/** How long a prefix the contents are; -1 if they are none at or after `durable`. */
function prefixLength(found: readonly string[], { states, durable }: History): number {
  for (let i = states.length - 1; i >= durable; i--) {
    if (states[i].length === found.length && states[i].every((entry, at) => entry === found[at])) return i;
  }
  return -1;
}

/** Opens what a crash left, checks it, writes on, crashes again and checks that too. */
async function checkOutcome({ disk, history }: Moment, { plan, seed }: { plan: Plan; seed: number }): Promise<void> {
  const simulation = createSimulation({ seed, disk: crashed(disk, seed) });
  const options = { ...plan.options, environment: simulation.environment };
  const store = await simulation.run(() => openStore('/data', options));
  const found = await simulation.run(contents(store));
  const length = prefixLength(found, history);
  if (length < 0) expect(found, `seed ${seed}: no prefix of at least ${history.durable} writes`).toEqual(history.states[history.durable]);
  await simulation.run(store.put(bytes('after'), bytes('crash'), { durable: true }));
  const expected = [...found.filter((entry) => !entry.startsWith('after=')), 'after=crash'].toSorted();
  simulation.disk.powerCut();
  const again = createSimulation({ seed: seed + 1, disk: simulation.disk });
  const reopened = await again.run(() => openStore('/data', { ...plan.options, environment: again.environment }));
  expect((await again.run(contents(reopened))).toSorted()).toEqual(expected);
}

function crashed(disk: SimulatedDisk, seed: number): SimulatedDisk {
  const copy = disk.clone();
  copy.crash(seed);
  return copy;
}

describe.each(plans)('a crash at every operation: $name', (plan) => {
  it('leaves all that was acknowledged, and a prefix', async () => {
    const workload = new Workload(plan, 7);
    await workload.run(writes);
    expect(workload.moments.length).toBeGreaterThan(100);
    for (const [at, moment] of workload.moments.entries()) {
      for (let outcome = 0; outcome < outcomes; outcome++) await checkOutcome(moment, { plan, seed: 1000 * at + outcome });
    }
  }, 600_000);
});
