/**
 * Lives of one store on a disk that fails at random: any operation, with any error, now and then or for a while, and at the
 * end of each life a clean close, a killed process or a power cut. Whatever the store says is true: what it acknowledged is
 * there, what it refused without effect is not, what it is not sure of is there whole or not at all. Every error is typed,
 * and none of them speaks of damage: nothing was damaged.
 */
import { type CoterieError, isCoterieError } from '@coterie/env';
import { type DiskOperation, SeededRandom } from '@coterie/simulator';
import { describe, expect, test } from 'vitest';
import type { Store, StoreOptions } from '../src/index.ts';
import { bytes } from './operations.ts';
import { show, Twin } from './twin.ts';
import { contents, contentsSync, key, World } from './world.ts';

const long = process.env['COTERIE_LONG'] !== undefined;
const errors = ['EIO', 'ENOSPC', 'EMFILE', 'EROFS'] as const;

/** Which operations fail, and how often. */
interface Weather {
  readonly probability: number;
  readonly error: (typeof errors)[number];
  readonly hits: (operation: DiskOperation) => boolean;
}

const anywhere = (): boolean => true;
const places: readonly ((operation: DiskOperation) => boolean)[] = [
  anywhere,
  anywhere,
  ({ path }) => path.endsWith('.sst'),
  ({ path }) => path.startsWith('/data/log'),
  ({ path }) => /MANIFEST|CURRENT/.test(path),
  ({ kind }) => kind === 'sync' || kind === 'syncDirectory',
  ({ kind }) => kind === 'write',
  ({ kind }) => kind === 'remove' || kind === 'rename' || kind === 'list',
  ({ kind }) => kind === 'close',
];

/** The states that the store may be in: more than one after a write that may have taken effect. */
class Model {
  states: Twin[] = [new Twin()];

  write(change: (twin: Twin) => void, outcome: 'done' | 'none' | 'possible'): void {
    if (outcome === 'none') return;
    const changed = this.states.map((state) => {
      const copy = state.copy();
      change(copy);
      return copy;
    });
    this.states = outcome === 'done' ? changed : [...this.states, ...changed];
  }

  /** The store was seen to be in this state; from now on it is in no other. */
  seen(found: readonly string[], how: string): void {
    const fits = this.states.filter((state) => String(show(state.entries())) === String(found));
    if (fits.length === 0) expect(found, how).toEqual(show(this.states[0].entries()));
    this.states = [fits[0] as Twin];
  }

  mayHold(name: Uint8Array, value: Uint8Array | undefined): boolean {
    return this.states.some((state) => String(state.get(name)) === String(value));
  }
}

class Life {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #model: Model;
  readonly #options: StoreOptions;
  /** What the journal is told of each operation that failed, for when a test fails. */
  readonly struck: string[] = [];
  #writes = 0;

  constructor(world: World, parts: { random: SeededRandom; model: Model; options: StoreOptions }) {
    this.#world = world;
    this.#random = parts.random;
    this.#model = parts.model;
    this.#options = parts.options;
  }

  /** One life, from open to its end; errors of opening are waited out. */
  async run(operations: number): Promise<void> {
    this.#setWeather();
    let store = await this.#open();
    if (store === undefined) {
      this.#world.disk.setFault(undefined);
      store = await this.#world.open(this.#options);
    }
    for (let i = 0; i < operations; i++) await this.#step(store);
    if (this.#random.chance(0.3)) this.#world.disk.setFault(undefined);
    await this.#end(store);
    this.#world.disk.setFault(undefined);
    const again = await this.#world.open(this.#options);
    this.#model.seen(await this.#world.run(() => contents(again)), 'after reopening');
    expect(contentsSync(again)).toEqual(show((this.#model.states[0] as Twin).entries()));
    await this.#world.run(() => again.settle());
    this.#model.seen(contentsSync(again), 'after settling');
    await this.#world.run(() => again.close());
    expect(this.#world.disk.openHandles).toBe(0);
  }

  #setWeather(): void {
    const random = this.#random;
    const weather: Weather = {
      probability: [0.002, 0.01, 0.05, 0.3][random.below(4)] as number,
      error: random.pick(errors),
      hits: random.pick(places),
    };
    this.#world.disk.setFault((operation) => {
      if (operation.kind === 'unlock') return undefined;
      if (!weather.hits(operation) || !random.chance(weather.probability)) return undefined;
      const error = random.chance(0.2) ? random.pick(errors) : weather.error;
      this.struck.push(`${operation.kind} ${operation.path} ${error}`);
      const short = operation.kind === 'write' && random.chance(0.5) ? { shortWriteBytes: random.below(operation.length ?? 1) } : {};
      return { error, ...short };
    });
  }

  async #open(): Promise<Store | undefined> {
    try {
      return await this.#world.open(this.#options);
    } catch (error) {
      this.#typed(error);
      return undefined;
    }
  }

  async #step(store: Store): Promise<void> {
    const dice = this.#random.below(20);
    if (dice === 0) this.#setWeather();
    else if (dice === 1) await this.#attempt(() => store.settle());
    else if (dice === 2) await this.#world.simulation.advance(this.#random.below(3000));
    else if (dice < 8) await this.#read(store);
    else await this.#write(store);
  }

