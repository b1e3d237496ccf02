/**
 * The ring as a value: who holds which partition, as of one epoch. All the ring knows about placement is here; it never
 * asks who is up.
 *
 * ```
 *   token space   0 ────┬────┬────┬────┬ … ┬──── 2^64
 *   partitions      0   │  1 │  2 │  3 │   │ Q-1          equal: the top k bits of the token, Q = 2^k
 *   replicas       [a b c] [b c a] …                       ordered: the first n are primaries
 * ```
 *
 * Invariants: Q is a power of two in [64, 65,536]; every partition's list names members, each once, and is never empty.
 * A list for a smaller n is a prefix of the longer one. A list may be shorter than the n that a bucket asks for: it grows
 * when a move is done, and its length is the partition's effective n.
 */
import { CoterieError } from '@coterie/env';
import { checkMember, type RingMember } from './member.ts';

/** Who holds what. Immutable; a change makes another value. */
export interface Ring {
  /** Goes up by one with each decision. */
  readonly epoch: number;
  /** Q, a power of two. */
  readonly partitions: number;
  readonly members: readonly RingMember[];
  /** For each partition the ordered members that hold it, as positions in `members`. */
  readonly replicas: readonly (readonly number[])[];
}

/** What a first ring is made of. */
export interface RingSpec {
  /** Q: a power of two in [64, 65,536]; 1,024 by default. */
  readonly partitions?: number;
  readonly members: readonly RingMember[];
}

const partitionsMin = 64;
/** The largest Q. */
export const partitionsMax = 65_536;
const partitionsDefault = 1024;
/** Longest replica list. */
export const replicasMax = 16;

/** The first ring of a cluster of one member. @throws `INVALID_ARGUMENT` for an impossible Q or another number of members */
export function createRing(spec: RingSpec): Ring {
  const partitions = spec.partitions ?? partitionsDefault;
  if (!isPartitionCount(partitions)) {
    const wanted = `partitions must be a power of two from ${partitionsMin} to ${partitionsMax}`;
    throw new CoterieError('INVALID_ARGUMENT', `${wanted}, not ${partitions}`);
  }
  if (spec.members.length !== 1) throw new CoterieError('INVALID_ARGUMENT', 'a first ring has one member; others join it');
  for (const member of spec.members) checkMember(member);
  const holders: readonly number[] = [0];
  return { epoch: 1, partitions, members: [...spec.members], replicas: new Array<readonly number[]>(partitions).fill(holders) };
}

/** Whether a ring can have so many partitions. */
export function isPartitionCount(partitions: number): boolean {
  return Number.isInteger(Math.log2(partitions)) && partitions >= partitionsMin && partitions <= partitionsMax;
}

/** Position of the member in `ring.members`. @throws `INVALID_ARGUMENT` if there is no such member */
export function memberIndex(ring: Ring, id: string): number {
  const index = ring.members.findIndex((member) => member.id === id);
  if (index < 0) throw new CoterieError('INVALID_ARGUMENT', `${id} is not a member of the ring`);
  return index;
}
