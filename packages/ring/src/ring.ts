/**
 * The ring as a value: who holds which partition, as of one epoch. All the ring knows about placement is here; it never
 * asks who is up.
 *
 * ```
 *   token space   0 ────┬────┬────┬────┬ … ┬──── 2^64
 *   partitions      0   │  1 │  2 │  3 │   │ Q-1          equal: the top k bits of the token, Q = 2^k
 *   replicas       [a b c] [b c a] …                       ordered; the first n are primaries, the rest fallbacks
 * ```
 *
 * Invariants: Q is a power of two in [64, 65,536]; every partition's list names members, each once, and is never empty.
 * A list for a smaller n is a prefix of the longer one.
 */
import { CoterieError } from '@coterie/env';
import { partitionOf, type Token } from './token.ts';

/** A node as the ring names it. */
export interface RingMember {
  /** Identity; never an address. */
  readonly id: string;
  readonly name: string;
}

/** Who holds what. Immutable. */
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

/** Whose turn it is for one key. */
export interface PreferenceList {
  readonly partition: number;
  /** Members that hold the key, in order; at most n. Its length is the partition's effective n. */
  readonly primaries: readonly RingMember[];
  /** Members that stand in, in order. */
  readonly fallbacks: readonly RingMember[];
}

const partitionsMin = 64;
const partitionsMax = 65_536;
const partitionsDefault = 1024;

/** The first ring of a cluster of one member. @throws `INVALID_ARGUMENT` for an impossible Q or another number of members */
export function createRing(spec: RingSpec): Ring {
  const partitions = spec.partitions ?? partitionsDefault;
  checkPartitions(partitions);
  if (spec.members.length !== 1) throw new CoterieError('INVALID_ARGUMENT', 'a first ring has one member; others join it');
  const holders: readonly number[] = [0];
  return { epoch: 1, partitions, members: [...spec.members], replicas: new Array<readonly number[]>(partitions).fill(holders) };
}

/** Who is asked for the key with this token when `n` copies are wanted. */
export function preferenceList(ring: Ring, token: Token, n: number): PreferenceList {
  const partition = partitionOf(token, ring.partitions);
  const holders = ring.replicas[partition];
  const member = (index: number): RingMember => ring.members[index];
  return { partition, primaries: holders.slice(0, n).map(member), fallbacks: holders.slice(n).map(member) };
}

function checkPartitions(partitions: number): void {
  const isPower = Number.isInteger(Math.log2(partitions));
  if (isPower && partitions >= partitionsMin && partitions <= partitionsMax) return;
  throw new CoterieError(
    'INVALID_ARGUMENT',
    `partitions must be a power of two from ${partitionsMin} to ${partitionsMax}, not ${partitions}`,
  );
}
