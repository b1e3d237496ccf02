/**
 * What wishes mean for the ring: the planner's answer, as a decision carries it. A plan starts from the ring as it will be
 * when all that is under way is done, so that what can be begun beside it moves other partitions.
 *
 * ```
 *   lists of now ─┬─ with the moves under way ──▶ lists to be ──plan──▶ target ──▶ what differs: the moves
 *   wishes ───────┴─ and everybody who is leaving or lost goes ─────────┘
 * ```
 */
import { type Plan, plan, type Ring, type RingChange } from '@coterie/ring';
import { changeOf, type ClusterState, copiesWanted, type Wish } from './state.ts';
import { newcomerOf, ringChangeOf } from './wishes.ts';

/** Who shall hold what moves, and for which ring that was planned. */
export interface PlannedMoves {
  /** `ringEpoch` of the state that was planned on. */
  readonly plannedFor: number;
  /** Partition, and positions in `ring.members` with newcomers last, in the order of their wishes. */
  readonly moves: readonly (readonly [partition: number, holders: readonly number[]])[];
}

/** What the planner is asked. Plain values: it may be answered in a worker. */
export interface PlanQuestion {
  readonly ring: Ring;
  readonly changes: readonly RingChange[];
  readonly n: number;
}

/** What to ask the planner about these wishes. */
export function questionOf(state: ClusterState, wishes: readonly Wish[]): PlanQuestion {
  const undone = (partition: number): readonly number[] | undefined => {
    const change = changeOf(state, partition);
    return change === undefined || change.phase === 'undoing' ? undefined : change.moves.get(partition);
  };
  const replicas = state.ring.replicas.map((holders, partition) => undone(partition) ?? holders);
  const wished = wishes.map(ringChangeOf);
  const named = new Set(wished.flatMap((change) => ('id' in change ? [change.id] : [])));
  return { ring: { ...state.ring, replicas }, changes: [...wished, ...goingOf(state, named)], n: copiesWanted(state) };
}

/** Members that a plan gives nothing to: leaving, lost, and those that go in a change under way. */
function goingOf(state: ClusterState, named: ReadonlySet<string>): RingChange[] {
  const going = new Set([...state.leaving, ...state.lost]);
  for (const { aims, phase } of state.changes) {
    for (const aim of aims) {
      if (phase === 'undoing' && aim.kind === 'join') going.add(aim.member);
      else if (phase === 'undoing' && aim.kind === 'replace') going.add(aim.by);
      else if (phase !== 'undoing' && aim.kind !== 'join' && aim.kind !== 'weight') going.add(aim.member);
    }
  }
  return [...going].filter((id) => !named.has(id)).map((id) => ({ kind: 'leave', id }));
}

/** The planner's answer as a decision carries it. */
export function movesOf(state: ClusterState, wishes: readonly Wish[], target: Pick<Plan, 'ring' | 'changed'>): PlannedMoves {
  const newcomers = wishes.flatMap((wish) => newcomerOf(wish)?.id ?? []);
  const position = new Map([...state.members.map(({ id }) => id), ...newcomers].map((id, at) => [id, at]));
  const { members, replicas } = target.ring;
  const at = members.map(({ id }) => position.get(id) ?? -1);
  return { plannedFor: state.ringEpoch, moves: target.changed.map((partition) => [partition, replicas[partition].map((one) => at[one])]) };
}

/** The ring's way to these wishes, worked out here and now. @throws `INVALID_ARGUMENT` for wishes that cannot be */
export function planWishes(state: ClusterState, wishes: readonly Wish[]): PlannedMoves {
  const { ring, changes, n } = questionOf(state, wishes);
  return movesOf(state, wishes, plan(ring, changes, { n }));
}
