/** Put: checks what the client sent, then describes the write (`carry-out.ts` carries it out, `decide-write.ts` decides). */
import { CoterieError } from '@coterie/env';
import type { PutRequest, WriteReply } from '../api.ts';
import { ttlMsMax } from '../buckets/bucket-properties.ts';
import { carryOut } from './carry-out.ts';
import type { Handling } from './coordinators.ts';
import { type Core, invalid, openContext, placeOf } from '../core.ts';
import { checkConditions, decideWrite, seenBy } from '../objects/decide-write.ts';
import { noExtensions } from '../objects/extensions.ts';
import { contentTypeMax } from '../limits.ts';
import { highestStamp } from '../objects/merge.ts';
import { addressSeed } from '../objects/object.ts';
import { makePayload } from '../objects/payload.ts';
import { rankFor } from '../objects/replaced.ts';
import { hearingOf } from '../objects/seen-operations.ts';
import type { Place } from '../replica/replica.ts';
import type { WriteOrder } from './write.ts';

const contentTypeDefault = 'application/octet-stream';

/** Writes a value. Resolves when w stores hold it. */
export function put(core: Core, asked: PutRequest, on: Handling): Promise<WriteReply> {
  try {
    const place = placeOf(core, asked.bucket, asked.key);
    checkValue(asked, place);
    const describe = (request: PutRequest): WriteOrder => orderOf(core, place, request);
    const there = (member: string, request: PutRequest): Promise<WriteReply> => core.cluster.peers.put(member, request);
    return carryOut(core, { place, asked, describe, there }, on);
  } catch (error) {
    return Promise.reject(error as Error);
  }
}

function orderOf(core: Core, place: Place, request: PutRequest): WriteOrder {
  const context = openContext(core, place, request.context);
  const ttlMs = request.ttlMs ?? place.bucket.properties.ttlMs;
  return {
    place,
    operation: request.operation,
    w: request.w,
    pw: request.pw,
    context,
    look: request.conditions === undefined ? 'not at all' : 'at a majority',
    seen: (local) => seenBy(local, context, request.conditions),
    decide(local, { dot, operation, seen }) {
      const now = core.environment.clock.now();
      const { properties } = place.bucket;
      checkConditions(local, request.conditions, { now, conflict: properties.conflict });
      const copy = hearingOf(local, seen, operation);
      const payload = makePayload(
        {
          tombstone: false,
          writtenAt: now,
          expiresAt: ttlMs === undefined ? undefined : now + ttlMs,
          stamp: properties.conflict === 'lww' ? core.hybridClock.next(highestStamp(copy.set)) : undefined,
          rank: rankFor(operation, copy),
          operation,
          contentType: request.contentType ?? contentTypeDefault,
          extensions: noExtensions,
          value: request.value,
        },
        addressSeed(place.address.objectKey),
      );
      return decideWrite(copy, { dot, now, payload, context: seen, properties });
    },
  };
}

function checkValue(request: PutRequest, place: Place): void {
  const { valueBytesMax } = place.bucket.properties;
  if (request.value.length > valueBytesMax) {
    throw new CoterieError(
      'TOO_LARGE',
      `values of bucket ${request.bucket} have at most ${valueBytesMax} bytes, not ${request.value.length}`,
      {
        details: { mayHaveTakenEffect: false },
      },
    );
  }
  const { contentType, ttlMs } = request;
  // It goes out again in a header: nothing that could end one.
  if (contentType !== undefined && !(contentType.length <= contentTypeMax && /^[\x20-\x7e]+$/.test(contentType))) {
    throw invalid(`content types have 1 to ${contentTypeMax} printable ASCII characters`);
  }
  if (ttlMs !== undefined && !(Number.isInteger(ttlMs) && ttlMs >= 1 && ttlMs <= ttlMsMax)) {
    throw invalid(`ttl is an integer of milliseconds from 1 to ${ttlMsMax}, not ${ttlMs}`);
  }
}
