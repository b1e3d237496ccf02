/**
 * How a change of the ring begins, goes on and ends, as steps of the ring log. Pure: states in, states out.
 *
 * ```
 *   begin ──▶ dual-write ──advance──▶ read-new ──advance──▶ done: the lists are the new ones; who left holds nothing
 *                 │ abort                 │ abort
 *                 ▼                       ▼
 *             as before ◀──advance─── undoing              newcomers hold nothing: they are to bring home what they took
 *
 *   lose       a member is dead for good: has no say, is not waited for; what it was to take over is aborted
 *   left       a leaving member has nothing any more: it is gone
 * ```
 */
import { CoterieError } from '@coterie/env';
import { type Ring, withMember, withoutMember, withWeight } from '@coterie/ring';
import type { Decision } from './decisions.ts';
import { electorateOf } from './electorate.ts';
import { type Aim, type Change, changeOf, type ClusterState, type FormerMember, newcomersOf, type Wish } from './state.ts';
import { checkWish, memberName, newcomerOf, refuse, ringMemberOf, touchedBy } from './wishes.ts';

/** Former members that are remembered: the oldest are forgotten first. */
const formerMax = 10_000;

/** The state in which these wishes are under way. @throws `INVALID_ARGUMENT`, or `NOT_READY` where another change is in the way */
export function begin(state: ClusterState, { id, wishes, plannedFor, moves }: Extract<Decision, { kind: 'begin' }>): ClusterState {
  // Planned by the proposer, not here: versions that plan differently must still apply alike.
  if (plannedFor !== state.ringEpoch)
    throw refuse(`the change was planned for the ring of epoch ${plannedFor}, and it is ${state.ringEpoch}`);
  if (wishes.length === 0) throw refuse('a change has at least one aim');
  const lost = [...new Set([...state.lost, ...lostBy(wishes)])];
  if (state.members.every((member) => lost.includes(member.id))) throw refuse('the last member cannot be removed');
  const before = wishes.reduce(apply, { ...state, lost });
  const change: Change = { id, aims: wishes.map((wish) => aimOf(state, wish)), phase: 'dual-write', moves: new Map(moves) };
  checkMoves(before, change);
  const done = new Set(wishes.map(wishKey));
  const staged = state.staged.filter((wish) => !done.has(wishKey(wish)));
  const begun: ClusterState = { ...before, ringEpoch: state.epoch, staged, changes: [...state.changes, change] };
  const seated = lostBy(wishes).length > 0 ? { ...begun, stewards: electorateOf(begun) } : begun;
  return moves.length === 0 ? finish(seated, change) : seated;
}

/** One wish more, as far as members and weights go. */
function apply(state: ClusterState, wish: Wish): ClusterState {
  checkWish(state, wish);
  const newcomer = newcomerOf(wish);
  if (newcomer !== undefined) {
    return { ...state, members: [...state.members, newcomer], ring: atEpoch(state, withMember(state.ring, ringMemberOf(newcomer))) };
  }
  if (wish.kind !== 'weight') return state;
  const members = state.members.map((member) => (member.id === wish.id ? { ...member, weight: wish.weight } : member));
  return { ...state, members, ring: atEpoch(state, withWeight(state.ring, wish.id, wish.weight)) };
}

function lostBy(wishes: readonly Wish[]): string[] {
  return wishes.flatMap((wish) => (wish.kind === 'remove' || (wish.kind === 'replace' && wish.isLost) ? [wish.id] : []));
}

function aimOf(state: ClusterState, wish: Wish): Aim {
  switch (wish.kind) {
    case 'join':
      return { kind: 'join', member: wish.member.id };
    case 'replace':
      return { kind: 'replace', member: wish.id, by: wish.by.id };
    case 'weight':
      return { kind: 'weight', member: wish.id, weight: wish.weight, before: state.members.find(({ id }) => id === wish.id)?.weight ?? 1 };
    default:
      return { kind: wish.kind, member: wish.id };
  }
}

/** What a wish is about: two wishes with one key are the same. */
export function wishKey(wish: Wish): string {
  return wish.kind === 'join' ? `join ${wish.member.id}` : wish.kind === 'replace' ? `join ${wish.by.id}` : `${wish.kind} ${wish.id}`;
}

