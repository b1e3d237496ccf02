/** What may be wished of the ring: each wish checked against the state, and named in words. Pure. */
import { CoterieError, isCoterieError } from '@coterie/env';
import type { RingChange, RingMember } from '@coterie/ring';
import { checkKnowsLevel } from './level.ts';
import { type ClusterState, isBarred, type Member, memberOf, type Wish } from './state.ts';

/** Most members that a plain ring log carries. */
const membersMax = 10_000;
const weightMax = 1024;

/** The member that a wish brings in. */
export function newcomerOf(wish: Wish): Member | undefined {
  return wish.kind === 'join' ? wish.member : wish.kind === 'replace' ? wish.by : undefined;
}

/** Ids that a wish is about. */
export function touchedBy(wish: Wish): readonly string[] {
  return wish.kind === 'join' ? [wish.member.id] : wish.kind === 'replace' ? [wish.id, wish.by.id] : [wish.id];
}

/** Does nothing for a wish that can be begun now. @throws `INVALID_ARGUMENT`, or `NOT_READY` where another change is in the way */
export function checkWish(state: ClusterState, wish: Wish): void {
  const newcomer = newcomerOf(wish);
  if (newcomer !== undefined) {
    checkNewcomer(state, newcomer);
    checkPlace(state, newcomer, wish.kind === 'replace' ? wish.id : undefined);
  }
  if (wish.kind === 'join') return;
  const { id } = wish;
  if (memberOf(state, id) === undefined) throw refuse(`${memberName(state, id)} is not a member`);
  if (wish.kind !== 'remove' && state.leaving.includes(id)) throw refuse(`${memberName(state, id)} is leaving already`);
  if (wish.kind !== 'remove' && !isLosing(wish) && state.lost.includes(id))
    throw refuse(`${memberName(state, id)} is being removed by force`);
  if (wish.kind === 'weight' && !(Number.isInteger(wish.weight) && wish.weight >= 1 && wish.weight <= weightMax))
    throw refuse(`weight is an integer from 1 to ${weightMax}, not ${wish.weight}`);
  const busy = state.changes.find(({ aims }) => aims.some((aim) => aim.member === id || ('by' in aim && aim.by === id)));
  if (busy !== undefined) throw new CoterieError('NOT_READY', `a change that is about ${memberName(state, id)} is under way`);
}

/**
 * Does nothing for a wish that can be begun now, or once a change that is in the way is done or taken back: such a one may
 * wait. A node may wait under the name and address of a member, whose place it can be given. Whether several wishes can be
 * together is judged when they are begun. @throws `INVALID_ARGUMENT` for one that never can
 */
export function checkEver(state: ClusterState, wish: Wish): void {
  if (wish.kind === 'join') return checkNewcomer(state, wish.member);
  try {
    checkWish(state, wish);
  } catch (error) {
    if (!isCoterieError(error, 'NOT_READY')) throw error;
  }
}

function isLosing(wish: Wish): boolean {
  return wish.kind === 'replace' && wish.isLost;
}

function checkNewcomer(state: ClusterState, member: Member): void {
  if (memberOf(state, member.id) !== undefined) throw refuse(`${member.id} is a member already`);
  checkKnowsLevel(state, member);
  const former = state.former.find(({ id }) => id === member.id);
  if (former !== undefined) throw refuse(whyFormer(former));
  if (state.members.length >= membersMax) throw refuse(`a cluster has at most ${membersMax} members`);
}

/** `inPlaceOf`: the member whose name and address it may take over. */
function checkPlace(state: ClusterState, member: Member, inPlaceOf: string | undefined): void {
  const same = state.members.find(({ id, name, peer }) => id !== inPlaceOf && (name === member.name || peer === member.peer));
  if (same === undefined) return;
  const what = same.name === member.name ? `the name ${member.name}` : `the address ${member.peer}`;
  throw refuse(
    `${what} is that of member ${same.id}; start it on its old data directory, take another name, or replace it (coterie replace ${same.name})`,
  );
}

/** Why a former member is none any more, and what can be done. */
export function whyFormer({ name, how, epoch }: ClusterState['former'][number]): string {
  return how === 'lost'
    ? `${name} was removed by force at epoch ${epoch}: what its store has is not merged by itself; start with an empty data directory`
    : `${name} left the cluster at epoch ${epoch}; start with an empty data directory to join again`;
}

/** Why a node that takes no part in its cluster any more does nothing for anybody, operators among them. */
export function whyBarred(state: ClusterState, id: string): string {
  const ended = state.former.find((member) => member.id === id);
  return ended === undefined
    ? `${memberName(state, id)} is being removed by force: nothing that its store has is merged by itself`
    : whyFormer(ended);
}

/** Does nothing for a node that takes part in its cluster. @throws `NOT_READY`, with why it does so no more */
export function checkTakesPart(state: ClusterState, id: string): void {
  if (isBarred(state, id)) throw new CoterieError('NOT_READY', whyBarred(state, id), { details: { mayHaveTakenEffect: false } });
}

/** A wish as the planner takes it. */
export function ringChangeOf(wish: Wish): RingChange {
  switch (wish.kind) {
    case 'join':
      return { kind: 'join', member: ringMemberOf(wish.member) };
    case 'replace':
      return { kind: 'replace', id: wish.id, by: ringMemberOf(wish.by) };
    case 'weight':
      return { kind: 'weight', id: wish.id, weight: wish.weight };
    default:
      return { kind: 'leave', id: wish.id };
  }
}

/** The member as the ring names it. */
export function ringMemberOf({ id, name, zone, weight }: Member): RingMember {
  return { id, name, weight, ...(zone === '' ? {} : { zone }) };
}

/** What people call a member, also one that is gone. */
export function memberName(state: Pick<ClusterState, 'members' | 'former'>, id: string): string {
  return state.members.find((member) => member.id === id)?.name ?? state.former.find((member) => member.id === id)?.name ?? id;
}

/** The wish in words: `leave of n3`. */
export function wishInWords(state: Pick<ClusterState, 'members' | 'former'>, wish: Wish): string {
  switch (wish.kind) {
    case 'join':
      return `join of ${wish.member.name}`;
    case 'replace':
      return `replacement of ${memberName(state, wish.id)} by ${wish.by.name}${wish.isLost ? ', which is lost' : ''}`;
    case 'weight':
      return `weight ${wish.weight} of ${memberName(state, wish.id)}`;
    default:
      return `${wish.kind === 'remove' ? 'removal' : 'leave'} of ${memberName(state, wish.id)}`;
  }
}

/** A refusal of what can never work; nothing was done. */
export function refuse(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message, { details: { mayHaveTakenEffect: false } });
}
