/**
 * Whose turn it is for one key: the holders of its partition, then everybody else in the order in which they stand in.
 *
 * ```
 *   partition      7          8        9                     n = 2
 *   replicas    [a b c]    [b c a]   [d a e]  …
 *   list of 7    a b │ c, d, e, …                            primaries │ fallbacks
 *                      └ its own list from n on, then clockwise, skipping those already taken,
 *                        and last those who hold nothing, in the order of `members`
 * ```
 *
 * Lists are remembered with the ring, which is asked on every request. The fallbacks are found when somebody looks.
 */
import { CoterieError } from '@coterie/env';
import type { RingMember } from './member.ts';
import type { Ring } from './ring.ts';
import { partitionOf, type Token } from './token.ts';

/** Whose turn it is for one key. */
export interface PreferenceList {
  readonly partition: number;
  /** Members that hold the key, in order; at most n. */
  readonly primaries: readonly RingMember[];
  /** All other members, in the order in which they stand in. Found on first use: a walk over some partitions. */
  readonly fallbacks: readonly RingMember[];
}

/** Who is asked for the key with this token when `n` copies are wanted. The list does not depend on who is up. */
export function preferenceList(ring: Ring, token: Token, n: number): PreferenceList {
  return preferenceListOf(ring, partitionOf(token, ring.partitions), n);
}

/** As `preferenceList`, for all keys of a partition. @throws `INVALID_ARGUMENT` for a partition that the ring does not have */
export function preferenceListOf(ring: Ring, partition: number, n: number): PreferenceList {
  let lists = remembered.get(ring);
  if (lists === undefined) remembered.set(ring, (lists = new Map()));
  const slot = partition * slotsPerPartition + n;
  const known = lists.get(slot);
  if (known !== undefined) return known;
  if (!(n >= 1 && n < slotsPerPartition))
    throw new CoterieError('INVALID_ARGUMENT', `n must be from 1 to ${slotsPerPartition - 1}, not ${n}`);
  const made = new WalkedList(ring, partition, n);
  lists.set(slot, made);
  return made;
}

/** Lists already made, by partition and n. They go when their ring does. */
const remembered = new WeakMap<Ring, Map<number, PreferenceList>>();
const slotsPerPartition = 32;
/** Largest ring whose lists keep their fallbacks; in larger ones they are walked again: 2 µs for the first, and memory for Q lists of all members saved. */
const membersKeptMax = 64;

class WalkedList implements PreferenceList {
  readonly partition: number;
  readonly primaries: readonly RingMember[];
  readonly #ring: Ring;
  #fallbacks: readonly RingMember[] | undefined;

  constructor(ring: Ring, partition: number, n: number) {
    const holders = holdersOf(ring, partition);
    this.partition = partition;
    this.primaries = holders.slice(0, n).map((index) => ring.members[index]);
    this.#ring = ring;
  }

  get fallbacks(): readonly RingMember[] {
    if (this.#fallbacks !== undefined) return this.#fallbacks;
    const found = [...fallbacks(this.#ring, this.partition, this.primaries.length)];
    if (this.#ring.members.length <= membersKeptMax) this.#fallbacks = found;
    return found;
  }
}

/**
 * The members that stand in for the first `n` holders of a partition, in order, each found when it is asked for: the
 * first few cost a step each. @throws `INVALID_ARGUMENT` for a partition that the ring does not have
 */
export function* fallbacks(ring: Ring, partition: number, n: number): Generator<RingMember, void, undefined> {
  const { members, partitions, replicas } = ring;
  const holders = holdersOf(ring, partition);
  const taken = new Set(holders.slice(0, n));
  for (let step = 0; step < partitions && taken.size < members.length; step++) {
    for (const index of replicas[(partition + step) % partitions]) {
      if (taken.has(index)) continue;
      taken.add(index);
      yield members[index];
    }
  }
  for (let index = 0; index < members.length; index++) {
    if (!taken.has(index)) yield members[index];
  }
}

function holdersOf(ring: Ring, partition: number): readonly number[] {
  const holders = ring.replicas[partition];
  if (holders === undefined) throw new CoterieError('INVALID_ARGUMENT', `partition must be below ${ring.partitions}, not ${partition}`);
  return holders;
}
