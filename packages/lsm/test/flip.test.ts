/**
 * Any byte of any file of a store is damaged. Then opening or reading ends in a typed error that names the file (and the
 * place), or every answer is right. Only in the unsynced tail that a power cut leaves may damage cut something off, and
 * then the journal says so and what is left is a prefix of what was written. Wrong data is never served.
 */
import { type CoterieError, isCoterieError } from '@coterie/env';
import { SeededRandom, type SimulatedDisk } from '@coterie/simulator';
import { describe, expect, test } from 'vitest';
import type { Store, StoreOptions } from '../src/index.ts';
import { bytes } from './operations.ts';
import { show, Twin } from './twin.ts';
import { contents, contentsSync, World } from './world.ts';

const long = process.env['COTERIE_LONG'] !== undefined;
/** Damaged bytes in each large file, in the short form; small files get every byte damaged. */
const sampled = 15;
const smallBytes = 150;

const options: StoreOptions = {
  writeBufferBytes: 3072,
  tableBytes: 1500,
  level0Tables: 3,
  level1Bytes: 3000,
  blockBytes: 200,
  cacheBytes: 0,
  reserveBytes: 4096,
  logSegmentBytes: 65_536,
  idleMs: 3_600_000,
};
const keys = Array.from({ length: 40 }, (_, i) => bytes(`key${String(i).padStart(2, '0')}`));

/** A store on a disk without power, and every state that it went through. */
interface Victim {
  readonly disk: SimulatedDisk;
  readonly states: readonly (readonly string[])[];
  readonly compression: 'none' | 'deflate';
  readonly ending: 'closed' | 'power cut';
}

/** Writes puts, deletes, range deletes and batches, under snapshots, so that tables hold several versions of keys. */
async function makeVictim(compression: Victim['compression'], ending: Victim['ending']): Promise<Victim> {
  const world = new World(11);
  const store = await world.open({ ...options, compression });
  const random = new SeededRandom(5);
  const twin = new Twin();
  const states: (readonly string[])[] = [[]];
  for (let i = 0; i < 170; i++) {
    if (i % 40 === 10) store.snapshot();
    await world.run(() => write(store, { twin, random, i }));
    states.push(show(twin.entries()));
    if (i === 120) await world.run(() => store.settle());
  }
  if (ending === 'closed') await world.run(() => store.close());
  const disk = world.disk.clone();
  disk.crash(3);
  return { disk, states, compression, ending };
}

async function write(store: Store, { twin, random, i }: { twin: Twin; random: SeededRandom; i: number }): Promise<void> {
  const key = keys[random.below(keys.length)];
  const batch = store.batch();
  if (i % 9 === 4) {
    const to = keys[random.below(keys.length)];
    batch.deleteRange(key, to);
    twin.deleteRange(key, to);
  } else if (i % 7 === 3) {
    batch.delete(key);
    twin.delete(key);
  } else {
    const value = bytes(`${i}:`.padEnd(random.below(120), 'abc'));
    batch.put(key, value);
    twin.put(key, value);
  }
  await batch.commit();
}

/** What came of one damaged byte. */
type Outcome = 'refused' | 'partly refused' | 'right' | 'cut';

/** Opens the damaged store, reads everything in every way, and checks each answer. */
async function outcomeOf(victim: Victim, damage: { path: string; offset: number; bit: number }): Promise<Outcome> {
  const world = new World(1, victim.disk.clone());
  world.disk.restart(1);
  world.disk.flipBit(damage.path, damage.offset, damage.bit);
  const judge = new Judge(victim, world, damage.path);
  const store = await world.open({ ...options, compression: victim.compression }).catch((error: unknown) => judge.refused(error));
  if (store === undefined) {
    await expect(world.open(options), 'the second try is refused as well').rejects.toMatchObject({ name: 'CoterieError' });
    expect(world.disk.openHandles).toBe(0);
    return 'refused';
  }
  await judge.readAll(store);
  await world.run(() => store.settle()).catch((error: unknown) => judge.refused(error));
  await judge.readAll(store);
  await world.run(() => store.close());
  return judge.outcome();
}

/** Knows what may be answered. */
class Judge {
  readonly #victim: Victim;
  readonly #world: World;
  readonly #path: string;
  #refusals = 0;
  #state: readonly string[] | undefined;

  constructor(victim: Victim, world: World, path: string) {
    this.#victim = victim;
    this.#world = world;
    this.#path = path;
  }

