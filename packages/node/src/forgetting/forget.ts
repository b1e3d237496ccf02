/**
 * What a floor means for one object. Two decisions, both pure:
 *
 * ```
 *   a copy comes in       a sibling below the floor that is not known here     old: it was forgotten, and stays so
 *                         what its clock says below the floor, not known here  forgotten with it
 *                         everything else                                      merged as ever
 *
 *   a floor has risen     a tombstone or an expired value below it             goes
 *                         the one that an `lww` bucket shows                   goes with all that it hides, once all lie below it
 *                         an object of which nothing else is left              goes whole, clock and all
 * ```
 *
 * The first holds at a primary that has all that the floor promises. One that has lost something (it is recovering) takes
 * everything until it is whole. Without the first decision the second would be how deleted values come back (loss scenario 3); with it,
 * and because a store begins a new key epoch where its object has gone, the key's next life is nobody's business but its own.
 *
 * Nothing here asks a calendar whether something is old enough to be forgotten. `before` only says which values all clocks
 * hold for expired.
 */
import { type Dot, DottedSet } from '@coterie/vector-clock';
import { winner } from '../objects/merge.ts';
import type { CausalObject } from '../objects/object.ts';
import type { Payload } from '../objects/payload.ts';
import { type Floor, isBelow } from './floor.ts';

/** A moment that everybody has behind them, by the slowest clock: wall-clock milliseconds. */
export interface Before {
  /** Values that expired by then are dead. */
  readonly expiredMs: number;
}

/** `incoming` without what is forgotten at a whole primary that has `local` and this floor. */
export function withoutForgotten(incoming: CausalObject, local: CausalObject, floor: Floor): CausalObject {
  if (floor.round === 0) return incoming;
  const { set } = incoming;
  const isForgotten = (dot: Dot): boolean => isBelow(floor, dot) && !local.set.knows(dot);
  const siblings = set.siblings.filter(({ dot }) => !isForgotten(dot));
  const losesValues = siblings.length < set.siblings.length;
  const stays = new Set(siblings.map(({ dot }) => `${dot.incarnation} ${dot.epoch}`));
  // What a forgotten write had replaced is not replaced by it: the clock cannot say which of its entries are of that kind.
  const isPast = (entry: Dot): boolean => (losesValues ? isBelow(floor, entry) : isForgotten(entry));
  const clock = set.clock.filter((entry) => stays.has(`${entry.incarnation} ${entry.epoch}`) || !isPast(entry));
  const cloud = set.cloud.filter((dot) => !isForgotten(dot));
  const isSame =
    siblings.length === set.siblings.length && clock.entries.length === set.clock.entries.length && cloud.length === set.cloud.length;
  return isSame ? incoming : { ...incoming, set: DottedSet.of(clock, siblings, cloud) };
}

/** What becomes of an object when its partition's floor is this one: the object itself, a smaller one, or nothing. */
export function afterForgetting(object: CausalObject, floor: Floor, before: Before): CausalObject | 'gone' {
  const { set } = object;
  const kept = isStamped(object) ? withoutDeadStamped(object, floor, before) : withoutDead(object, floor, before);
  if (kept.siblings.length > 0) return kept === set ? object : { ...object, set: kept };
  const isWhole = set.clock.entries.every((entry) => isBelow(floor, entry)) && set.cloud.every((dot) => isBelow(floor, dot));
  return isWhole ? 'gone' : object;
}

function withoutDead({ set }: CausalObject, floor: Floor, before: Before): DottedSet<Payload> {
  return set.reduce(({ dot, value }) => !(isBelow(floor, dot) && isDead(value, before)));
}

/** Of `lww` values the highest alone is shown: were it to go by itself, one that it outranks would come to light. */
function withoutDeadStamped(object: CausalObject, floor: Floor, before: Before): DottedSet<Payload> {
  const { set } = object;
  const shows = winner(object);
  const isOver = shows !== undefined && isDead(shows.value, before) && set.siblings.every(({ dot }) => isBelow(floor, dot));
  return set.reduce((sibling) => !isOver && (sibling === shows || !(isBelow(floor, sibling.dot) && isDead(sibling.value, before))));
}

function isStamped({ set }: CausalObject): boolean {
  return set.siblings.some(({ value }) => value.stamp !== undefined);
}

/** Whether nobody will see this value again, nor ask for it. */
export function isDead({ tombstone, expiresAt }: Payload, { expiredMs }: Before): boolean {
  return tombstone || (expiresAt !== undefined && expiresAt <= expiredMs);
}
