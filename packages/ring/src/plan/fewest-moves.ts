/**
 * How few moves a plan could have, by the loads alone: whoever holds too little has to copy the rest, and what is left of
 * today's replicas once nobody holds too much has to be made up to the whole. Zones and full partitions can ask for more.
 */
import type { LoadBounds } from './load-bounds.ts';

/** Loads by member, before and after. */
export interface MovesQuestion {
  /** Replicas of today's that could stay. */
  readonly today: Int32Array;
  readonly loads: Int32Array;
  readonly bounds: LoadBounds;
}

/** The number of moves that no plan with such loads is below: each rounded from its ideal either way, or as it is. */
export function fewestMoves({ today, loads, bounds: { rounded } }: MovesQuestion): number {
  let copied = 0;
  let made = 0;
  for (let member = 0; member < today.length; member++) {
    const least = Math.min(rounded.least[member], loads[member]);
    const most = Math.max(rounded.most[member], loads[member]);
    copied += Math.max(0, least - today[member]);
    made += loads[member] - Math.min(most, today[member]);
  }
  return Math.max(copied, made);
}
