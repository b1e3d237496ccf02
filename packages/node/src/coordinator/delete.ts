/**
 * Delete: a write like any other, with a dot, that leaves a tombstone. Without a context it takes that of a merged read,
 * so it removes what is there; with one, what the client had seen, and concurrent values survive it.
 */
import { Context } from '@coterie/vector-clock';
import type { DeleteRequest, WriteReply } from '../api.ts';
import { carryOut } from './carry-out.ts';
import type { Handling } from './coordinators.ts';
import { type Core, openContext, placeOf, sealContext } from '../core.ts';
import { checkConditions, decideWrite } from '../objects/decide-write.ts';
import { noExtensions } from '../objects/extensions.ts';
import { type Look, mergedRead } from './get.ts';
import { highestStamp } from '../objects/merge.ts';
import { addressSeed } from '../objects/object.ts';
import { makePayload } from '../objects/payload.ts';
import { rankFor } from '../objects/replaced.ts';
import { hearingOf } from '../objects/seen-operations.ts';
import type { Place } from '../replica/replica.ts';
import type { WriteOrder } from './write.ts';

const nothing = new Uint8Array();

/** Removes the values that the client had seen, or all. Resolves when w stores know. */
export async function remove(core: Core, asked: DeleteRequest, on: Handling): Promise<WriteReply> {
  const place = placeOf(core, asked.bucket, asked.key);
  const describe = (request: DeleteRequest): WriteOrder => orderOf(core, place, request);
  const there = (member: string, request: DeleteRequest): Promise<WriteReply> => core.cluster.peers.delete(member, request);
  const fix = async (request: DeleteRequest): Promise<DeleteRequest> => {
    if (request.context !== undefined) return request;
    const found = await mergedRead(core, { place, look: lookOf(request) }, on.attempt);
    return { ...request, context: sealContext(core, place, { context: Context.whole(found.set), object: found }) };
  };
  return carryOut(core, { place, asked, fix, describe, there }, on);
}

/** Without a context it removes what can be seen: with few reachable that may be little, and it is taken all the same. */
function lookOf(request: DeleteRequest): Look {
  if (request.conditions !== undefined) return 'at a majority';
  return request.context === undefined ? 'as far as possible' : 'not at all';
}

function orderOf(core: Core, place: Place, request: DeleteRequest): WriteOrder {
  const context = openContext(core, place, request.context);
  return {
    place,
    operation: request.operation,
    w: request.w,
    pw: request.pw,
    context,
    look: lookOf(request),
    seen: (local) => context ?? Context.whole(local.set),
    decide(local, { dot, operation, seen }) {
      const now = core.environment.clock.now();
      const { properties } = place.bucket;
      checkConditions(local, request.conditions, { now, conflict: properties.conflict });
      const copy = hearingOf(local, seen, operation);
      const payload = makePayload(
        {
          tombstone: true,
          writtenAt: now,
          stamp: properties.conflict === 'lww' ? core.hybridClock.next(highestStamp(copy.set)) : undefined,
          rank: rankFor(operation, copy),
          operation,
          contentType: '',
          extensions: noExtensions,
          value: nothing,
        },
        addressSeed(place.address.objectKey),
      );
      return decideWrite(copy, { dot, now, payload, context: seen, properties });
    },
  };
}
