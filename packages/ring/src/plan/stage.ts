/**
 * Changes staged together: who is a member afterwards, and what of today's lists those members bring along.
 *
 * ```
 *   today      members a b c     list [b c]
 *   changes    leave b, join d   members a c d     may stay [c]      has the data [c]
 *              replace b by d    members a d c     may stay [d c]    has the data [c]
 * ```
 */
import { CoterieError } from '@coterie/env';
import { checkMember, checkWeight, membersMax, type RingMember } from '../member.ts';
import { memberIndex, type Ring } from '../ring.ts';

/** One wish of an operator. */
export type RingChange =
  | { readonly kind: 'join'; readonly member: RingMember }
  | { readonly kind: 'leave'; readonly id: string }
  /** `by` takes what `id` holds, and its place. */
  | { readonly kind: 'replace'; readonly id: string; readonly by: RingMember }
  | { readonly kind: 'weight'; readonly id: string; readonly weight: number };

/** What a plan starts from. Positions are those of `members`. */
export interface Stage {
  readonly members: readonly RingMember[];
  /** By partition, who stands in the list and may stay there. */
  readonly lists: readonly (readonly number[])[];
  /** By partition, who has the data. */
  readonly original: readonly (readonly number[])[];
}

/** The stage after all changes. @throws `INVALID_ARGUMENT` for changes that cannot be, or not together */
export function stageChanges(ring: Ring, changes: readonly RingChange[]): Stage {
  const seats: (Seat | undefined)[] = ring.members.map((member) => ({ member, isNew: false }));
  const touched = new Set<string>();
  for (const change of changes) {
    const id = change.kind === 'join' ? change.member.id : change.id;
    if (touched.has(id)) throw invalid(`there are two changes for ${id}; say one`);
    touched.add(id);
    seatChange(ring, seats, change);
  }
  return stageOf(ring, seats);
}

/** A place in the list of members; empty once its member leaves. */
interface Seat {
  readonly member: RingMember;
  /** Whether it holds data of its own yet. */
  readonly isNew: boolean;
}

function seatChange(ring: Ring, seats: (Seat | undefined)[], change: RingChange): void {
  if (change.kind === 'join') {
    seats.push(newcomer(seats, change.member));
    return;
  }
  const at = memberIndex(ring, change.id);
  if (change.kind === 'leave') seats[at] = undefined;
  else if (change.kind === 'replace') seats[at] = newcomer(seats, change.by);
  else {
    checkWeight(change.weight);
    seats[at] = { member: { ...ring.members[at], weight: change.weight }, isNew: false };
  }
}

function newcomer(seats: readonly (Seat | undefined)[], member: RingMember): Seat {
  checkMember(member);
  if (seats.some((seat) => seat?.member.id === member.id)) throw invalid(`${member.id} is a member already`);
  return { member, isNew: true };
}

function stageOf(ring: Ring, seats: readonly (Seat | undefined)[]): Stage {
  const taken = seats.filter((seat) => seat !== undefined);
  if (taken.length === 0) throw invalid('the last member cannot leave');
  if (taken.length > membersMax) throw invalid(`a ring has at most ${membersMax} members`);
  const position = new Map(taken.map((seat, index) => [seat, index]));
  const positions = seats.map((seat) => (seat === undefined ? -1 : (position.get(seat) ?? -1)));
  const renumbered = ring.replicas.map((list) => list.map((index) => positions[index]).filter((index) => index >= 0));
  return {
    members: taken.map((seat) => seat.member),
    lists: renumbered,
    original: renumbered.map((list) => list.filter((index) => !taken[index].isNew)),
  };
}

function invalid(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message);
}
