/**
 * What the ring log decides, as a value: who is a member, who holds what, which change is under way, who may vote, and
 * what buckets were told. Every node has the same one for the same epoch; `decisions.ts` takes it from epoch to epoch.
 *
 * ```
 *   ring.replicas   p0 [a b c]   p1 [b c a]  …          who holds each partition
 *   change          p1 [b x a]   …                       who shall hold those that move, in one of two phases:
 *
 *     dual-write ──▶ read-new ──▶ (done: no change)      writes go to both lists in either phase,
 *      reads: old     reads: new                         reads to the one that surely has everything
 * ```
 *
 * Invariants: one change at a time; stewards are members whose join is done; `ringEpoch` is the last epoch that changed
 * where a key is written or read.
 */
import type { Ring } from '@coterie/ring';
import type { GivenProperties } from '../bucket-properties.ts';

/** A member as the ring log knows it. Where it can be reached may change; its id never. */
export interface Member {
  /** 16 hex digits. */
  readonly id: string;
  readonly name: string;
  /** A path, such as `dc/rack/host`; empty if nobody said. */
  readonly zone: string;
  readonly weight: number;
  /** `host:port` for other nodes. */
  readonly peer: string;
  /** `host:port` for clients. */
  readonly http: string;
  /** Life of its vote file: a vote counts only in the life that was seated. */
  readonly acceptor: string;
}

/** A seat in the electorate of the next epoch. */
export interface Steward {
  readonly id: string;
  readonly acceptor: string;
}

/** Partitions on their way to other holders. */
export interface Change {
  /** Id of the decision that began it. */
  readonly id: string;
  readonly kind: 'join';
  /** The member it is about. */
  readonly member: string;
  readonly phase: 'dual-write' | 'read-new';
  /** Partition → positions in `ring.members` of those who shall hold it. */
  readonly moves: ReadonlyMap<number, readonly number[]>;
}

/** What a bucket was told, and how often its name was dropped, plus one. */
export interface DecidedBucket {
  readonly generation: number;
  readonly given: GivenProperties;
  /** Whether anything was said since the last drop. */
  readonly exists: boolean;
}

/** The state of a cluster at one epoch. Immutable. */
export interface ClusterState {
  readonly epoch: number;
  /** 16 hex digits. */
  readonly clusterId: string;
  /** Signs context tokens: 64 hex digits. */
  readonly clusterKey: string;
  readonly ring: Ring;
  readonly ringEpoch: number;
  /** In the order of `ring.members`. */
  readonly members: readonly Member[];
  readonly stewards: readonly Steward[];
  readonly change: Change | undefined;
  readonly buckets: ReadonlyMap<string, DecidedBucket>;
}

/** Copies that a plan makes room for when no bucket asks for more. */
const copiesDefault = 3;
const stewardsMax = 7;

/** The member with this id. */
export function memberOf(state: ClusterState, id: string): Member | undefined {
  return state.members.find((member) => member.id === id);
}

/** The most copies that any bucket wants: how long replica lists are to be. */
export function copiesWanted(state: Pick<ClusterState, 'buckets'>): number {
  let most = copiesDefault;
  for (const { given } of state.buckets.values()) most = Math.max(most, given.n ?? 0);
  return most;
}

/** Every number of copies that some bucket wants: for each of them another prefix of a replica list holds the keys. */
export function copiesInUse({ buckets }: Pick<ClusterState, 'buckets'>): ReadonlySet<number> {
  const numbers = new Set([copiesDefault]);
  for (const { given } of buckets.values()) if (given.n !== undefined) numbers.add(given.n);
  return numbers;
}

/** Seats for the largest odd number of members up to seven, those first that bring in another zone. A lone second member does not vote. */
export function seatStewards(members: readonly Member[]): Steward[] {
  const seats = Math.min(stewardsMax, members.length % 2 === 0 ? members.length - 1 : members.length);
  const seated: Member[] = [];
  while (seated.length < seats) {
    const taken = (zone: string): number => seated.filter((other) => topZone(other.zone) === zone).length;
    const open = members.filter((member) => !seated.includes(member));
    seated.push(open.reduce((best, member) => (taken(topZone(member.zone)) < taken(topZone(best.zone)) ? member : best)));
  }
  return seated.map(({ id, acceptor }) => ({ id, acceptor }));
}

function topZone(zone: string): string {
  return zone.split('/', 1)[0] ?? '';
}
