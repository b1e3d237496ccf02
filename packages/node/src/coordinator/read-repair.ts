/**
 * Read repair: after a read, the owners that answered and turned out to be behind get what all know together. In the
 * background, one after the other, and only towards owners: a stand-in's hint is not a copy.
 */
import type { Core } from '../core.ts';
import { type Conflict, mergeObjects } from '../objects/merge.ts';
import { type CausalObject, emptyObject, equalObjects } from '../objects/object.ts';
import type { Place } from '../replica/replica.ts';

/** What a store was found to hold; no object if it did not answer. */
export interface FoundCopy {
  readonly store: string;
  readonly standsFor?: string | undefined;
  readonly object?: CausalObject | undefined;
}

/** What a read found. */
export interface FoundByRead {
  readonly place: Place;
  readonly owners: readonly string[];
  readonly copies: readonly FoundCopy[];
  /** What they know together. */
  readonly merged: CausalObject;
}

/** Brings the owners that answered up to date. */
export async function repair(core: Core, { place, owners, copies, merged }: FoundByRead): Promise<void> {
  for (const store of lagging(copies, merged)) {
    if (!owners.includes(store)) continue;
    try {
      await bring(core, { place, object: merged }, store);
    } catch (error) {
      core.environment.log.debug('read repair failed', { store, reason: String(error) });
    }
  }
}

/** What all that answered know together. */
export function mergeCopies(copies: readonly FoundCopy[], conflict: Conflict): CausalObject {
  let merged: CausalObject | undefined;
  for (const { object } of copies) {
    if (object !== undefined) merged = merged === undefined ? object : mergeObjects(merged, object, conflict);
  }
  return merged ?? emptyObject;
}

/** Owners whose copy lacks something of `merged`. */
export function lagging(copies: readonly FoundCopy[], merged: CausalObject): readonly string[] {
  const behind = copies.filter(({ object, standsFor }) => standsFor === undefined && object !== undefined && !equalObjects(object, merged));
  return behind.map(({ store }) => store);
}

function bring(core: Core, { place, object }: { readonly place: Place; readonly object: CausalObject }, store: string): Promise<unknown> {
  if (store === core.selfId) return core.local.merge(place, object);
  return core.cluster.peers.merge(store, place, { object, order: { background: true } });
}
