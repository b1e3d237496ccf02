/**
 * What this store lets in of what arrives, by the floors that it keeps.
 *
 * ```
 *   an owner that holds the floor      without what lies below and is not known here: it was forgotten   (`forget.ts`)
 *   an owner that only heard of it,    everything: it cannot tell what was forgotten from what it lacks
 *   or has something to take back
 *   a fallback, for an owner           everything, unless all of its values lie below: then it comes late, and
 *                                      the owners have it or have forgotten it
 * ```
 */
import type { Dot } from '@coterie/vector-clock';
import { type CausalObject, emptyObject } from '../objects/object.ts';
import type { Place } from '../replica/replica.ts';
import { type Floor, ground, isBelow } from './floor.ts';
import type { Floors } from './floors.ts';
import { withoutForgotten } from './forget.ts';

/** What a replica asks before it takes something in. */
export interface Admitting {
  /** What of `incoming` may be merged with `local`. The same object if all of it. */
  admit(place: Place, incoming: CausalObject, local: CausalObject): CausalObject;
  /** Whether this dot was forgotten here, if it is not known. */
  isForgotten(place: Place, dot: Dot): boolean;
}

/** What an admittance goes by. */
export interface AdmittanceParts {
  readonly floors: Floors;
  /** Whether this store is an owner of the place, by the ring of now. */
  readonly isOwner: (place: Place) => boolean;
  /** Whether it has something to take back there. */
  readonly isRecovering: (place: Place) => boolean;
}

/** Lets in what is not forgotten. */
export class Admittance implements Admitting {
  readonly #parts: AdmittanceParts;

  constructor(parts: AdmittanceParts) {
    this.#parts = parts;
  }

  admit(place: Place, incoming: CausalObject, local: CausalObject): CausalObject {
    if (this.#parts.floors.isEmpty) return incoming;
    if (place.hintFor !== undefined) return isOld(incoming, this.#parts.floors.floorAt(place)) ? emptyObject : incoming;
    return withoutForgotten(incoming, local, this.heldAt(place));
  }

  isForgotten(place: Place, dot: Dot): boolean {
    return !this.#parts.floors.isEmpty && isBelow(this.heldAt(place), dot);
  }

  /** The floor that this store vouches for at a place; the ground where it does not. */
  heldAt(place: Place): Floor {
    const { floors, isOwner, isRecovering } = this.#parts;
    if (floors.isEmpty || place.hintFor !== undefined) return ground;
    const kept = floors.keptAt(place);
    return kept === undefined || kept.state === 'heard' || !isOwner(place) || isRecovering(place) ? ground : kept.floor;
  }
}

/** Whether every value of it lies below the floor. */
export function isOld({ set }: CausalObject, floor: Floor): boolean {
  return floor.round > 0 && set.siblings.length > 0 && set.siblings.every(({ dot }) => isBelow(floor, dot));
}
