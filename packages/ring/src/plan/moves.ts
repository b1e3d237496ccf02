/**
 * What it takes to get from one ring to another: replicas that somebody copies, and replicas that are given up.
 *
 * ```
 *   today [a b c]   target [a d b]   move to d at position 1, from c    (b changes its place: no data moves)
 *   today [a]       target [a b]     move to b at position 1, from nobody
 *   today [a b]     target [a]       b is released
 * ```
 */
import type { Ring } from '../ring.ts';

/** A replica that its new holder has to copy. */
export interface Move {
  readonly partition: number;
  /** Where the new holder stands in the target's list. */
  readonly position: number;
  /** Who gives its replica up for it; absent while lists grow. Not necessarily whom the data is copied from. */
  readonly from?: string;
  readonly to: string;
}

/** A replica that is given up and not replaced. */
export interface Release {
  readonly partition: number;
  readonly from: string;
}

/** Everything that differs between two rings of equal Q. */
export interface RingDifference {
  /** By partition, then by position. */
  readonly moves: readonly Move[];
  readonly releases: readonly Release[];
  /** Partitions whose list is another, if only in its order; ascending. */
  readonly changed: readonly number[];
}

/** The way from one ring to another. */
export function ringDifference(today: Ring, target: Ring): RingDifference {
  const moves: Move[] = [];
  const releases: Release[] = [];
  const changed: number[] = [];
  const idsOf = (ring: Ring, partition: number): string[] => ring.replicas[partition].map((index) => ring.members[index].id);
  for (let partition = 0; partition < today.partitions; partition++) {
    const before = idsOf(today, partition);
    const after = idsOf(target, partition);
    if (before.length === after.length && before.every((id, position) => id === after[position])) continue;
    changed.push(partition);
    const leaving = before.filter((id) => !after.includes(id));
    after.forEach((to, position) => {
      if (before.includes(to)) return;
      const from = leaving.shift();
      moves.push({ partition, position, ...(from === undefined ? {} : { from }), to });
    });
    for (const from of leaving) releases.push({ partition, from });
  }
  return { moves, releases, changed };
}
