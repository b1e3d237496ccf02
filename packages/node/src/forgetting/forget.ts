/**
 * What a floor means for one object. Two decisions, both pure:
 *
 * ```
 *   a copy comes in       a sibling below the floor that is not known here     old: it was forgotten, and stays so
 *                         what its clock says below the floor, not known here  forgotten with it
 *                         everything else                                      merged as ever
 *
 *   a floor has risen     a tombstone or an expired value below it             goes
 *                         the like in an `lww` bucket, where it hides values   goes with them, once all lie below it
 *                         an object of which nothing else is left              goes whole, clock and all
 * ```
 *
 * The first holds at a primary that has all that the floor promises. One that has lost something (it is recovering) takes
 * everything until it is whole. Without the first decision the second would be how deleted values come back (loss scenario 3); with it,
 * and because a store begins a new key epoch where its object has gone, the key's next life is nobody's business but its own.
 *
 * Nothing here asks a calendar whether something is old enough to be forgotten safely. `before` only keeps tombstones of
 * operations that may still be retried, and says which values all primaries' clocks hold for expired.
 */
import { DottedSet } from '@coterie/vector-clock';
import { winner } from '../merge.ts';
import type { CausalObject } from '../object.ts';
import type { Payload } from '../payload.ts';
import { type Floor, isBelow } from './floor.ts';

/** Moments that all primaries of a partition have behind them, by the slowest of their clocks: wall-clock milliseconds. */
export interface Before {
  /** Values that expired by then are dead. */
  readonly expiredMs: number;
  /** Tombstones of writes made by then are dead: nobody retries those operations any more. */
  readonly settledMs: number;
}

/** `incoming` without what is forgotten at a whole primary that has `local` and this floor. */
export function withoutForgotten(incoming: CausalObject, local: CausalObject, floor: Floor): CausalObject {
  if (floor.round === 0) return incoming;
  const { set } = incoming;
  const isForgotten = (dot: { incarnation: string; epoch: number; counter: number }): boolean =>
    isBelow(floor, dot) && !local.set.knows(dot);
  const siblings = set.siblings.filter(({ dot }) => !isForgotten(dot));
  const stays = new Set(siblings.map(({ dot }) => `${dot.incarnation} ${dot.epoch}`));
  const clock = set.clock.filter((entry) => stays.has(`${entry.incarnation} ${entry.epoch}`) || !isForgotten(entry));
  const cloud = set.cloud.filter((dot) => !isForgotten(dot));
  const isSame =
    siblings.length === set.siblings.length && clock.entries.length === set.clock.entries.length && cloud.length === set.cloud.length;
  return isSame ? incoming : { ...incoming, set: DottedSet.of(clock, siblings, cloud) };
}

/** What becomes of an object when its partition's floor is this one: the object itself, a smaller one, or nothing. */
export function afterForgetting(object: CausalObject, floor: Floor, before: Before): CausalObject | 'gone' {
  const { set } = object;
  const kept = isStamped(object) ? unlessAllIsOver(object, floor, before) : withoutDead(object, floor, before);
  if (kept.siblings.length > 0) return kept === set ? object : { ...object, set: kept };
  const isWhole = set.clock.entries.every((entry) => isBelow(floor, entry)) && set.cloud.every((dot) => isBelow(floor, dot));
  return isWhole ? 'gone' : object;
}

function withoutDead({ set }: CausalObject, floor: Floor, before: Before): DottedSet<Payload> {
  return set.reduce(({ dot, value }) => !(isBelow(floor, dot) && isDead(value, before)));
}

/** Of `lww` values the highest alone is shown: were it to go by itself, one that it outranks would come to light. */
function unlessAllIsOver({ set }: CausalObject, floor: Floor, before: Before): DottedSet<Payload> {
  const shows = winner(set);
  const isOver = shows !== undefined && isDead(shows.value, before) && set.siblings.every(({ dot }) => isBelow(floor, dot));
  return isOver ? set.reduce(() => false) : set;
}

function isStamped({ set }: CausalObject): boolean {
  return set.siblings.some(({ value }) => value.stamp !== undefined);
}

/** Whether nobody will see this value again, nor ask for it. */
export function isDead({ tombstone, writtenAt, expiresAt }: Payload, { expiredMs, settledMs }: Before): boolean {
  if (writtenAt > settledMs) return false;
  return tombstone || (expiresAt !== undefined && expiresAt <= expiredMs);
}
