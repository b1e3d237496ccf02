/**
 * A copy as a store keeps it: the object, and which epoch of the key this store opened itself.
 *
 * ```
 *   stored record = own u8 │ object         own: 1 + the clock entry of the epoch that this store opened, 0 if none
 * ```
 *
 * `own` never travels. A copy that came from elsewhere may carry an entry of this very incarnation, from before this
 * store lost or handed away its own copy: going on with that epoch would claim the dots in between. So an epoch goes on
 * only in the copy that has been here since it was opened.
 */
import { CoterieError } from '@coterie/env';
import type { Hash64 } from '@coterie/ring';
import type { OwnEpoch } from '../store/life.ts';
import { type CausalObject, decodeHashed, encodeObject, type HashedObject, hashOfEncoded } from '../objects/object.ts';

/** The copy that a store holds, and the epoch that it opened on it. */
export interface Copy {
  readonly object: CausalObject;
  readonly own: OwnEpoch | undefined;
  /** `hashOf` the object, where it was at hand. */
  readonly hash?: Hash64 | undefined;
}

/** The stored record of a copy. */
export function encodeCopy(copy: Copy, seed: number): Uint8Array {
  const record = encodeObject(copy.object, seed, 1);
  const index = copy.own === undefined ? -1 : copy.object.set.clock.indexOf(copy.own);
  // An entry past the byte's reach counts as none: the next write opens a new epoch, which is always right.
  record[0] = index < 255 ? index + 1 : 0;
  return record;
}

/** The copy in a stored record. @throws `CORRUPTION`, `UNSUPPORTED_FORMAT` */
export function decodeCopy(record: Uint8Array, seed: number): Copy & HashedObject {
  if (record.length === 0) throw noBytes();
  const { object, hash } = decodeHashed(record, 1, seed);
  const entry = record[0] === 0 ? undefined : object.set.clock.entries.at(record[0] - 1);
  return { object, own: entry === undefined ? undefined : { incarnation: entry.incarnation, epoch: entry.epoch }, hash };
}

/** `hashOf` the object in a stored record. @throws `CORRUPTION`, `UNSUPPORTED_FORMAT` */
export function hashOfRecord(record: Uint8Array, seed: number): Hash64 {
  if (record.length === 0) throw noBytes();
  return hashOfEncoded(record, 1, seed);
}

function noBytes(): CoterieError {
  return new CoterieError('CORRUPTION', 'a stored copy has no bytes');
}
