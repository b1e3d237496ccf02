/**
 * The level of a cluster: the newest formats that its members may write and send to each other. A version that brings a new
 * format brings a level, and uses the format only once the ring log says that the cluster is there.
 *
 * ```
 *   each member is started with a version that knows level 2 ──▶ says so in its record of the ring log
 *   all members (but lost ones) say so                       ──▶ anybody proposes, and it is decided: level 2
 *   from that epoch on    members write and send what level 2 has; who knows only level 1 is refused, and does not start
 * ```
 *
 * | level | what it brings |
 * |---|---|
 * | 1 | the first |
 * | 2 | the ring log's states and decisions hold lists of holders as bytes instead of numbers (`packed-lists.ts`) |
 * | 3 | context tokens name the operations that they have seen (`objects/seen-operations.ts`) |
 *
 * What an older level wrote is read for ever. A level is never lowered: somebody may have read what it brought.
 */
import { CoterieError } from '@coterie/env';
import { type ClusterState, type Member } from './state.ts';

/** The newest level that this version knows. */
export const newestLevel = 3;
/** The first level: of members and states that name none. */
export const firstLevel = 1;
/** From here on lists of holders are packed. */
export const packedListsLevel = 2;
/** From here on context tokens name operations. */
export const seenOperationsLevel = 3;

/** The newest level that a member knows. */
export function levelKnownBy({ level = firstLevel }: Pick<Member, 'level'>): number {
  return level;
}

/** The level that every member knows, if that is above the cluster's; those that are dead for good are not asked. */
export function levelToRaiseTo(state: ClusterState): number | undefined {
  const known = state.members.filter(({ id }) => !state.lost.includes(id)).map(levelKnownBy);
  const common = Math.min(...known);
  return Number.isFinite(common) && common > state.level ? common : undefined;
}

/** The cluster is at this level from now on. @throws `INVALID_ARGUMENT` for a lower one, or one that a member does not know */
export function raiseLevel(state: ClusterState, level: number): ClusterState {
  if (level === state.level) return state;
  if (level < state.level) throw refuse(`the cluster is at level ${state.level}, and a level is never lowered`);
  const behind = state.members.filter((member) => !state.lost.includes(member.id) && levelKnownBy(member) < level);
  if (behind.length > 0) throw refuse(`level ${level} is not known to ${behind.map(({ name }) => name).join(', ')}`);
  return { ...state, level };
}

/** Does nothing for a member that knows the cluster's level. @throws `INVALID_ARGUMENT` for one of an older version */
export function checkKnowsLevel(state: Pick<ClusterState, 'level'>, member: Pick<Member, 'name' | 'level'>): void {
  if (levelKnownBy(member) >= state.level) return;
  throw refuse(
    `the cluster is at level ${state.level}, and ${member.name} knows no more than ${levelKnownBy(member)}: start it with a version that knows ${state.level}, without --level-max`,
  );
}

function refuse(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message, { details: { mayHaveTakenEffect: false } });
}

/** Passes on a state of a level that is known here. @throws `UNSUPPORTED_FORMAT` */
export function checkLevelKnown(state: ClusterState, levelMax: number): ClusterState {
  if (state.level <= levelMax) return state;
  const message = `the cluster is at level ${state.level} since all its members knew it, and this node goes up to ${levelMax}: going back to an older version ended with that; start one that knows level ${state.level}, without --level-max`;
  throw new CoterieError('UNSUPPORTED_FORMAT', message, { details: { mayHaveTakenEffect: false } });
}
