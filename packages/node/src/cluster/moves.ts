/**
 * What a change means for one member, as pure answers: what it has to take over and from whom, what it may vouch for,
 * and whom the next phase waits for.
 */
import { rangesOf } from '../partition-ranges.ts';
import type { PartitionRanges } from '../peers.ts';
import type { Change, ClusterState } from './state.ts';

/** Partitions to take over from one source. */
export interface Errand {
  readonly source: string;
  readonly ranges: PartitionRanges;
}

/** What this member has to take over in a change: from *every* old holder, not only one (loss scenario 12). */
export function errandsOf(state: ClusterState, change: Change, member: string): Errand[] {
  const { ring } = state;
  const self = ring.members.findIndex(({ id }) => id === member);
  const bySource = new Map<number, number[]>();
  for (const [partition, holders] of [...change.moves].sort(([a], [b]) => a - b)) {
    if (!holders.includes(self) || ring.replicas[partition].includes(self)) continue;
    for (const source of ring.replicas[partition]) bySource.set(source, [...(bySource.get(source) ?? []), partition]);
  }
  return errands(state, bySource);
}

/** What a store that lost its data has to take back: every partition that it holds, from every other holder. */
export function recoveryOf(state: ClusterState, member: string): Errand[] {
  const { ring } = state;
  const self = ring.members.findIndex(({ id }) => id === member);
  const bySource = new Map<number, number[]>();
  for (const [partition, holders] of ring.replicas.entries()) {
    if (!holders.includes(self)) continue;
    for (const source of holders) if (source !== self) bySource.set(source, [...(bySource.get(source) ?? []), partition]);
  }
  return errands(state, bySource);
}

/** Members that gain a partition in this change. */
export function gainersOf(state: ClusterState, change: Change): string[] {
  const gainers = new Set<number>();
  for (const [partition, holders] of change.moves) {
    for (const holder of holders) if (!state.ring.replicas[partition].includes(holder)) gainers.add(holder);
  }
  return [...gainers].map((position) => state.ring.members[position].id);
}

/** Old and new holders of what moves: all of them must have left the older ring before the next phase. */
export function concernedBy(state: ClusterState, change: Change): string[] {
  const concerned = new Set<number>();
  for (const [partition, holders] of change.moves)
    for (const holder of [...holders, ...state.ring.replicas[partition]]) concerned.add(holder);
  return [...concerned].map((position) => state.ring.members[position].id);
}

function errands(state: ClusterState, bySource: ReadonlyMap<number, readonly number[]>): Errand[] {
  return [...bySource].map(([source, partitions]) => ({ source: state.ring.members[source].id, ranges: rangesOf(partitions) }));
}
