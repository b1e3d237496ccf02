/**
 * Ids as small numbers. A membership list keeps its facts in columns indexed by slot; the catalogue says which slot an id
 * has. Every list has its own, except in a simulation of thousands of members in one process, which share one, and
 * the profiles too: a list of 10,000 then costs each of them some 300 KB.
 *
 * A slot is given back when the last list that uses it forgets the member, and then used again.
 */
import { idBytes } from './fields.ts';
import type { Profile } from './profile.ts';

/** Ids fall into so many buckets by their first byte; a digest has one hash for each, or for runs of them. */
export const bucketCount = 256;

/** Gives ids slots. */
export class Catalogue {
  readonly #slots = new Map<string, number>();
  readonly #ids: string[] = [];
  readonly #uses: number[] = [];
  readonly #free: number[] = [];
  readonly #buckets: Set<number>[] = Array.from({ length: bucketCount }, () => new Set<number>());
  readonly #profiles: (Profile | undefined)[] = [];

  /** Slots handed out so far: columns need no more. */
  get size(): number {
    return this.#ids.length;
  }

  /** The slot of an id; undefined if nobody uses it. */
  slotOf(id: string): number | undefined {
    return this.#slots.get(id);
  }

  /** The id in a slot. */
  idOf(slot: number): string {
    return this.#ids[slot];
  }

  /** The slot of an id, for one more list. */
  acquire(id: string): number {
    const known = this.#slots.get(id);
    const slot = known ?? this.#free.pop() ?? this.#ids.length;
    if (known === undefined) {
      this.#slots.set(id, slot);
      this.#ids[slot] = id;
      this.#uses[slot] = 0;
      this.#buckets[bucketOf(id)].add(slot);
    }
    this.#uses[slot]++;
    return slot;
  }

  /** One list less uses the slot. */
  release(slot: number): void {
    if (--this.#uses[slot] > 0) return;
    const id = this.#ids[slot];
    this.#slots.delete(id);
    this.#buckets[bucketOf(id)].delete(slot);
    this.#profiles[slot] = undefined;
    this.#free.push(slot);
  }

  /** The slots whose ids begin with the byte `bucket`. */
  inBucket(bucket: number): Iterable<number> {
    return this.#buckets[bucket];
  }

  /** `profile`, or the very object that stands for the same (id, incarnation) already. */
  share(slot: number, profile: Profile): Profile {
    const known = this.#profiles[slot];
    if (known !== undefined && known.incarnation === profile.incarnation && known.address === profile.address) return known;
    if (known === undefined || known.incarnation < profile.incarnation) this.#profiles[slot] = profile;
    return profile;
  }
}

/** The bucket of an id: its first byte. */
export function bucketOf(id: string): number {
  return Number.parseInt(id.slice(0, 2), 16);
}

/** The highest id in a bucket. */
export function lastIdOf(bucket: number): string {
  return bucket
    .toString(16)
    .padStart(2, '0')
    .padEnd(idBytes * 2, 'f');
}
