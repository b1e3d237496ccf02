/**
 * What the ring log can decide, and what the cluster is afterwards. Pure: every node computes the same state from the
 * same decisions. A decision that the state does not allow is refused before it is proposed; deciding one twice changes
 * nothing.
 *
 * ```
 *   join      a member, and who shall hold what by the plan of its proposer: begins a change in dual-write
 *   advance   the change to its next phase: dual-write ▶ read-new ▶ done
 *   member    where a member is reached, or which life of its vote file is seated
 *   bucket    properties of a bucket, beside those said before
 *   drop      a bucket: its generation goes up, its properties are forgotten
 * ```
 */
import { CoterieError } from '@coterie/env';
import { type Ring, withMember } from '@coterie/ring';
import { checkFixed, checkProperties, type GivenProperties, resolveProperties } from '../bucket-properties.ts';
import { type PlannedMoves, ringMemberOf } from './plan.ts';
import { type Change, type ClusterState, type DecidedBucket, type Member, memberOf, seatStewards } from './state.ts';

/** One step of the ring log. `id` tells it from every other. */
export type Decision =
  | ({ readonly kind: 'join'; readonly id: string; readonly member: Member } & PlannedMoves)
  | { readonly kind: 'advance'; readonly id: string; readonly change: string; readonly from: Change['phase'] }
  | { readonly kind: 'member'; readonly id: string; readonly member: Pick<Member, 'id' | 'peer' | 'http' | 'acceptor'> }
  | { readonly kind: 'bucket'; readonly id: string; readonly name: string; readonly given: GivenProperties; readonly used: boolean }
  | { readonly kind: 'drop'; readonly id: string; readonly name: string };

/** Most buckets that a cluster keeps. */
const bucketsMax = 10_000;
/** Most members that a plain ring log carries. */
const membersMax = 10_000;

/** The state after the decision. @throws `INVALID_ARGUMENT`, `NOT_READY` or `OVERLOADED` when the state does not allow it */
export function decide(state: ClusterState, decision: Decision): ClusterState {
  const next: ClusterState = { ...state, epoch: state.epoch + 1 };
  switch (decision.kind) {
    case 'join':
      return join(next, decision);
    case 'advance':
      return advance(next, decision.change, decision.from);
    case 'member':
      return update(next, decision.member);
    case 'bucket':
      return setBucket(next, decision);
    case 'drop':
      return dropBucket(next, decision.name);
    default:
      // A later version's: this one cannot say what the cluster is afterwards.
      throw new CoterieError('UNSUPPORTED_FORMAT', `this version does not know decisions of kind ${(decision as { kind: string }).kind}`);
  }
}

function join(state: ClusterState, { id, member, plannedFor, moves }: Extract<Decision, { kind: 'join' }>): ClusterState {
  if (memberOf(state, member.id) !== undefined) return update(state, member);
  checkRoomFor(state, member);
  // Planned by the proposer, not here: versions that plan differently must still apply alike.
  if (plannedFor !== state.ringEpoch)
    throw refuse(`the join was planned for the ring of epoch ${plannedFor}, and it is ${state.ringEpoch}`);
  const ring = withMember(state.ring, ringMemberOf(member));
  checkMoves(ring, moves);
  const change: Change = { id, kind: 'join', member: member.id, phase: 'dual-write', moves: new Map(moves) };
  return { ...state, members: [...state.members, member], ring: { ...ring, epoch: state.epoch }, ringEpoch: state.epoch, change };
}

function checkMoves(ring: Ring, moves: PlannedMoves['moves']): void {
  for (const [partition, holders] of moves) {
    const fits = ring.replicas[partition] !== undefined && holders.length > 0 && new Set(holders).size === holders.length;
    if (!fits || holders.some((position) => ring.members[position] === undefined)) throw refuse(`partition ${partition} cannot move so`);
  }
}

function checkRoomFor(state: ClusterState, member: Member): void {
  if (state.change !== undefined) {
    throw new CoterieError('NOT_READY', `${state.change.kind} of ${nameOf(state, state.change.member)} is under way; one change at a time`);
  }
  if (state.members.length >= membersMax) throw refuse(`a cluster has at most ${membersMax} members`);
  const same = state.members.find((other) => other.name === member.name || other.peer === member.peer);
  if (same === undefined) return;
  const what = same.name === member.name ? `the name ${member.name}` : `the address ${member.peer}`;
  throw refuse(`${what} is that of member ${same.id}; start it on its old data directory, take another name, or replace it`);
}

function advance(state: ClusterState, changeId: string, from: Change['phase']): ClusterState {
  const { change } = state;
  if (change?.id !== changeId || change.phase !== from) return state;
  if (from === 'dual-write') return { ...state, ringEpoch: state.epoch, change: { ...change, phase: 'read-new' } };
  const replicas = state.ring.replicas.map((holders, partition) => change.moves.get(partition) ?? holders);
  const ring: Ring = { ...state.ring, epoch: state.epoch, replicas };
  return { ...state, ring, ringEpoch: state.epoch, change: undefined, stewards: seatStewards(state.members) };
}

function update(state: ClusterState, change: Pick<Member, 'id' | 'peer' | 'http' | 'acceptor'>): ClusterState {
  if (memberOf(state, change.id) === undefined) throw refuse(`${change.id} is not a member`);
  const members = state.members.map((member) => (member.id === change.id ? { ...member, ...only(change) } : member));
  const stewards = state.stewards.map((seat) => (seat.id === change.id ? { id: seat.id, acceptor: change.acceptor } : seat));
  return { ...state, members, stewards };
}

function only({ peer, http, acceptor }: Pick<Member, 'peer' | 'http' | 'acceptor'>): Pick<Member, 'peer' | 'http' | 'acceptor'> {
  return { peer, http, acceptor };
}

function setBucket(state: ClusterState, decision: Extract<Decision, { kind: 'bucket' }>): ClusterState {
  const { name, given, used } = decision;
  const before = state.buckets.get(name) ?? unsaid;
  checkBucketRoom(state, name);
  const all = checkProperties({ ...before.given, ...given });
  if (used) checkFixed(resolveProperties(before.given), resolveProperties(all));
  return withBucket(state, name, { ...before, given: all, exists: true });
}

function dropBucket(state: ClusterState, name: string): ClusterState {
  const before = state.buckets.get(name) ?? unsaid;
  // Its generation is remembered for ever, so a dropped bucket takes a place as well.
  checkBucketRoom(state, name);
  return withBucket(state, name, { generation: before.generation + 1, given: {}, exists: false });
}

function checkBucketRoom({ buckets }: ClusterState, name: string): void {
  if (buckets.has(name) || buckets.size < bucketsMax) return;
  throw new CoterieError('OVERLOADED', `there are ${buckets.size} buckets, the most that a cluster keeps`, { retryable: false });
}

/** A bucket of which the ring log says nothing. */
export const unsaid: DecidedBucket = { generation: 1, given: {}, exists: false };

function withBucket(state: ClusterState, name: string, bucket: DecidedBucket): ClusterState {
  return { ...state, buckets: new Map(state.buckets).set(name, bucket) };
}

function nameOf(state: ClusterState, id: string): string {
  return memberOf(state, id)?.name ?? id;
}

function refuse(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message, { details: { mayHaveTakenEffect: false } });
}
