/**
 * The hash by which two copies of one key are held against each other: of where the object lies and of everything in its
 * header, which is clock, dots, lengths and checksums of the values, and extensions. Merged copies are equal byte for
 * byte, so equal copies have equal hashes, whatever they heard in which order.
 *
 * ```
 *  hash = hash64( hash64(address) 8 bytes │ hash64(header) 8 bytes )        nothing known: zero
 * ```
 *
 * The address has the bucket's generation and the key in it: a leaf that adds such hashes up tells keys apart. Whoever
 * changes what the header holds raises `treeFormat`: sums on disk were made from the hashes of before.
 */
import type { Sum64 } from '@coterie/merkle';
import { zeroSum } from '@coterie/merkle';
import { hash64 } from '@coterie/ring';
import { type CausalObject, emptyObject, hashOf } from '../objects/object.ts';

/** Version of the hash, and of the records of its sums. */
export const treeFormat = 1;

/** The header of a key that nobody has written. */
const nothing: Sum64 = hashOf(emptyObject);

// Nothing awaits while it is in use.
const joined = new Uint8Array(16);
const words = new DataView(joined.buffer);

/** The hash of what is known of the key whose object lies under `objectKey`. */
export function stateHash(objectKey: Uint8Array, object: CausalObject): Sum64 {
  return stateHashOf(hash64(objectKey), object);
}

/** The same for a key whose hash is at hand: of both sides of a change, it is needed twice. */
export function stateHashOf(key: Sum64, object: CausalObject): Sum64 {
  return object === emptyObject ? zeroSum : stateHashOfHeader(key, hashOf(object));
}

/** The same where the hash of the object's header is at hand as well. */
export function stateHashOfHeader(key: Sum64, header: Sum64): Sum64 {
  if (header.high === nothing.high && header.low === nothing.low) return zeroSum;
  words.setUint32(0, key.high);
  words.setUint32(4, key.low);
  words.setUint32(8, header.high);
  words.setUint32(12, header.low);
  return hash64(joined);
}
