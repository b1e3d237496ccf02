/** Reads the list of what is to be forgotten (`forgettable.ts`): what could go, and what goes below a floor. */
import { CoterieError } from '@coterie/env';
import type { Core } from '../core.ts';
import { addressAt, namedKey, space, successor } from '../store/layout.ts';
import type { CausalObject } from '../objects/object.ts';
import type { Place } from '../replica/replica.ts';
import { decodeEntry, type Forgettable, forgettableOf, listedObject, listMarkKey } from './forgettable.ts';
import type { KeptFloor, Stretch } from './floors.ts';
import { afterForgetting, type Before, isDead } from './forget.ts';

/** Entries read at a time. */
const pageEntries = 512;
/** Objects changed at a time. */
const window = 16;
/** Objects of a stretch that are all read for the lives that they name; beyond, one in so many. */
const readWhole = 32;
const sampleEvery = 16;
/** How often a copy that is being written is tried again. */
const triesMax = 20;

/** A stretch in which something could be forgotten. */
export interface Candidate extends Stretch {
  readonly copies: number;
  /** Lives that the clocks of what could go name. */
  readonly lives: Set<string>;
}

/** What the list says in all. */
export interface Outstanding {
  /** Objects with a tombstone, or without any value. */
  readonly deleted: number;
  /** Objects with a value that will expire. */
  readonly expiring: number;
  /** Objects with a value that has. */
  readonly expired: number;
  /** When the oldest tombstone was written, in wall-clock milliseconds. */
  readonly oldestMs: number | undefined;
}

/** What a look found. */
export interface Found {
  readonly outstanding: Outstanding;
  readonly candidates: readonly Candidate[];
}

/** What to look for. */
export interface Wish {
  /** Partitions of which candidates are wanted. */
  readonly isWanted: (partition: number) => boolean;
  readonly before: Before;
  readonly candidatesMax: number;
  /** Counts looks, so that each takes another sample. */
  readonly number: number;
}

/** An entry of the list, and where its object lies. */
interface Entry {
  readonly place: Place;
  readonly partition: number;
  readonly said: Forgettable;
}

/**
 * Goes through the whole list, and reads a sample of the objects: a life that no object of the sample names does not get
 * into the floor, so what names it stays for another round.
 */
export async function lookAtList(core: Core, { isWanted, before, candidatesMax, number }: Wish): Promise<Found> {
  const found = new Map<string, Candidate>();
  const seen = new Map<string, number>();
  const counts = { deleted: 0, expiring: 0, expired: 0 };
  let oldestMs: number | undefined;
  await eachEntry(core, undefined, async (entries) => {
    for (const { place, partition, said } of entries) {
      const kind =
        said.kind === 'expires' && said.sinceMs <= before.expiredMs ? 'expired' : said.kind === 'expires' ? 'expiring' : 'deleted';
      counts[kind] += 1;
      if (kind === 'deleted') oldestMs = Math.min(oldestMs ?? Infinity, said.sinceMs);
      if (kind === 'expiring' || !isWanted(partition)) continue;
      const { name, generation, properties } = place.bucket;
      const id = `${partition} ${name}`;
      const known = found.get(id);
      if (known === undefined && found.size >= candidatesMax) continue;
      const ordinal = seen.get(id) ?? 0;
      seen.set(id, ordinal + 1);
      if (ordinal >= readWhole && (ordinal + number) % sampleEvery !== 0) continue;
      const lives = await livesThatCouldGo(core, place, before);
      if (lives.length === 0) continue;
      const candidate = known ?? { partition, bucket: name, generation, copies: properties.n, lives: new Set<string>() };
      found.set(id, candidate);
      for (const life of lives) candidate.lives.add(life);
    }
    await core.environment.timers.turn();
  });
  return { outstanding: { ...counts, oldestMs }, candidates: [...found.values()] };
}

/** Drops what is dead below these floors, of stretches of one partition; resolves to how many objects it changed. @throws `NOT_READY` */
export async function dropBelow(core: Core, partition: number, floors: readonly KeptFloor[]): Promise<number> {
  let dropped = 0;
  await eachEntry(core, partition, async (entries) => {
    for (let at = 0; at < entries.length; at += window) {
      const changes = entries.slice(at, at + window).map(async ({ place, said }) => {
        const kept = floors.find(({ bucket, generation }) => bucket === place.bucket.name && generation === place.bucket.generation);
        if (kept === undefined || (said.kind === 'expires' && said.sinceMs > kept.before.expiredMs)) return;
        if (await changeCopy(core, place, (object) => afterForgetting(object, kept.floor, kept.before))) dropped += 1;
      });
      await Promise.all(changes);
    }
    await core.environment.timers.turn();
  });
  return dropped;
}