  async #write(store: Store): Promise<void> {
    const batch = store.batch();
    const text = bytes(`${this.#writes++}:`.padEnd(this.#random.below(200), 'x'));
    const names = Array.from({ length: 1 + this.#random.below(4) }, () => key(this.#random.below(40)));
    const [from, to] = [key(this.#random.below(40)), key(this.#random.below(40))];
    const ranged = this.#random.chance(0.1);
    if (ranged) batch.deleteRange(from, to);
    for (const name of names) batch.put(name, text);
    const sync = this.#random.chance(0.4);
    const error = await this.#attempt(async () => (sync ? batch.commitSync() : batch.commit()));
    const outcome = error === undefined ? 'done' : error.details.mayHaveTakenEffect === false ? 'none' : 'possible';
    this.#model.write((twin) => {
      if (ranged) twin.deleteRange(from, to);
      for (const name of names) twin.put(name, text);
    }, outcome);
    expect(this.#model.states.length, 'a write of unknown effect ends all writes').toBeLessThanOrEqual(2);
    if (outcome === 'possible') expect(store.failure).toBeDefined();
  }

  async #read(store: Store): Promise<void> {
    const name = key(this.#random.below(40));
    const forms = [
      async () => this.#check(name, store.getSync(name)),
      async () => this.#check(name, await store.get(name)),
      async () => this.#check(name, (await store.getMany([key(1), name]))[1]),
      async () => this.#checkAll(contentsSync(store)),
      async () => this.#checkAll(await contents(store)),
    ];
    await this.#attempt(this.#random.pick(forms));
  }

  #check(name: Uint8Array, found: Uint8Array | undefined): void {
    expect(this.#model.mayHold(name, found), `${Buffer.from(name).toString()} is ${String(found && Buffer.from(found))}`).toBe(true);
  }

  #checkAll(found: readonly string[]): void {
    const states = this.#model.states.map((state) => String(show(state.entries())));
    expect(states).toContain(String(found));
  }

  async #attempt(work: () => Promise<unknown>): Promise<CoterieError | undefined> {
    try {
      await this.#world.run(work);
      return undefined;
    } catch (error) {
      return this.#typed(error);
    }
  }

  #typed(error: unknown): CoterieError {
    if (!isCoterieError(error)) throw error;
    expect(['DISK_IO', 'DISK_FULL', 'OVERLOADED'], error.message).toContain(error.code);
    return error;
  }

  /** A clean close, a process that is killed, or a power cut. */
  async #end(store: Store): Promise<void> {
    const ending = this.#random.below(3);
    if (ending === 0) await this.#attempt(() => store.close());
    else if (ending === 1) this.#world.disk.restart(this.#random.below(1000));
    else await this.#kill();
  }

  /** The process is gone, the system stays: nothing written is lost. Syncing all files first makes a restart just that. A file may go meanwhile. */
  async #kill(): Promise<void> {
    const { disk } = this.#world;
    disk.setFault(undefined);
    const { files } = this.#world.simulation.environment;
    await this.#world.run(async () => {
      for (const path of disk.paths()) {
        const file = await files.open(path, 'update').catch(() => undefined);
        await file?.sync();
        await file?.close();
      }
      for (const directory of ['/', '/data', '/data/log']) if (await files.exists(directory)) await files.syncDirectory(directory);
    });
    disk.restart(1);
  }
}

const shapes: readonly StoreOptions[] = [
  { writeBufferBytes: 2048, tableBytes: 1024, level0Tables: 2, level1Bytes: 4096, blockBytes: 128, cacheBytes: 0, logSegmentBytes: 65_536 },
  { writeBufferBytes: 16_384, tableBytes: 8192, level0Tables: 4, reserveBytes: 32_768, cacheBytes: 65_536, compression: 'deflate' },
  { writeBufferBytes: 4096, tableHandles: 2, cacheBytes: 0, stallMs: 200, stallBytesMax: 5000, reserveBytes: 8192, idleMs: 100 },
];

/** Seed 35: the log fails for good while a write waits in line for a flush that is not tried again any more. */
const seeds = long ? Array.from({ length: 300 }, (_, i) => i + 1) : [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 35];

describe.each(shapes)('a store on a failing disk %#', (options) => {
  test.each(seeds)('says nothing but the truth (seed %i)', async (seed) => {
    const world = new World(seed);
    const random = new SeededRandom(seed);
    const model = new Model();
    for (let i = 0; i < 4; i++) {
      const life = new Life(world, { random, model, options });
      await life.run(60).catch((error: unknown) => {
        const told = world.lines.map(({ event, fields }) => `${event} ${JSON.stringify(fields)}`).slice(-10);
        throw new Error(`life ${i}: ${(error as Error).message}\nstruck: ${life.struck.slice(-10).join('; ')}\ntold: ${told.join('\n')}`, {
          cause: error,
        });
      });
    }
    expect(world.disk.openHandles, 'after the last life').toBe(0);
  });
});
