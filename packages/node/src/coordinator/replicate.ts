/**
 * Brings one object to the stores of its key, and says when enough of them hold it. Merging is harmless however often it
 * is done, so whatever changed meanwhile, the answer is to do it again by the newer ring.
 */
import { CoterieError } from '@coterie/env';
import { missedBy } from '../anti-entropy/dirty-ranges.ts';
import { Chase } from './chase.ts';
import { type Core, placementAt } from '../core.ts';
import type { KeyPlacement } from '../cluster/placement.ts';
import type { Attempt } from './deadlines.ts';
import type { CausalObject } from '../objects/object.ts';
import { type Outcome, Pursuit, type Target } from './pursuit.ts';
import { countedBy, failureOf, newerThan, reachedBy, type Reply, thresholdOf, type Wanted } from './quorum.ts';
import type { Place } from '../replica/replica.ts';
import type { Reached } from '../api.ts';

/** What is to be brought where. */
export interface Delivery {
  readonly place: Place;
  readonly object: CausalObject;
  readonly wanted: Wanted;
  readonly names: readonly [string, string];
  /** The id that its client gave the write, if it is one. */
  readonly operation?: string | undefined;
  /** The coordinator's own part, and when it is durable. */
  readonly own?: { readonly target: Target; readonly durable: Promise<void> } | undefined;
}

/** How often a delivery is begun anew because the ring moved on. */
const roundsMax = 4;

/** Resolves when enough stores hold the object. @throws `QUORUM_NOT_MET`, `TIMEOUT`, `STALE_RING` for which another node may do better */
export async function replicate(core: Core, delivery: Delivery, attempt: Attempt): Promise<Reached> {
  for (let round = 1; ; round++) {
    const placement = placementAt(core, delivery.place);
    const thresholds = placement.writeSets.map((set) => thresholdOf(delivery.wanted, set.length, delivery.names));
    const pursuit = new Pursuit({
      sets: placement.writeSets,
      thresholds,
      fallbacks: placement.fallbacks,
      standing: (id) => core.cluster.writeStanding(id),
    });
    const chase = new Chase<Reply>({
      pursuit,
      patience: core.patience,
      afterwards: 'complete',
      ask: (target, take) => deliverTo(core, { delivery, target, take }),
    });
    const verdict = await chase.run(ownPart(delivery, placement));
    chase.whenSettled(() => noteMissed(core, placement, chase.answers));
    attempt.check();
    const newer = newerThan(chase.answers);
    if (newer.length > 0) await core.cluster.catchUp(newer);
    const moved = core.cluster.state.ringEpoch > placement.epoch;
    if (verdict === 'met' && !moved) {
      if (core.witness !== undefined && delivery.operation !== undefined) core.witness(delivery.operation, countedBy(pursuit));
      return reachedBy(pursuit);
    }
    if (verdict === 'failed' && !moved) {
      throw newer.length > 0 ? staleRing(leftBehind, attempt) : failureOf(chase.answers, thresholds[0], attempt.mayTakeEffect);
    }
    if (round === roundsMax) throw staleRing(restless, attempt);
  }
}

/** Notes owners that were left without the object, for comparing to begin there. */
function noteMissed(core: Core, placement: KeyPlacement, answers: readonly Outcome[]): void {
  const { owners, partition } = placement;
  if (answers.length >= owners.length && answers.every(({ ok }) => ok)) return;
  if (!owners.includes(core.selfId)) return;
  const start = partition * (2 ** 32 / core.cluster.state.ring.partitions);
  for (const member of missedBy(placement, answers)) {
    core.dirty.add(member, start).catch((error: unknown) => {
      core.environment.log.debug('a missed write could not be noted', { member, reason: String(error) });
    });
  }
}

/** The own part as this placement sees it: none when the coordinator's copy counts nowhere any more. */
function ownPart({ own }: Delivery, { owners }: KeyPlacement): Target | undefined {
  if (own === undefined) return undefined;
  const { store, standsFor } = own.target;
  if (standsFor === undefined) return owners.includes(store) ? own.target : undefined;
  return owners.includes(standsFor) && !owners.includes(store) ? own.target : undefined;
}

/** A delivery to one store, and who wants to know what came of it. */
interface Copying {
  readonly delivery: Delivery;
  readonly target: Target;
  take(reply: Reply): void;
}

/** One `then` on what the store promises, for every copy of every write comes by here. */
function deliverTo(core: Core, { delivery, target, take }: Copying): void {
  const { store, standsFor } = target;
  // Spelt out: objects that are spread and then added to have many shapes, and all who read them are slow.
  let handed: Promise<boolean | void>;
  try {
    handed = handTo(core, delivery, target);
  } catch (error) {
    handed = Promise.reject(error as Error);
  }
  handed.then(
    (synced) => take({ store, standsFor, ok: true, synced: synced ?? core.syncsEachWrite, error: undefined }),
    (error: unknown) => take({ store, standsFor, ok: false, synced: false, error }),
  );
}

/** Resolves when the store holds the object: another one says whether it is synced there. */
function handTo(core: Core, { place, object, own }: Delivery, { store, standsFor }: Target): Promise<boolean | void> {
  if (own !== undefined && own.target.store === store && own.target.standsFor === standsFor) return own.durable;
  if (store === core.selfId) return core.local.merge(standsFor === undefined ? place : { ...place, hintFor: standsFor }, object);
  return core.cluster.peers.merge(store, place, { object, order: { hintFor: standsFor } });
}

/** The others refuse what comes by an older ring: whoever knows the newer one has not failed yet. */
const leftBehind = 'the others follow a newer ring, which this node cannot learn now; ask another node';
const restless = 'the ring changed several times while the write was on its way; try again';

function staleRing(why: string, attempt: Attempt): CoterieError {
  return new CoterieError('STALE_RING', why, { details: { mayHaveTakenEffect: attempt.mayTakeEffect } });
}
