/**
 * What the ring log decides, as a value: who is a member, who holds what, which change is under way, who may vote, and
 * what buckets were told. Every node has the same one for the same epoch; `decisions.ts` takes it from epoch to epoch.
 *
 * ```
 *   ring.replicas   p0 [a b c]   p1 [b c a]  …          who holds each partition
 *   changes         p1 [b x a]   …                       who shall hold those that move, each change in one phase:
 *
 *     dual-write ──▶ read-new ──▶ (done)                 writes go to both lists in every phase,
 *      reads: old     reads: new                         reads to the one that surely has everything
 *         │ abort        │ abort
 *         ▼              ▼
 *      (as before) ◀── undoing    reads: old again; over when nobody reads by the new lists any more
 *
 *   member   joining ──▶ settled ──▶ leaving ──▶ gone       leaving: holds nothing by the ring, brings home what it has
 *                          └──────── lost ─────▶ gone       lost: dead for good by an operator's word; nobody waits for it
 * ```
 *
 * Invariants: a partition moves in one change at a time; stewards are settled members; no list that is to be names a
 * member that is leaving or lost; `ringEpoch` is the last epoch that changed where a key is written or read.
 */
import type { Ring } from '@coterie/ring';
import type { GivenProperties } from '../buckets/bucket-properties.ts';

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
  /** The newest formats that it knows (`level.ts`); absent: the first. */
  readonly level?: number;
}

/** A seat in the electorate of the next epoch. */
export interface Steward {
  readonly id: string;
  readonly acceptor: string;
}

/** What a change is for, one member each; members are named by id. */
export type Aim =
  | { readonly kind: 'join' | 'leave' | 'remove'; readonly member: string }
  /** `by` takes the place of `member`. */
  | { readonly kind: 'replace'; readonly member: string; readonly by: string }
  /** `before` is what an abort goes back to. */
  | { readonly kind: 'weight'; readonly member: string; readonly weight: number; readonly before: number };

/** Partitions on their way to other holders. */
export interface Change {
  /** Id of the decision that began it. */
  readonly id: string;
  readonly aims: readonly Aim[];
  readonly phase: 'dual-write' | 'read-new' | 'undoing';
  /** Partition → positions in `ring.members` of those who shall hold it. */
  readonly moves: ReadonlyMap<number, readonly number[]>;
}

/** A wish of an operator, or of a node that wants to be let in. */
export type Wish =
  | { readonly kind: 'join'; readonly member: Member }
  | { readonly kind: 'leave' | 'remove'; readonly id: string }
  /** `by` takes the place of member `id`; `isLost`: the old one is dead for good, and nothing is awaited from it. */
  | { readonly kind: 'replace'; readonly id: string; readonly by: Member; readonly isLost: boolean }
  | { readonly kind: 'weight'; readonly id: string; readonly weight: number };

/** A wish that waits for a commit, and where it comes from: for people to read, and nothing is decided by it. Versions that say neither keep both. */
export type StagedWish = Wish & {
  /** Id of the member that an operator asked. */
  readonly stagedBy?: string;
  /** By the wall clock of the member that was asked. */
  readonly stagedAtMs?: number;
};

/** A member that is none any more. */
export interface FormerMember {
  readonly id: string;
  readonly name: string;
  /** The epoch that ended it. */
  readonly epoch: number;
  /** `lost`: removed by force. What it has is not merged by itself, ever. */
  readonly how: 'left' | 'lost';
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
  /** The newest formats that are written and sent (`level.ts`). Never goes down. */
  readonly level: number;
  readonly ring: Ring;
  readonly ringEpoch: number;
  /** In the order of `ring.members`. */
  readonly members: readonly Member[];
  readonly stewards: readonly Steward[];
  /** Under way. Their moves are disjoint; the oldest is first. */
  readonly changes: readonly Change[];
  /** Wishes that wait for a commit. */
  readonly staged: readonly StagedWish[];
  /** Ids of members that are to go once they hold nothing and have brought home what they have. */
  readonly leaving: readonly string[];
  /** Ids of members that are dead for good and whose partitions are still to be given to others. */
  readonly lost: readonly string[];
  /** Those who are gone, the latest last. */
  readonly former: readonly FormerMember[];
  readonly buckets: ReadonlyMap<string, DecidedBucket>;
}

/** Copies that a plan makes room for when no bucket asks for more. */
const copiesDefault = 3;

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

/** Members that have begun to join in a change that is not done. */
export function newcomersOf({ aims }: Pick<Change, 'aims'>): string[] {
  return aims.flatMap((aim) => (aim.kind === 'join' ? [aim.member] : aim.kind === 'replace' ? [aim.by] : []));
}

/** Members that go with a change. */
export function goingIn({ aims }: Pick<Change, 'aims'>): string[] {
  return aims.flatMap((aim) => (aim.kind === 'join' || aim.kind === 'weight' ? [] : [aim.member]));
}

/** The change in which this partition moves. */
export function changeOf({ changes }: Pick<ClusterState, 'changes'>, partition: number): Change | undefined {
  return changes.find(({ moves }) => moves.has(partition));
}

/** Whether nobody should ask or believe this id: it is no member, or a lost one. */
export function isBarred(state: ClusterState, id: string): boolean {
  let roll = rolls.get(state);
  if (roll === undefined) {
    roll = new Set(state.members.map((member) => member.id).filter((known) => !state.lost.includes(known)));
    rolls.set(state, roll);
  }
  return !roll.has(id);
}

/** Ids of those who may take part, asked for with every request. They go when their state does. */
const rolls = new WeakMap<ClusterState, Set<string>>();