function checkMoves(state: ClusterState, change: Change): void {
  const { ring, leaving, lost } = state;
  const going = new Set([...leaving, ...lost, ...change.aims.flatMap((aim) => (isGoing(aim) ? [aim.member] : []))]);
  const isBarredAt = (position: number): boolean => ring.members[position] === undefined || going.has(ring.members[position].id);
  for (const [partition, holders] of change.moves) {
    const other = changeOf(state, partition);
    if (other !== undefined)
      throw new CoterieError(
        'NOT_READY',
        `partition ${partition} is on its way in the ${describeAims(state, other)}; try again when that is done`,
      );
    const fits = ring.replicas[partition] !== undefined && holders.length > 0 && new Set(holders).size === holders.length;
    if (!fits || holders.some(isBarredAt)) throw refuse(`partition ${partition} cannot move so`);
  }
  for (const [partition, holders] of ring.replicas.entries()) {
    const stays = change.moves.get(partition) ?? changeOf(state, partition)?.moves.get(partition) ?? holders;
    const gone = stays.find((position) => change.aims.some((aim) => isGoing(aim) && aim.member === ring.members[position].id));
    if (gone !== undefined) throw refuse(`${memberName(state, ring.members[gone].id)} would still hold partition ${partition}`);
  }
}

function isGoing({ kind }: Aim): boolean {
  return kind === 'leave' || kind === 'remove' || kind === 'replace';
}

/** The aims of a change in words: `join of n4 and leave of n2`. */
export function describeAims(state: Pick<ClusterState, 'members' | 'former'>, { aims }: Pick<Change, 'aims'>): string {
  const name = (id: string): string => memberName(state, id);
  return aims
    .map((aim) => {
      if (aim.kind === 'replace') return `replacement of ${name(aim.member)} by ${name(aim.by)}`;
      if (aim.kind === 'weight') return `weight ${aim.weight} of ${name(aim.member)}`;
      return `${aim.kind === 'remove' ? 'removal' : aim.kind} of ${name(aim.member)}`;
    })
    .join(' and ');
}

/** The next phase, or the end. Asked for twice, it is one step. */
export function advance(state: ClusterState, changeId: string, from: Change['phase']): ClusterState {
  const change = state.changes.find(({ id }) => id === changeId);
  if (change === undefined || change.phase !== from) return state;
  if (from === 'dual-write') return withPhase(state, change, 'read-new');
  return from === 'read-new' ? finish(state, change) : drop(state, change);
}

/** The change is taken back. Whoever began later and counts on its newcomers is taken back with it. @throws `INVALID_ARGUMENT` for one that is not under way */
export function abort(state: ClusterState, changeId: string): ClusterState {
  const change = state.changes.find(({ id }) => id === changeId);
  if (change === undefined) throw refuse(`change ${changeId} is not under way; it may be done`);
  const newcomers = new Set(newcomersOf(change));
  const counts = (other: Change): boolean =>
    [...other.moves.values()].some((holders) => holders.some((position) => newcomers.has(state.ring.members[position].id)));
  const dependent = state.changes.filter((other) => other !== change && counts(other));
  const rest = dependent.reduce((left, other) => abortOne(left, other.id), state);
  return abortOne(rest, changeId);
}

function abortOne(state: ClusterState, changeId: string): ClusterState {
  const change = state.changes.find(({ id }) => id === changeId);
  if (change === undefined || change.phase === 'undoing') return state;
  return change.phase === 'dual-write' ? drop(state, change) : withPhase(state, change, 'undoing');
}

function withPhase(state: ClusterState, change: Change, phase: Change['phase']): ClusterState {
  const changes = state.changes.map((other) => (other === change ? { ...change, phase } : other));
  return { ...state, ringEpoch: state.epoch, changes };
}

/** The new lists are the lists; whoever was to leave holds nothing by them. */
function finish(state: ClusterState, change: Change): ClusterState {
  const replicas = state.ring.replicas.map((holders, partition) => change.moves.get(partition) ?? holders);
  const gone = change.aims.flatMap((aim) => (aim.kind === 'leave' || aim.kind === 'replace' ? [aim.member] : []));
  return settle(without({ ...state, ring: { ...state.ring, replicas } }, change), gone);
}

/** The lists stay as they were; newcomers go again, and weights are the former ones. */
function drop(state: ClusterState, change: Change): ClusterState {
  const restored = change.aims.reduce((left, aim) => (aim.kind === 'weight' ? withFormerWeight(left, aim) : left), state);
  return settle(without(restored, change), newcomersOf(change));
}

