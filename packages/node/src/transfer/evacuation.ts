/**
 * Clears out what this store holds of partitions that are no longer its own: after a move, or from a write that came by
 * an older ring. Every owner gets what it lacks first; only then is the copy here removed.
 *
 * ```
 *   page of such objects ──▶ each owner says which it lacks ──▶ gets them ──▶ copies here go, if still the same ──▶ a rest
 * ```
 */
import { equalBytes } from '@coterie/bytes';
import { encodeOutline, outlineOf } from '../anti-entropy/outline.ts';
import { stateHash } from '../anti-entropy/state-hash.ts';
import { foreignTo } from '../cluster/moves.ts';
import type { ClusterState } from '../cluster/state.ts';
import { type Core, placementAt } from '../core.ts';
import { addressAt, successor } from '../store/layout.ts';
import { countMoved } from './moved.ts';
import { addressSeed, type CausalObject, hashOf, payloadBytesOf } from '../objects/object.ts';
import { restAfter, Steps, untilCalm } from './pace.ts';
import { partitionStart, rangesOf } from '../store/partition-ranges.ts';
import type { OutlinedObject } from '../peers/peers.ts';
import type { Place } from '../replica/replica.ts';
import { decodeCopy } from '../replica/stored-copy.ts';
import { mergeWindow } from './transfer.ts';

/** Objects looked at together, and bytes of them past which a page ends: each is decoded here and looked up at every owner. */
const pageObjects = 64;
const pageBytes = 2 ** 16;

/** Milliseconds of looking after which it rests, although the page is not full. */
const workMsMost = 5;

/** An object that is out of place. */
interface Stray {
  readonly place: Place;
  readonly record: Uint8Array;
  readonly object: CausalObject;
  readonly owners: readonly string[];
}

/** What is looked at together. */
interface Page {
  readonly strays: Stray[];
  seen: number;
  bytes: number;
}

function emptyPage(): Page {
  return { strays: [], seen: 0, bytes: 0 };
}

/** Steps between two sweeps of one ring: what arrives late, by an older ring, is found by the next. */
const stepsPerSweep = 60;

function outlined({ place, object }: Stray): OutlinedObject {
  const { objectKey } = place.address;
  return { objectKey, hash: hashOf(object), outline: encodeOutline(outlineOf(object, stateHash(objectKey, object))) };
}

/** Clears out strays, a sweep at a time. */
export class Evacuation {
  readonly #core: Core;
  #sweptEpoch = -1;
  #steps = 0;
  /** The ring by which the last whole sweep found nothing out of place. */
  #clearEpoch = -1;
  /** Strays met in the sweep that runs. */
  #met = 0;
  /** Why the last sweep was put off; empty when it was not. */
  trouble = '';
  /** Objects removed since the start. */
  removed = 0;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Whether a whole sweep by this ring found nothing that is out of place. */
  isClearAt(ringEpoch: number): boolean {
    return this.#clearEpoch === ringEpoch;
  }