  outcome(): Outcome {
    if (this.#refusals > 0) return 'partly refused';
    return this.#state === this.#victim.states.at(-1) || this.#state === undefined ? 'right' : 'cut';
  }

  /** Notes a refusal, which must be typed and name the damaged file. */
  refused(error: unknown): undefined {
    if (!isCoterieError(error)) throw error;
    this.#refusals++;
    expect(['CORRUPTION', 'UNSUPPORTED_FORMAT'], error.message).toContain(error.code);
    expect(error.message).toContain(error.details.file);
    if (this.#path.startsWith('/data/log/')) expect(error.details.file).toMatch(/^\/data\/log\//);
    else expect(error.details.file?.replace('/damaged/', '/')).toBe(this.#path);
    if (error.code === 'CORRUPTION') expect(error.details.offset).toBeTypeOf('number');
    return undefined;
  }

  async readAll(store: Store): Promise<void> {
    await this.#whole('scanSync', () => contentsSync(store));
    await this.#whole('range', () => this.#world.run(() => contents(store)));
    await this.#whole('reverse', () => this.#world.run(() => backwards(store)));
    for (const key of keys) await this.#one('getSync', key, () => store.getSync(key));
    for (const key of keys.slice(0, 8)) await this.#one('get', key, () => this.#world.run(() => store.get(key)));
    const many = await this.#world.run(() => store.getMany(keys)).catch((error: unknown) => this.refused(error));
    if (many !== undefined) for (const [i, key] of keys.entries()) await this.#one('getMany', key, () => many[i]);
  }

  async #whole(how: string, read: () => string[] | Promise<string[]>): Promise<void> {
    const found = await attempt(read, (error) => this.refused(error));
    if (found !== undefined) this.#check(how, (state) => isSame(state, found), found);
  }

  async #one(how: string, key: Uint8Array, read: () => Uint8Array | undefined | Promise<Uint8Array | undefined>): Promise<void> {
    const name = Buffer.from(key).toString();
    const found = await attempt(
      async () => ({ value: await read() }),
      (error) => this.refused(error),
    );
    if (found === undefined) return;
    const shown = found.value === undefined ? undefined : `${name}=${Buffer.from(found.value).toString()}`;
    this.#check(`${how} ${name}`, (state) => state.find((entry) => entry.startsWith(`${name}=`)) === shown, shown);
  }

  /** The answer must fit the one state that all answers come from: the last, or an earlier one if a cut was reported. */
  #check(how: string, fits: (state: readonly string[]) => boolean, found: unknown): void {
    const { states } = this.#victim;
    this.#state ??= this.#mayBeCut ? states.findLast(fits) : states.at(-1);
    if (this.#state === undefined || !fits(this.#state)) expect.fail(`${how} answered ${JSON.stringify(found)}, which was never true`);
  }

  get #mayBeCut(): boolean {
    const told = this.#world.told('log tail cut').length + this.#world.told('manifest: a torn last edit was cut').length;
    return this.#victim.ending === 'power cut' && told > 0;
  }
}

async function attempt<T>(read: () => T | Promise<T>, refused: (error: unknown) => undefined): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    return refused(error);
  }
}

async function backwards(store: Store): Promise<string[]> {
  const found: [Uint8Array, Uint8Array][] = [];
  for await (const entry of store.range({ reverse: true })) found.push(entry);
  return show(found.reverse());
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((entry, i) => entry === b[i]);
}

describe.each(['none', 'deflate'] as const)('compression %s', (compression) => {
  test.each(['closed', 'power cut'] as const)(
    'any flipped byte of a store that was %s is noticed or does no harm',
    async (ending) => {
      const victim = await makeVictim(compression, ending);
      const sound = new World(1, victim.disk.clone());
      expect(contentsSync(await sound.open(options)), 'whole, it is whole').toEqual(victim.states.at(-1));
      const random = new SeededRandom(17);
      const counts: Record<string, Record<string, number>> = {};
      const disk = victim.disk.clone();
      disk.restart(1);
      for (const path of disk.paths()) {
        const length = disk.contents(path).length;
        const every = long || length <= smallBytes;
        for (let i = 0; i < (every ? length : sampled); i++) {
          const damage = { path, offset: every ? i : random.below(length), bit: random.below(8) };
          const outcome = await outcomeOf(victim, damage).catch((error: unknown) => {
            throw new Error(`${path} of ${length} bytes, byte ${damage.offset}, bit ${damage.bit}: ${(error as CoterieError).message}`, {
              cause: error,
            });
          });
          const kind = path.includes('.sst') ? 'table' : path.includes('/log/') ? 'log' : path.replace(/-\d+/, '');
          (counts[kind] ??= {})[outcome] = (counts[kind]?.[outcome] ?? 0) + 1;
        }
      }
      expect(Object.keys(counts)).toEqual(expect.arrayContaining(['table', 'log', '/data/CURRENT', '/data/MANIFEST']));
      expect(counts['table']?.['cut']).toBeUndefined();
      expect(counts['table']?.['partly refused']).toBeGreaterThan(5);
      expect(counts['/data/CURRENT']).toEqual({ refused: disk.contents('/data/CURRENT').length });
      expect(counts['/data/MANIFEST']?.['refused']).toBeGreaterThan(10);
    },
    3_600_000,
  );
});
