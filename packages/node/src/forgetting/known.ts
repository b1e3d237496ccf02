/** What stores that were asked know of a key together, without what comes back from somewhere old. */
import type { Core } from '../core.ts';
import { mergeObjects } from '../objects/merge.ts';
import type { CausalObject } from '../objects/object.ts';
import { type FoundCopy, mergeCopies } from '../coordinator/read-repair.ts';
import type { Place } from '../replica/replica.ts';
import { withoutForgotten } from './forget.ts';

/** A copy, and whether its store has something to take back. */
export interface AnsweredCopy extends FoundCopy {
  readonly recovering?: boolean | undefined;
}

/**
 * Merges the copies. Of one that is kept for somebody, or comes from a store that may have gone back in time, what lies
 * below the floor counts only if an owner knows it that has everything: the others have forgotten it.
 */
export function knownBy(core: Core, place: Place, copies: readonly AnsweredCopy[]): CausalObject {
  const { conflict } = place.bucket.properties;
  const floor = core.floors.floorAt(place);
  const firm = copies.filter(
    ({ object, standsFor, recovering }) => object !== undefined && standsFor === undefined && recovering === false,
  );
  if (floor.round === 0 || firm.length === 0) return mergeCopies(copies, conflict);
  const known = mergeCopies(firm, conflict);
  let all = known;
  for (const copy of copies) {
    if (copy.object !== undefined && !firm.includes(copy)) all = mergeObjects(all, withoutForgotten(copy.object, known, floor), conflict);
  }
  return all;
}
