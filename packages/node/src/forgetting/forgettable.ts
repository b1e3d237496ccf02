/**
 * The list of what will have to be forgotten some time: for each object with a tombstone, a value that expires, or no value
 * at all, one entry, in token order beside the objects. Written in the batch of the object that it speaks of, so a round
 * finds what is due without reading everything else.
 *
 * ```
 *  key    = 0x2a │ address
 *  value  = kind u8 (0 deleted, 1 expires) │ since u48      when it was deleted, or will expire: wall-clock milliseconds
 * ```
 */
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { namedKey, space } from '../store/layout.ts';
import type { CausalObject } from '../objects/object.ts';
import type { Place } from '../replica/replica.ts';
import type { Store, StoreBatch } from '../store/store.ts';

/** What the list says of an object. */
export interface Forgettable {
  readonly kind: 'deleted' | 'expires';
  /** When it was deleted, or will expire, by somebody's wall clock. */
  readonly sinceMs: number;
}

/** Says in the store that the list has everything that it is to have. */
export const listMarkKey: Uint8Array = namedKey(space.own, new TextEncoder().encode('forgettables'));

/** The list may lack something: it is made anew before anything else is forgotten. Durable when it resolves. */
export async function distrustList(store: Store): Promise<void> {
  const batch = store.batch();
  batch.delete(listMarkKey);
  await batch.commit({ durable: true });
}

/** What there is to be forgotten of an object; undefined while it has only values that stay. */
export function forgettableOf({ set }: CausalObject): Forgettable | undefined {
  let found: Forgettable | undefined;
  for (const { value } of set.siblings) {
    const { tombstone, writtenAt, expiresAt } = value;
    if (!tombstone && expiresAt === undefined) continue;
    const sinceMs = tombstone ? writtenAt : (expiresAt ?? 0);
    if (found === undefined || tombstone || (found.kind === 'expires' && sinceMs < found.sinceMs))
      found = { kind: tombstone ? 'deleted' : 'expires', sinceMs };
  }
  if (set.siblings.length > 0 || set.clock.entries.length === 0) return found;
  return { kind: 'deleted', sinceMs: set.clock.entries.reduce((latest, { at }) => Math.max(latest, at), 0) };
}

/** Adds to a batch what an object's becoming `after` changes in the list. */
export function noteForgettable(batch: StoreBatch, place: Place, { before, after }: ForgettableChange): void {
  const [was, is] = [forgettableOf(before), forgettableOf(after)];
  if (was === undefined && is === undefined) return;
  if (is === undefined) batch.delete(listKey(place.address.objectKey));
  else if (is.kind !== was?.kind || is.sinceMs !== was.sinceMs) batch.put(listKey(place.address.objectKey), encodeEntry(is));
}

/** Adds to a batch what the list is to say of an object, whatever it says now. */
export function listAnew(batch: StoreBatch, place: Place, object: CausalObject): void {
  const is = forgettableOf(object);
  if (is === undefined) batch.delete(listKey(place.address.objectKey));
  else batch.put(listKey(place.address.objectKey), encodeEntry(is));
}

/** An object as it was and as it is. */
export interface ForgettableChange {
  readonly before: CausalObject;
  readonly after: CausalObject;
}

/** The key of the entry of the object under `objectKey`. */
export function listKey(objectKey: Uint8Array): Uint8Array {
  return inSpace(objectKey, space.forgettable);
}

/** The key of the object of which the entry under `key` speaks. */
export function listedObject(key: Uint8Array): Uint8Array {
  return inSpace(key, space.object);
}

/** The value of an entry. */
export function encodeEntry({ kind, sinceMs }: Forgettable): Uint8Array {
  return new ByteWriter(7)
    .u8(kind === 'deleted' ? 0 : 1)
    .u48(sinceMs)
    .finish();
}

/** What `encodeEntry` wrote. @throws `CORRUPTION` */
export function decodeEntry(bytes: Uint8Array): Forgettable {
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  if (kind > 1) throw new CoterieError('CORRUPTION', 'an entry of the list of what is to be forgotten is not as it was written');
  return { kind: kind === 0 ? 'deleted' : 'expires', sinceMs: reader.u48() };
}

function inSpace(key: Uint8Array, spaceByte: number): Uint8Array {
  const other = key.slice();
  other[0] = spaceByte;
  return other;
}
