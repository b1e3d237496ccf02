/** Asks one store for the whole copy of a key: its own, or what it keeps for the owners when it stands in for one. */
import type { KeyPlacement } from '../cluster/placement.ts';
import type { Core } from '../core.ts';
import type { RemoteCopy } from '../peers/peers.ts';
import type { Target } from './pursuit.ts';
import type { Reply } from './quorum.ts';
import type { FoundCopy } from './read-repair.ts';
import type { Place } from '../replica/replica.ts';

/** A store's answer to a read. */
export interface ReadReply extends Reply, FoundCopy {}

/** Where a key is read. */
export interface PlacedKey {
  readonly place: Place;
  readonly placement: KeyPlacement;
}

const noOwners: readonly string[] = [];

/** The store's answer. Never rejects: a failure is an answer. */
export async function readCopy(core: Core, of: PlacedKey, target: Target): Promise<ReadReply> {
  const { place, placement } = of;
  const { store, standsFor } = target;
  const hintsFor = standsFor === undefined ? noOwners : placement.owners;
  try {
    const copy = store === core.selfId ? await readOwn(core, of, hintsFor) : await core.cluster.peers.read(store, place, hintsFor);
    // What a recovering store lacks may be what it lost: that is no answer.
    const knows = !copy.recovering || copy.object.set.clock.entries.length > 0;
    return { store, standsFor, ok: knows, object: copy.object, recovering: copy.recovering, error: undefined };
  } catch (error) {
    return { store, standsFor, ok: false, object: undefined, recovering: undefined, error };
  }
}

async function readOwn(core: Core, { place, placement }: PlacedKey, hintsFor: readonly string[]): Promise<RemoteCopy> {
  const object = hintsFor.length === 0 ? await core.local.read(place) : await core.local.readHints(place, hintsFor);
  return { object, recovering: core.cluster.isRecovering(placement.partition) };
}
