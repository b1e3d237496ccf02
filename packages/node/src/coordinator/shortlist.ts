/**
 * Whom a read asks when nothing is out of the ordinary: as many owners as it needs, and no more.
 *
 * ```
 *   an owner is not known to be up ──▶ nobody: the read asks all, and stand-ins (`pursuit.ts`)
 *   fewer are quick than needed ─────▶ nobody, as well
 *   else ──▶ itself, if it is an owner │ of the others as many as are still needed, beginning with another one each turn
 * ```
 *
 * Within one turn of the event loop the same are chosen where they can be, so that what is asked of one travels together.
 */
import type { Standing } from './pursuit.ts';

/** Who can be asked. */
export interface Candidates {
  /** Who holds the key, in order of preference. */
  readonly owners: readonly string[];
  readonly needed: number;
  /** Who asks. */
  readonly self: string;
  /** Goes up by one from turn to turn. */
  readonly turn: number;
  standing(store: string): Standing;
  /** Whether it answered in time of late. */
  isQuick(store: string): boolean;
}

/** The stores to ask, the asker first if it is one of them; undefined where all should be. */
export function shortlist(candidates: Candidates): string[] | undefined {
  const { owners, needed, self, turn } = candidates;
  if (!owners.every((owner) => candidates.standing(owner) === 'up')) return undefined;
  const others = owners.filter((owner) => owner !== self && candidates.isQuick(owner));
  const chosen = owners.includes(self) ? [self] : [];
  for (let i = 0; i < others.length && chosen.length < needed; i++) chosen.push(others[(turn + i) % others.length]);
  return chosen.length < needed ? undefined : chosen;
}
