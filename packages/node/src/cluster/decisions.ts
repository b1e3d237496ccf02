/**
 * What the ring log can decide, and what the cluster is afterwards. Pure: every node computes the same state from the
 * same decisions. A decision that the state does not allow is refused before it is proposed; deciding one twice changes
 * nothing.
 *
 * ```
 *   begin     wishes, and who shall hold what by the plan of their proposer: a change in dual-write (`changes.ts`)
 *   advance   a change to its next phase: dual-write ▶ read-new ▶ done, or undoing ▶ as before
 *   abort     a change is taken back
 *   stage     a wish waits for a commit; unstage: no wish does any more
 *   lose      a member is dead for good
 *   left      a member has brought home what it had, and is none any more
 *   join      what `begin` was called when joins were all there was
 *   member    where a member is reached, which life of its vote file is seated, and which level it knows
 *   level     the cluster goes up to this level, which all members know (`level.ts`)
 *   bucket    properties of a bucket, beside those said before
 *   drop      a bucket: its generation goes up, its properties are forgotten
 * ```
 */
import { electorateOf } from './electorate.ts';
import { CoterieError } from '@coterie/env';
import { checkFixed, checkProperties, type GivenProperties, resolveProperties } from '../buckets/bucket-properties.ts';
import { checkKnowsLevel, raiseLevel } from './level.ts';
import { abort, advance, begin, left, lose, wishKey } from './changes.ts';
import type { PlannedMoves } from './plan.ts';
import { type Change, type ClusterState, type DecidedBucket, type Member, memberOf, type StagedWish, type Wish } from './state.ts';
import { refuse } from './wishes.ts';

/** One step of the ring log. `id` tells it from every other. */
export type Decision =
  | ({ readonly kind: 'join'; readonly id: string; readonly member: Member } & PlannedMoves)
  | ({ readonly kind: 'begin'; readonly id: string; readonly wishes: readonly Wish[] } & PlannedMoves)
  | { readonly kind: 'abort'; readonly id: string; readonly change: string }
  | { readonly kind: 'stage'; readonly id: string; readonly wish: StagedWish }
  | { readonly kind: 'unstage'; readonly id: string }
  | { readonly kind: 'lose' | 'left'; readonly id: string; readonly member: string }
  | { readonly kind: 'advance'; readonly id: string; readonly change: string; readonly from: Change['phase'] }
  | { readonly kind: 'member'; readonly id: string; readonly member: MemberUpdate }
  | { readonly kind: 'level'; readonly id: string; readonly level: number }
  | { readonly kind: 'bucket'; readonly id: string; readonly name: string; readonly given: GivenProperties; readonly used: boolean }
  | { readonly kind: 'drop'; readonly id: string; readonly name: string };

/** What a member says of itself whenever it starts. */
export type MemberUpdate = Pick<Member, 'id' | 'peer' | 'http' | 'acceptor' | 'level'>;

/** Most buckets that a cluster keeps. */
const bucketsMax = 10_000;
/** Most wishes that wait for a commit. */
const stagedMax = 1000;

/** The state after the decision. @throws `INVALID_ARGUMENT`, `NOT_READY` or `OVERLOADED` when the state does not allow it */
export function decide(state: ClusterState, decision: Decision): ClusterState {
  const next: ClusterState = { ...state, epoch: state.epoch + 1 };
  switch (decision.kind) {
    case 'join':
      return join(next, decision);
    case 'begin':
      return begin(next, decision);
    case 'advance':
      return advance(next, decision.change, decision.from);
    case 'abort':
      return abort(next, decision.change);
    case 'stage':
      return stage(next, decision.wish);
    case 'unstage':
      return { ...next, staged: [] };
    case 'lose':
      return lose(next, decision.member);
    case 'left':
      return left(next, decision.member);
    case 'member':
      return update(next, decision.member);
    case 'level':
      return raiseLevel(next, decision.level);
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
  return begin(state, { kind: 'begin', id, wishes: [{ kind: 'join', member }], plannedFor, moves });
}

/** One wish more that waits; a newer one about the same takes the place of the older. Whether it can be was asked where it was proposed, and is judged when it is begun. */
function stage(state: ClusterState, wish: StagedWish): ClusterState {
  const others = state.staged.filter((other) => wishKey(other) !== wishKey(wish));
  if (others.length < stagedMax) return { ...state, staged: [...others, wish] };
  throw new CoterieError('OVERLOADED', `${others.length} wishes wait for a commit, the most that may`, { retryable: false });
}

function update(state: ClusterState, change: MemberUpdate): ClusterState {
  const known = memberOf(state, change.id);
  if (known === undefined) throw refuse(`${change.id} is not a member`);
  checkKnowsLevel(state, { name: known.name, ...levelIn(change) });
  const members = state.members.map((member) => (member.id === change.id ? { ...member, ...only(change) } : member));
  const stewards = state.stewards.map((seat) => (seat.id === change.id ? { id: seat.id, acceptor: change.acceptor } : seat));
  // One that came back after the cluster was restored, and could not vote before.
  if (known.acceptor === '') return { ...state, members, stewards: electorateOf({ ...state, members }) };
  return { ...state, members, stewards };
}

function only({ peer, http, acceptor, level }: MemberUpdate): Omit<MemberUpdate, 'id'> {
  return { peer, http, acceptor, ...levelIn({ level }) };
}

/** Nothing for one that named none, so that every member has the same state to the byte. */
function levelIn({ level }: { readonly level?: number | undefined }): Pick<Member, 'level'> {
  return level === undefined ? {} : { level };
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
