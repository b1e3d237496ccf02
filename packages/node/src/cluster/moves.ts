/**
 * What a change means for one member, as pure answers: what it has to take over and from whom, what it may vouch for,
 * and whom the next phase waits for.
 */
import { rangesOf } from '../store/partition-ranges.ts';
import type { PartitionRanges } from '../peers/peers.ts';
import { type Change, changeOf, type ClusterState, copiesInUse } from './state.ts';

/** Partitions to have all of that one source holds. */
export interface Errand {
  readonly source: string;
  readonly ranges: PartitionRanges;
}

/** An errand of a change: `streamed`, the part of its partitions of which this source gives everything. */
export interface Intake extends Errand {
  readonly streamed: PartitionRanges;
}

/**
 * What this member has to take over in a change: it must have what *every* other old holder has, not only one (loss
 * scenario 12). Each partition is streamed from one of them, in turn so that all give alike, and compared with all.
 * Those that are dead for good have nothing to give. Takers begin with different sources.
 */
export function errandsOf(state: ClusterState, change: Change, member: string): Intake[] {
  const { ring } = state;
  const self = ring.members.findIndex(({ id }) => id === member);
  const copies = [...copiesInUse(state)];
  const bySource = new Map<number, number[]>();
  const streamed = new Map<number, number[]>();
  for (const [partition, holders] of [...change.moves].sort(([a], [b]) => a - b)) {
    if (!gains(self, { before: ring.replicas[partition], after: holders }, copies)) continue;
    const sources = ring.replicas[partition].filter((source) => source !== self && !state.lost.includes(ring.members[source].id));
    for (const source of sources) append(bySource, source, partition);
    const giver = sources[partition % sources.length];
    if (giver !== undefined) append(streamed, giver, partition);
  }
  return inTurn([...bySource.keys()], self).map((source) => ({
    source: ring.members[source].id,
    ranges: rangesOf(bySource.get(source) ?? []),
    streamed: rangesOf(streamed.get(source) ?? []),
  }));
}

/** Sources, beginning with another one for each taker, so that they do not all ask the same one at the same time. */
function inTurn(sources: readonly number[], taker: number): number[] {
  const ordered = [...sources].sort((a, b) => a - b);
  const first = ordered.length === 0 ? 0 : taker % ordered.length;
  return [...ordered.slice(first), ...ordered.slice(0, first)];
}

/**
 * Whether a holder is to hold keys that it does not hold now. Being in the list is not all: a bucket with fewer copies
 * is held by the first of the list only, so who moves forward in it gains that bucket's keys.
 */
function gains(
  holder: number,
  lists: { readonly before: readonly number[]; readonly after: readonly number[] },
  copies: readonly number[],
): boolean {
  const now = lists.before.indexOf(holder);
  const then = lists.after.indexOf(holder);
  if (then < 0) return false;
  return now < 0 || copies.some((n) => then < n && now >= n);
}

/** What a store that lost its data has to take back: every partition that it holds, from every other holder. */
export function recoveryOf(state: ClusterState, member: string): Errand[] {
  const { ring } = state;
  const self = ring.members.findIndex(({ id }) => id === member);
  const bySource = new Map<number, number[]>();
  for (const [partition, holders] of ring.replicas.entries()) {
    if (!holders.includes(self)) continue;
    for (const source of holders) if (source !== self) append(bySource, source, partition);
  }
  return errands(state, bySource).filter(({ source }) => !state.lost.includes(source));
}

/**
 * Who, while the ring changes, may have what no holder by the lists of now has: writes reach both lists. Of each partition
 * that moves and that this member holds, or is read from, everybody else in either list whom `recoveryOf` does not name.
 * What a member is only to hold it takes over anyway.
 */
export function passingHoldersOf(state: ClusterState, member: string): Errand[] {
  const { ring, changes } = state;
  const self = ring.members.findIndex(({ id }) => id === member);
  const bySource = new Map<number, number[]>();
  for (const { phase, moves } of changes) {
    for (const [partition, next] of moves) {
      const now = ring.replicas[partition];
      const isRead = phase === 'read-new' && next.includes(self);
      const others = now.includes(self) ? next.filter((one) => !now.includes(one)) : isRead ? [...new Set([...now, ...next])] : [];
      for (const source of others) if (source !== self) append(bySource, source, partition);
    }
  }
  for (const partitions of bySource.values()) partitions.sort((a, b) => a - b);
  return errands(state, bySource).filter(({ source }) => !state.lost.includes(source));
}

/** Members that have something to take over in this change. */
export function gainersOf(state: ClusterState, change: Change): string[] {
  const gainers = new Set<number>();
  const copies = [...copiesInUse(state)];
  for (const [partition, after] of change.moves) {
    const before = state.ring.replicas[partition];
    for (const holder of after) if (gains(holder, { before, after }, copies)) gainers.add(holder);
  }
  return namesOf(state, gainers);
}

/** Old and new holders of what moves: all of them must have left the older ring before the next phase. */
export function concernedBy(state: ClusterState, change: Change): string[] {
  const concerned = new Set<number>();
  for (const [partition, holders] of change.moves)
    for (const holder of [...holders, ...state.ring.replicas[partition]]) concerned.add(holder);
  return namesOf(state, concerned);
}

/** Ids at these positions, of those who are not lost: nobody waits for them. */
function namesOf({ ring, lost }: ClusterState, positions: ReadonlySet<number>): string[] {
  return [...positions].map((position) => ring.members[position].id).filter((id) => !lost.includes(id));
}

/**
 * Partitions of which this member may hold what is not its own: it is not in the list, or not far enough ahead for every
 * bucket. What is on its way waits until it is there, unless this member is leaving.
 */
export function foreignTo(state: ClusterState, member: string): number[] {
  const self = state.ring.members.findIndex(({ id }) => id === member);
  const fewest = Math.min(...copiesInUse(state));
  const isLeaving = state.leaving.includes(member);
  return state.ring.replicas.flatMap((holders, partition) => {
    const isOwn = holders.slice(0, fewest).includes(self) || (!isLeaving && changeOf(state, partition) !== undefined);
    return isOwn ? [] : [partition];
  });
}

/** In place: there are as many partitions as a source may have. */
function append(bySource: Map<number, number[]>, source: number, partition: number): void {
  const partitions = bySource.get(source);
  if (partitions === undefined) bySource.set(source, [partition]);
  else partitions.push(partition);
}

function errands(state: ClusterState, bySource: ReadonlyMap<number, readonly number[]>): Errand[] {
  return [...bySource].map(([source, partitions]) => ({ source: state.ring.members[source].id, ranges: rangesOf(partitions) }));
}
