/**
 * Reads that ask as few owners as they need (`shortlist.ts`): one for its copy, itself if it is an owner, and the others
 * only whether theirs is the same.
 *
 * ```
 *   all say it is ───────────────────────────────────────▶ the copy       who was not asked is compared afterwards (`unasked.ts`)
 *   one differs, cannot say, fails, is late · ring moved ──▶ undefined      the read asks all for their copies
 * ```
 *
 * So what is out of the ordinary is left to the read that asks everybody, and every promise of a read with it.
 */
import type { Bounds } from '@coterie/env';
import type { Hash64 } from '@coterie/ring';
import type { ReadCounts, Reached } from '../api.ts';
import type { Core } from '../core.ts';
import { Digests } from './digests.ts';
import { LateAnswers } from './late-answers.ts';
import { equalHashes, type HashedObject, hashOf } from '../objects/object.ts';
import type { Threshold } from './pursuit.ts';
import type { PlacedKey } from './read-copy.ts';
import type { Place } from '../replica/replica.ts';
import { shortlist } from './shortlist.ts';
import { Unasked } from './unasked.ts';

/** What owners that were asked hold, each of them. */
export interface FewFound extends HashedObject {
  readonly reached: Reached;
}

/** Reads of one node, and what it does afterwards about owners that it did not ask. */
export class FewReads {
  readonly #core: Core;
  readonly #late: LateAnswers;
  readonly #digests: Digests;
  readonly #unasked: Unasked;
  #few = 0;
  #all = 0;

  constructor(core: Core) {
    const { environment, cluster, limits } = core;
    this.#core = core;
    this.#late = new LateAnswers(environment, limits.patienceMs);
    const ask = (member: string, keys: readonly Uint8Array[]) => cluster.peers.digests(member, keys);
    this.#digests = new Digests({ timers: environment.timers, late: this.#late, ask });
    this.#unasked = new Unasked(core);
  }

  /** What is there, if as many primaries as this takes say the same in time; undefined when all owners should be asked. */
  read(key: PlacedKey, { total }: Threshold): Promise<FewFound | undefined> | undefined {
    const asked = this.#chosen(key, total);
    if (asked !== undefined) return this.#ask(key, asked);
    this.#all += 1;
    return undefined;
  }

  get counts(): ReadCounts {
    return { few: this.#few, all: this.#all, late: this.#late.late, ...this.#unasked.counts };
  }

  get bounds(): Bounds {
    return this.#unasked.bounds;
  }

  /** Compares nothing more; resolves when what is being compared is done. */
  stop(): Promise<void> {
    return this.#unasked.stop();
  }

  #chosen({ placement }: PlacedKey, needed: number): string[] | undefined {
    const { cluster, selfId } = this.#core;
    const { readSet, writeSets, partition } = placement;
    // While a partition moves, and where this store cannot vouch for what it lacks, reads are as wide as they can be.
    if (writeSets.length > 1 || (readSet.includes(selfId) && cluster.isRecovering(partition))) return undefined;
    return shortlist({
      owners: readSet,
      needed,
      self: selfId,
      turn: this.#digests.turn,
      standing: (id) => cluster.standing(id),
      isQuick: (id) => this.#late.isQuick(id),
    });
  }

  async #ask(key: PlacedKey, asked: readonly string[]): Promise<FewFound | undefined> {
    const { objectKey } = key.place.address;
    const [first] = asked;
    const telling: Promise<Hash64 | undefined>[] = [];
    for (let i = 1; i < asked.length; i++) telling.push(this.#digests.ask(asked[i], objectKey));
    const copy = first === this.#core.selfId ? await this.#core.local.stored.hashed(objectKey) : await this.#copyAt(first, key.place);
    let isSame = copy !== undefined;
    for (const told of telling) {
      const hash = await told;
      isSame &&= hash !== undefined && copy !== undefined && equalHashes(hash, copy.hash);
    }
    if (!isSame || copy === undefined || this.#core.cluster.state.ringEpoch > key.placement.epoch) {
      this.#all += 1;
      return undefined;
    }
    this.#few += 1;
    for (const owner of key.placement.owners) if (!asked.includes(owner)) this.#unasked.add(owner, objectKey, copy.hash);
    return { object: copy.object, hash: copy.hash, reached: { primaries: asked.length, fallbacks: 0, synced: 0 } };
  }

  /** The copy of another store that vouches for it, in time; undefined otherwise. */
  async #copyAt(store: string, place: Place): Promise<HashedObject | undefined> {
    const copy = await this.#late.watch(store, this.#core.cluster.peers.read(store, place, []));
    return copy === undefined || copy.recovering ? undefined : { object: copy.object, hash: hashOf(copy.object) };
  }
}
