/**
 * Clears out what this store holds of partitions that are no longer its own: after a move, or from a write that came by
 * an older ring. Every owner gets what it lacks first; only then is the copy here removed.
 *
 * ```
 *   page of such objects ──▶ each owner says which it lacks ──▶ gets them ──▶ copies here go, if still the same
 * ```
 */
import { equalBytes } from '@coterie/bytes';
import { foreignTo } from './cluster/moves.ts';
import type { ClusterState } from './cluster/state.ts';
import { type Core, placementAt } from './core.ts';
import { addressAt, successor } from './layout.ts';
import { countMoved } from './moved.ts';
import { addressSeed, type CausalObject, hashOf, payloadBytesOf } from './object.ts';
import { partitionStart, rangesOf } from './partition-ranges.ts';
import type { Place } from './replica.ts';
import { decodeCopy } from './stored-copy.ts';

/** Objects looked at together. */
const pageObjects = 128;

/** An object that is out of place. */
interface Stray {
  readonly place: Place;
  readonly record: Uint8Array;
  readonly object: CausalObject;
  readonly owners: readonly string[];
}

/** Steps between two sweeps of one ring: what arrives late, by an older ring, is found by the next. */
const stepsPerSweep = 60;

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
    for (const [from, until] of rangesOf(foreignTo(state, this.#core.selfId))) {
      await this.#sweep(partitionStart(from, state.ring.partitions), partitionStart(until, state.ring.partitions));
    }
    if (this.#met === 0) this.#clearEpoch = state.ringEpoch;
    this.#sweptEpoch = state.ringEpoch;
    this.#steps = 0;
  }

  async #sweep(from: Uint8Array, until: Uint8Array): Promise<void> {
    let next: Uint8Array | undefined = from;
    while (next !== undefined) next = await this.#clearPage(next, until);
  }

  /** Where to go on; undefined at the end. */
  async #clearPage(from: Uint8Array, until: Uint8Array): Promise<Uint8Array | undefined> {
    const strays: Stray[] = [];
    let last: Uint8Array | undefined;
    let count = 0;
    for await (const [objectKey, record] of this.#core.store.range({ gte: from, lt: until, limit: pageObjects })) {
      last = objectKey;
      count += 1;
      const stray = this.#strayAt(objectKey, record);
      if (stray !== undefined) strays.push(stray);
    }
    this.#met += strays.length;
    await this.#bringHome(strays);
    return last === undefined || count < pageObjects ? undefined : successor(last);
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
    const { peers } = this.#core.cluster;
    for (const owner of new Set(strays.flatMap(({ owners }) => owners))) {
      const theirs = strays.filter(({ owners }) => owners.includes(owner));
      const hashes = theirs.map(({ place, object }) => ({ objectKey: place.address.objectKey, hash: hashOf(object) }));
      for (const position of await peers.lacking(owner, hashes)) {
        const { place, object } = theirs[position];
        await peers.merge(owner, place, { object, order: { background: true } });
        countMoved(this.#core.moved, 'broughtHome', { objects: 1, bytes: payloadBytesOf(object) });
      }
    }
    for (const { place, record } of strays) {
      // This store may have become an owner meanwhile: then the copy is no stray any more, however old.
      const isStray = (): boolean => !placementAt(this.#core, place).owners.includes(this.#core.selfId);
      if (await this.#core.local.release(place, (now) => isStray() && equalBytes(now, record))) this.removed += 1;
    }
  }
}
