/** What joining means for the ring: the planner's answer, as a decision carries it. */
import { plan, type RingMember } from '@coterie/ring';
import { type ClusterState, copiesWanted, type Member } from './state.ts';

/** Who shall hold what moves, and for which ring that was planned. */
export interface PlannedMoves {
  /** `ringEpoch` of the state that was planned on. */
  readonly plannedFor: number;
  /** Partition, and positions in `ring.members` with the new member last. */
  readonly moves: readonly (readonly [partition: number, holders: readonly number[]])[];
}

/** The ring's way to one more member. @throws `INVALID_ARGUMENT` for a member that cannot be */
export function planJoin(state: ClusterState, member: Member): PlannedMoves {
  const target = plan(state.ring, [{ kind: 'join', member: ringMemberOf(member) }], { n: copiesWanted(state) });
  const moves = target.changed.map((partition) => [partition, target.ring.replicas[partition]] as const);
  return { plannedFor: state.ringEpoch, moves };
}

/** The member as the ring names it. */
export function ringMemberOf({ id, name, zone, weight }: Member): RingMember {
  return { id, name, weight, ...(zone === '' ? {} : { zone }) };
}
