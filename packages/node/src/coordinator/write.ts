/**
 * The coordinator's way of a write, the same for put and delete:
 *
 * ```
 *   needs ▶ operation id ▶ [merged read] ▶ local replica: dot, decision, log ▶ send the object to the other stores ▶ count ▶ answer
 * ```
 *
 * Its own copy counts like any other, when it is durable. A write that is decided on what is there (conditions, a delete
 * without a context) begins with a merged read.
 */
import type { Context, Dot } from '@coterie/vector-clock';
import { Context as ContextValue } from '@coterie/vector-clock';
import type { WriteReply } from '../api.ts';
import { type Core, placementAt, sealContext } from '../core.ts';
import type { Attempt } from './deadlines.ts';
import { etagAfterWrite, etagOf } from '../objects/etag.ts';
import { contextUnder } from '../hazards.ts';
import type { CausalObject } from '../objects/object.ts';
import { checkOperation, mintOwnOperation, type WriteAnswer } from './operations.ts';
import type { Target } from './pursuit.ts';
import { thresholdOf, type Wanted } from './quorum.ts';
import { type Look, mergedRead } from './get.ts';
import type { Coordinated } from '../replica/coordinated-write.ts';
import type { Place } from '../replica/replica.ts';
import { isOneWrite } from '../objects/replaced.ts';
import { replicate } from './replicate.ts';

/** A write as put and delete describe it. */
export interface WriteOrder {
  readonly place: Place;
  readonly operation: string | undefined;
  readonly w: number | undefined;
  readonly pw: number | undefined;
  readonly context: Context | undefined;
  /** How far the decision depends on what is there, and not only here. */
  readonly look: Look;
  /** What the writer is taken to have seen, given the local copy. */
  seen(local: CausalObject): Context;
  /** The object after the write. */
  decide(local: CausalObject, by: { readonly dot: Dot; readonly operation: string; readonly seen: Context }): CausalObject;
}

const names = ['w', 'pw'] as const;

/** Carries a write out from here; resolves when w stores hold it. `part` is what this store counts as. */
export async function coordinateWrite(
  core: Core,
  order: WriteOrder,
  on: { readonly part: Target; readonly attempt: Attempt },
): Promise<WriteReply> {
  const { part, attempt } = on;
  const { properties } = order.place.bucket;
  const wanted: Wanted = { total: order.w ?? properties.w, primary: order.pw ?? properties.pw };
  const placement = placementAt(core, order.place);
  for (const set of placement.writeSets) thresholdOf(wanted, set.length, names);
  const isAlone = placement.owners.length === 1 && placement.owners[0] === core.selfId;
  const base = order.look === 'not at all' || isAlone ? undefined : await mergedRead(core, order, attempt);
  const place = part.standsFor === undefined ? order.place : { ...order.place, hintFor: part.standsFor };
  const written = await writeHere(core, order, { place, base, attempt });
  const { context, etag } = written.answer;
  if (isAlone && placement.writeSets.length === 1 && part.standsFor === undefined) {
    await written.durable;
    // Whoever takes the key over may have looked while the write was on its way to the disk.
    const isStill = core.cluster.state.ringEpoch <= placement.epoch;
    if (isStill && order.operation !== undefined) core.witness?.(order.operation, [{ store: core.selfId, isPrimary: true }]);
    if (isStill) return { context, etag, reached: { primaries: 1, fallbacks: 0, synced: core.syncsEachWrite ? 1 : 0 } };
  }
  // A failure is told by the count; until then nobody else may be listening.
  written.durable.catch(() => undefined);
  const { object } = written;
  const own = { target: part, durable: written.durable };
  const delivery = { place: order.place, object, wanted, names, own, operation: order.operation };
  return { context, etag, reached: await replicate(core, delivery, attempt) };
}

function writeHere(
  core: Core,
  order: WriteOrder,
  on: { readonly place: Place; readonly base: CausalObject | undefined; readonly attempt: Attempt },
): Promise<Coordinated> {
  const { environment, limits, local: replica } = core;
  const now = environment.clock.now();
  if (order.operation !== undefined) checkOperation(order.operation, now, limits.operationMemoryMs);
  const asked = core.hazards.everyTryAWrite ? undefined : order.operation;
  const operation = asked ?? mintOwnOperation(environment.random);
  let seen: Context = ContextValue.empty;
  const write = {
    place: on.place,
    operation: asked,
    context: order.context ?? ContextValue.empty,
    base: on.base,
    decide(local: CausalObject, dot: Dot): CausalObject {
      seen = order.seen(local);
      const context = contextUnder(core.hazards, seen, { local, conflict: order.place.bucket.properties.conflict });
      return order.decide(local, { dot, operation, seen: context });
    },
    answer: (after: CausalObject, dot: Dot): WriteAnswer => ({
      context: sealContext(core, on.place, { context: ContextValue.afterWrite(after.set, dot, seen), object: after }),
      etag: etagAfterWrite(after, dot),
    }),
    isIn(knows: (dot: Dot) => boolean, answered: WriteAnswer): boolean {
      const { clock, dots } = core.sealer.open(answered.context, on.place.address);
      return [...clock.entries, ...dots].every(knows);
    },
    repeated: (local: CausalObject) => (asked === undefined ? undefined : answerAgain(core, order, { local, operation, now })),
  };
  return replica.coordinate(write, on.attempt);
}

/** What an operation answers that the key knows, as a value or as replaced: as if its author had asked just after it. */
function answerAgain(
  core: Core,
  { place, context = ContextValue.empty }: WriteOrder,
  of: { readonly local: CausalObject; readonly operation: string; readonly now: number },
): WriteAnswer | undefined {
  const { local, operation, now } = of;
  const own = local.set.siblings.findLast(({ value }) => value.operation === operation && isOneWrite(operation, value.writtenAt, now));
  if (own !== undefined) {
    const known = ContextValue.afterWrite(local.set, own.dot, context);
    return { context: sealContext(core, place, { context: known, object: local }), etag: etagAfterWrite(local, own.dot) };
  }
  if (!local.replaced.has(operation, now)) return undefined;
  // Its value is gone, so no etag of now is the one it had.
  return { context: sealContext(core, place, { context, object: local }), etag: etagOf({ ...local, set: local.set.reduce(() => false) }) };
}
