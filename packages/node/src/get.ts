/**
 * Get: asks the holders, waits for r of them, merges what they know, and answers with every value that is visible now.
 * Values, *deleted* (something was there: a context comes with it) and *missing* (nobody ever wrote) are three answers.
 */
import { CoterieError } from '@coterie/env';
import { Context } from '@coterie/vector-clock';
import type { GetReply, GetRequest, SiblingValue } from './api.ts';
import { type Core, holdersOf, placeOf } from './core.ts';
import type { Attempt } from './deadlines.ts';
import { etagOf, siblingEtagOf } from './etag.ts';
import { type CausalObject, plainType } from './object.ts';
import { isVisible } from './payload.ts';
import { addAnswer, mergedRead, needsOf, reachedBy, startTally, type Tally } from './quorum.ts';
import type { Place } from './replica.ts';

/** Reads a key. */
export async function get(core: Core, request: GetRequest, attempt: Attempt): Promise<GetReply> {
  const place = placeOf(core, request.bucket, request.key);
  const { properties } = place.bucket;
  const holders = holdersOf(core, place);
  const wanted = { total: request.r ?? properties.r, primary: request.pr ?? properties.pr };
  const needs = needsOf(wanted, holders.primaries.length, ['r', 'pr']);
  const object = await core.local.read(place);
  attempt.check();
  const tally = addAnswer(startTally(needs), { store: core.selfId, role: 'primary', outcome: 'ok', object });
  return answer(core, place, tally);
}

function answer(core: Core, place: Place, tally: Tally): GetReply {
  const object = mergedRead(tally, place.bucket.properties.conflict);
  const reached = { ...reachedBy(tally), synced: 0 };
  if (object.set.siblings.length === 0 && object.set.clock.entries.length === 0) return { state: 'missing', reached };
  if (object.type !== plainType) {
    throw new CoterieError(
      'UNSUPPORTED_FORMAT',
      `the key holds an object of type ${object.type}, which this version keeps and cannot show`,
    );
  }
  const context = core.sealer.seal(Context.of(object.set.clock), place.address);
  const siblings = visibleSiblings(object, core.environment.clock.now());
  if (siblings.length === 0) return { state: 'deleted', context, reached };
  return { state: 'found', siblings, context, etag: etagOf(object), reached };
}

function visibleSiblings(object: CausalObject, now: number): SiblingValue[] {
  const visible = object.set.siblings.filter((sibling) => isVisible(sibling.value, now));
  return visible.map((sibling) => {
    const { value, contentType, writtenAt, expiresAt } = sibling.value;
    return { value, contentType, writtenAt, ...(expiresAt === undefined ? {} : { expiresAt }), etag: siblingEtagOf(sibling) };
  });
}
