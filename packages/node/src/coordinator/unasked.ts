/**
 * Owners that a read did not ask: their copies are compared with what it found a moment later, many keys in one question,
 * so that after a read all copies are equal whoever was asked.
 *
 * ```
 *   read ▶ (key, hash) ─▶ waiting, per owner ──full, or a moment later──▶ digests ─same──▶ done
 *                             │ too many wait: left out, counted                 └ other ──▶ all copies are read and mended
 *                             └ one question to an owner at a time
 * ```
 *
 * What is left out (an owner that is slow, or not up) is what anti-entropy finds.
 */
import type { Bounds, Timer } from '@coterie/env';
import type { Hash64 } from '@coterie/ring';
import type { ReadCounts } from '../api.ts';
import { type Core, placementAt } from '../core.ts';
import { knownBy } from '../forgetting/known.ts';
import { digestsMax } from './digests.ts';
import { equalHashes } from '../objects/object.ts';
import { readCopy } from './read-copy.ts';
import { repair } from './read-repair.ts';
import { placeOfTaken } from '../transfer/transfer.ts';

/** How long keys are gathered. */
const gatherMs = 50;
/** Keys that wait to be compared with one owner. */
const waitingMax = 1024;

/** What waits is little, for it outlives the read: everything else of the key is found again where it is needed. */
interface Lane {
  keys: Uint8Array[];
  hashes: Hash64[];
  timer: Timer | undefined;
  /** The question under way. */
  asking: Promise<void> | undefined;
}

/** Compares owners that were not asked. */
export class Unasked {
  readonly #core: Core;
  readonly #lanes = new Map<string, Lane>();
  readonly #counts = { compared: 0, differing: 0, leftOut: 0 };
  #isStopped = false;

  constructor(core: Core) {
    this.#core = core;
  }

  get counts(): Pick<ReadCounts, 'compared' | 'differing' | 'leftOut'> {
    return this.#counts;
  }

  get bounds(): Bounds {
    let most = 0;
    for (const { keys } of this.#lanes.values()) most = Math.max(most, keys.length);
    return { readsToCompare: { now: most, most: waitingMax } };
  }

  /** A read of this key found what has this hash, and did not ask `owner`. */
  add(owner: string, objectKey: Uint8Array, hash: Hash64): void {
    const lane = this.#laneOf(owner);
    if (this.#isStopped || lane.keys.length >= waitingMax) {
      this.#counts.leftOut += 1;
      return;
    }
    lane.keys.push(objectKey);
    lane.hashes.push(hash);
    if (lane.keys.length === digestsMax) this.#begin(owner, lane);
    else lane.timer ??= this.#core.environment.timers.after(gatherMs, () => this.#begin(owner, lane));
  }

  /** Compares nothing more; resolves when what is under way is done. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const lane of this.#lanes.values()) lane.timer?.cancel();
    for (const { asking } of this.#lanes.values()) await asking;
  }

  #laneOf(owner: string): Lane {
    const known = this.#lanes.get(owner);
    if (known !== undefined) return known;
    const made: Lane = { keys: [], hashes: [], timer: undefined, asking: undefined };
    this.#lanes.set(owner, made);
    return made;
  }

  #begin(owner: string, lane: Lane): void {
    lane.timer?.cancel();
    lane.timer = undefined;
    if (this.#isStopped || lane.asking !== undefined || lane.keys.length === 0) return;
    const some = { keys: lane.keys.splice(0, digestsMax), hashes: lane.hashes.splice(0, digestsMax) };
    lane.asking = this.#compare(owner, some).then(() => {
      lane.asking = undefined;
      this.#goOn(owner, lane);
    });
  }

  #goOn(owner: string, lane: Lane): void {
    if (lane.keys.length >= digestsMax) this.#begin(owner, lane);
    else if (lane.keys.length === 0) this.#lanes.delete(owner);
    else lane.timer ??= this.#core.environment.timers.after(gatherMs, () => this.#begin(owner, lane));
  }

  async #compare(owner: string, { keys, hashes }: Pick<Lane, 'keys' | 'hashes'>): Promise<void> {
    const { cluster, environment } = this.#core;
    try {
      if (cluster.standing(owner) !== 'up') throw new Error('it is not up');
      const told = await cluster.peers.digests(owner, keys);
      this.#counts.compared += keys.length;
      for (let at = 0; at < keys.length; at++) {
        const theirs = told[at];
        if (theirs === undefined || !equalHashes(theirs, hashes[at])) await this.#lookCloser(keys[at], theirs);
      }
    } catch (error) {
      this.#counts.leftOut += keys.length;
      environment.log.debug('copies were not compared after reads', { owner, keys: keys.length, reason: String(error) });
    }
  }

  /** The key may have been written since it was read: only what this store does not hold either is a difference. */
  async #lookCloser(objectKey: Uint8Array, theirs: Hash64 | undefined): Promise<void> {
    const { local, selfId } = this.#core;
    const place = this.#isStopped ? undefined : await placeOfTaken(this.#core, objectKey);
    if (place === undefined) return;
    const placement = placementAt(this.#core, place);
    const { owners } = placement;
    if (theirs !== undefined && owners.includes(selfId)) {
      const [own] = await local.stored.hashes([objectKey]);
      if (own !== undefined && equalHashes(own, theirs)) return;
    }
    this.#counts.differing += 1;
    const copies = await Promise.all(owners.map((store) => readCopy(this.#core, { place, placement }, { store })));
    await repair(this.#core, { place, owners, copies, merged: knownBy(this.#core, place, copies) });
  }
}