  /** Sweeps when the ring is a new one, and again now and then. A failure leaves the rest for the next step. */
  async step(): Promise<void> {
    const { state } = this.#core.cluster;
    this.#steps += 1;
    const isLeaving = state.leaving.includes(this.#core.selfId) && !this.isClearAt(state.ringEpoch);
    if (this.#sweptEpoch === state.ringEpoch && this.#steps < stepsPerSweep && !isLeaving) return;
    try {
      await this.#sweepAll(state);
      this.trouble = '';
    } catch (error) {
      this.trouble = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  async #sweepAll(state: ClusterState): Promise<void> {
    this.#met = 0;
    const removedBefore = this.removed;
    const steps = new Steps(this.#core.environment.timers);
    const { environment } = this.#core;
    // A new ring is news for every member at once: what can wait does not begin with it.
    await untilCalm(environment);
    let sinceMs = environment.clock.monotonic();
    let page = emptyPage();
    for (const [from, until] of rangesOf(foreignTo(state, this.#core.selfId))) {
      const end = partitionStart(until, state.ring.partitions);
      let next: Uint8Array | undefined = partitionStart(from, state.ring.partitions);
      while (next !== undefined) {
        await steps.next();
        next = await this.#fill(page, next, end);
        if (this.#isOld(state)) return;
        const isFull = next !== undefined;
        if (isFull) await this.#bringHome(page.strays);
        if (isFull) page = emptyPage();
        // Stretches with nothing out of place cost time as well.
        if (!isFull && environment.clock.monotonic() - sinceMs < workMsMost) continue;
        await restAfter(environment, sinceMs);
        sinceMs = environment.clock.monotonic();
      }
    }
    await this.#bringHome(page.strays);
    if (this.#met === 0) this.#clearEpoch = state.ringEpoch;
    this.#sweptEpoch = state.ringEpoch;
    // Where all that was met has gone, the next step makes sure that there was no more: a round of forgetting waits for that.
    const isCleared = this.#met > 0 && this.removed - removedBefore === this.#met;
    this.#steps = isCleared ? stepsPerSweep : 0;
  }

  /** Whether the ring is another by now: what was foreign may be moving, and a sweep by the new one comes next. */
  #isOld(state: ClusterState): boolean {
    return this.#core.cluster.state.ringEpoch !== state.ringEpoch;
  }

  /**
   * Adds the strays of a stretch to a page; resolves to where to go on once the page is full, undefined at the stretch's
   * end. A page goes on over several stretches: each costs a question to every owner, however short it is.
   */
  async #fill(page: Page, from: Uint8Array, until: Uint8Array): Promise<Uint8Array | undefined> {
    for await (const [objectKey, record] of this.#core.store.range({ gte: from, lt: until, limit: pageObjects })) {
      page.seen += 1;
      page.bytes += record.length;
      const stray = this.#strayAt(objectKey, record);
      if (stray !== undefined) page.strays.push(stray);
      if (page.seen >= pageObjects || page.bytes >= pageBytes) return successor(objectKey);
    }
    return undefined;
  }

  #strayAt(objectKey: Uint8Array, record: Uint8Array): Stray | undefined {
    const address = addressAt(objectKey);
    const bucket = this.#core.buckets.get(address.bucket);
    if (address.generation !== bucket.generation) return undefined;
    const place = { bucket, address };
    const { owners } = placementAt(this.#core, place);
    if (owners.includes(this.#core.selfId)) return undefined;
    return { place, record, object: decodeCopy(record, addressSeed(objectKey)).object, owners };
  }

  async #bringHome(strays: readonly Stray[]): Promise<void> {
    this.#met += strays.length;
    const owners = new Set(strays.flatMap((stray) => stray.owners));
    await Promise.all([...owners].map((owner) => this.#bringTo(owner, strays)));
    for (const { place, record } of strays) {
      // This store may have become an owner meanwhile: then the copy is no stray any more, however old.
      // And what it vouches for stays until it does no more.
      const isStray = (): boolean =>
        !placementAt(this.#core, place).owners.includes(this.#core.selfId) &&
        (this.#core.floors.keptAt(place)?.state ?? 'heard') === 'heard';
      if (await this.#core.local.release(place, (now) => isStray() && equalBytes(now, record))) this.removed += 1;
    }
  }

  /** An owner gets what it lacks. */
  async #bringTo(owner: string, strays: readonly Stray[]): Promise<void> {
    const { peers } = this.#core.cluster;
    const theirs = strays.filter(({ owners }) => owners.includes(owner));
    const lacked = await peers.lacking(owner, theirs.map(outlined));
    for (let at = 0; at < lacked.length; at += mergeWindow) {
      const some = lacked.slice(at, at + mergeWindow).map((position) => theirs[position]);
      await Promise.all(some.map(({ place, object }) => peers.merge(owner, place, { object, order: { background: true } })));
      countMoved(this.#core.moved, 'broughtHome', {
        objects: some.length,
        bytes: some.reduce((sum, { object }) => sum + payloadBytesOf(object), 0),
      });
    }
  }
}
