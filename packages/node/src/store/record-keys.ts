/** Where what belongs to a place lies in the store. */
import { hintKey, indexKey, latin1 } from './layout.ts';
import type { Place } from '../replica/replica.ts';

/** Where the copy of a place lies. */
export function recordOf({ address, hintFor }: Place): Uint8Array {
  return hintFor === undefined ? address.objectKey : hintKey(hintFor, address.objectKey);
}

/** What the critical section of a place is called. */
export function sectionOf(place: Place): string {
  return latin1(recordOf(place));
}

/** Where the index speaks of a place. */
export function indexKeyOf({ address, bucket }: Place): Uint8Array {
  return indexKey({ bucket: bucket.name, bucketBytes: bucket.nameBytes, generation: address.generation, key: address.key });
}