function withFormerWeight(state: ClusterState, { member, before }: Extract<Aim, { kind: 'weight' }>): ClusterState {
  const members = state.members.map((one) => (one.id === member ? { ...one, weight: before } : one));
  return { ...state, members, ring: withWeight(state.ring, member, before) };
}

function without(state: ClusterState, change: Change): ClusterState {
  return { ...state, changes: state.changes.filter(({ id }) => id !== change.id) };
}

/** After a change: who is to go is leaving, who is lost and holds nothing is gone, and the seats are given anew. */
function settle(state: ClusterState, going: readonly string[]): ClusterState {
  const leaving = [...new Set([...state.leaving, ...going.filter((id) => !state.lost.includes(id))])];
  const before: ClusterState = { ...state, ring: atEpoch(state, state.ring), ringEpoch: state.epoch, leaving };
  const after = before.lost.filter((id) => !holdsAnything(before, id)).reduce((left, id) => remove(left, id, 'lost'), before);
  return { ...after, stewards: electorateOf(after) };
}

/** Whether a member is in a list that is, or is to be. */
export function holdsAnything(state: Pick<ClusterState, 'ring' | 'changes'>, id: string): boolean {
  const { ring, changes } = state;
  const at = ring.members.findIndex((member) => member.id === id);
  const isIn = (holders: readonly number[]): boolean => holders.includes(at);
  return ring.replicas.some(isIn) || changes.some(({ moves }) => [...moves.values()].some(isIn));
}

/** Whether a member is in the list of a partition that no change moves. */
export function holdsAtRest(state: ClusterState, id: string): boolean {
  const at = state.ring.members.findIndex((member) => member.id === id);
  return state.ring.replicas.some((holders, partition) => holders.includes(at) && changeOf(state, partition) === undefined);
}

/** A member is dead for good. What it was to take over is taken back; whoever else moves goes on without it. @throws `INVALID_ARGUMENT` */
export function lose(state: ClusterState, id: string): ClusterState {
  if (!state.members.some((member) => member.id === id)) throw refuse(`${id} is not a member`);
  if (state.lost.includes(id)) return state;
  if (state.members.every((member) => member.id === id || state.lost.includes(member.id)))
    throw refuse('the last member cannot be removed');
  const marked: ClusterState = { ...state, lost: [...state.lost, id], leaving: state.leaving.filter((other) => other !== id) };
  const at = state.ring.members.findIndex((member) => member.id === id);
  const gains = ({ phase, moves }: Change): boolean =>
    phase === 'dual-write' &&
    [...moves].some(([partition, holders]) => holders.includes(at) && !state.ring.replicas[partition].includes(at));
  const aborted = state.changes.filter(gains).reduce((left, change) => abortOne(left, change.id), marked);
  return settle(aborted, []);
}

/** A leaving member has brought home all that it had. @throws `INVALID_ARGUMENT` for one that still holds something */
export function left(state: ClusterState, id: string): ClusterState {
  if (!state.leaving.includes(id)) throw refuse(`${id} is not about to leave`);
  if (holdsAnything(state, id)) throw refuse(`${id} still holds partitions`);
  if (state.members.every((member) => member.id === id || state.lost.includes(member.id))) throw refuse('the last member cannot leave');
  const after = remove(state, id, 'left');
  return { ...after, stewards: electorateOf(after) };
}

/** Without a member that holds nothing; positions after its own go down by one, in the ring and in what moves. */
function remove(state: ClusterState, id: string, how: FormerMember['how']): ClusterState {
  const at = state.ring.members.findIndex((member) => member.id === id);
  const lower = (position: number): number => (position > at ? position - 1 : position);
  const changes = state.changes.map((change) => ({
    ...change,
    moves: new Map([...change.moves].map(([partition, holders]) => [partition, holders.map(lower)] as const)),
  }));
  const former: FormerMember = { id, name: memberName(state, id), epoch: state.epoch, how };
  const others = (ids: readonly string[]): string[] => ids.filter((other) => other !== id);
  return {
    ...state,
    ring: atEpoch(state, withoutMember(state.ring, id)),
    members: state.members.filter((member) => member.id !== id),
    changes,
    leaving: others(state.leaving),
    lost: others(state.lost),
    staged: state.staged.filter((wish) => !touchedBy(wish).includes(id)),
    former: [...state.former, former].slice(-formerMax),
  };
}

function atEpoch(state: Pick<ClusterState, 'epoch'>, ring: Ring): Ring {
  return { ...ring, epoch: state.epoch };
}