/**
 * Makes the list, where it was never made or a part of it was lost: what it lacks, and what it says of objects that are gone,
 * for an entry can have come to light whose end was lost. Durable when it resolves.
 */
export async function prepareList(core: Core): Promise<void> {
  if ((await core.store.get(listMarkKey)) !== undefined) return;
  await relistAll(core, space.forgettable);
  await relistAll(core, space.object);
  const batch = core.store.batch();
  batch.put(listMarkKey, Uint8Array.of(1));
  await batch.commit({ durable: true });
}

/** Makes the list right about every object that has a key in this space: that of the objects, or the list itself. */
async function relistAll(core: Core, spaceByte: number): Promise<void> {
  const end = Uint8Array.of(spaceByte + 1);
  for (let next: Uint8Array | undefined = Uint8Array.of(spaceByte); next !== undefined; ) {
    const keys: Uint8Array[] = [];
    for await (const [key] of core.store.range({ gte: next, lt: end, limit: pageEntries })) keys.push(key);
    for (const key of keys) {
      const place = placeOf(core, listedObject(key));
      if (place !== undefined) await insist(core, place, () => core.local.relist(place));
    }
    const last = keys.at(-1);
    next = last === undefined || keys.length < pageEntries ? undefined : successor(last);
  }
}

/** Has a copy become what `change` makes of it, once it is not on its way to the disk; resolves to whether it changed. @throws `NOT_READY` */
async function changeCopy(core: Core, place: Place, change: (object: CausalObject) => CausalObject | 'gone'): Promise<boolean> {
  let isChanged = false;
  await insist(core, place, () =>
    core.local.forget(place, (object) => {
      const after = change(object);
      isChanged = after !== object;
      return after;
    }),
  );
  return isChanged;
}

async function insist(core: Core, place: Place, work: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < triesMax; tries++) {
    if (await work()) return;
    await core.local.readDurable(place);
  }
  throw new CoterieError('NOT_READY', 'a copy is being written all the time');
}

/** Lives named by the clock of an object of which something is dead; none if nothing is. */
async function livesThatCouldGo(core: Core, place: Place, before: Before): Promise<string[]> {
  const object = await core.local.read(place);
  const { set } = object;
  const said = forgettableOf(object);
  if (said === undefined) await core.local.relist(place);
  const isBare = set.siblings.length === 0 && said !== undefined;
  if (!isBare && !set.siblings.some(({ value }) => isDead(value, before))) return [];
  return [...set.clock.entries, ...set.cloud].map(({ incarnation }) => incarnation);
}

async function eachEntry(core: Core, partition: number | undefined, visit: (entries: readonly Entry[]) => Promise<void>): Promise<void> {
  const { partitions } = core.cluster.state.ring;
  const width = 2 ** 32 / partitions;
  const end = listBound(partition === undefined ? partitions : partition + 1, partitions);
  for (let next: Uint8Array | undefined = listBound(partition ?? 0, partitions); next !== undefined; ) {
    const entries: Entry[] = [];
    let [last, count]: [Uint8Array | undefined, number] = [undefined, 0];
    for await (const [key, value] of core.store.range({ gte: next, lt: end, limit: pageEntries })) {
      last = key;
      count += 1;
      const place = placeOf(core, listedObject(key));
      if (place !== undefined) entries.push({ place, partition: Math.floor(place.address.token.high / width), said: decodeEntry(value) });
    }
    if (entries.length > 0) await visit(entries);
    next = last === undefined || count < pageEntries ? undefined : successor(last);
  }
}

/** The place of an object; undefined in a generation that was dropped. */
function placeOf(core: Core, objectKey: Uint8Array): Place | undefined {
  const address = addressAt(objectKey);
  const bucket = core.buckets.get(address.bucket);
  return bucket.generation === address.generation ? { bucket, address } : undefined;
}

function listBound(partition: number, partitions: number): Uint8Array {
  if (partition === partitions) return Uint8Array.of(space.forgettable + 1);
  const high = partition * (2 ** 32 / partitions);
  return namedKey(space.forgettable, Uint8Array.of(high >>> 24, (high >>> 16) & 0xff, (high >>> 8) & 0xff, high & 0xff));
}
