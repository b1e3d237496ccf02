/**
 * Where everything lies in the store. The first byte of a key names its space.
 *
 * ```
 *  0x01 name                                        the node's own records: life, cluster key
 *  0x02 bucket                                      a bucket's record
 *  0x03 generation u32 │ bucket                     a dropped generation whose keys are still to be removed
 *  0x04 member 8 bytes │ token u32                  partitions in which another owner missed a write
 *  0x10 address                                     objects, in token order: a partition is one range
 *  0x18 owner 8 bytes │ address                     hints: objects kept for an owner that was out of reach
 *  0x20 bucket length u8 │ bucket │ generation u32 │ key    index of keys, in key order
 *  0x28 token u32 │ bucket length u8 │ bucket │ generation u32    sums of leaves (`anti-entropy/leaf-record.ts`)
 *  0x2a address                                     list of what is to be forgotten some time (`forgetting/forgettable.ts`)
 *  0x2c token u32 │ bucket length u8 │ bucket │ generation u32    floors (`forgetting/floors.ts`)
 *  0x30 window u32 │ operation length u8 │ operation │ address   remembered operations
 *
 *  address = token 8 bytes │ bucket length u8 │ bucket │ generation u32 │ key
 * ```
 *
 * Integers are big-endian here, so that byte order is number order. The token scatters a bucket's keys on purpose, so a
 * listing by prefix has an index of its own, written in the batch that writes the object.
 */
import { allocate, equalBytes } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { tokenOf, type Token, writeToken } from '@coterie/ring';
import { keyBytesMax } from '../limits.ts';

/** First byte of each kind of key. On disk: never renumber. */
export const space = {
  own: 0x01,
  bucket: 0x02,
  dropped: 0x03,
  dirty: 0x04,
  object: 0x10,
  hint: 0x18,
  index: 0x20,
  leaf: 0x28,
  forgettable: 0x2a,
  floor: 0x2c,
  operation: 0x30,
} as const;

/** Where one key of one bucket generation lies. */
export interface Address {
  readonly bucket: string;
  readonly generation: number;
  readonly key: Uint8Array;
  readonly token: Token;
  /** Space byte and address: the object's key in the store. Its bytes are also what checksums are bound to. */
  readonly objectKey: Uint8Array;
}

/** What an address is made of. */
export interface AddressParts {
  readonly bucket: string;
  readonly bucketBytes: Uint8Array;
  readonly generation: number;
  readonly key: Uint8Array;
}

const tokenBytes = 8;
/** Where a bucket's name begins in the key of an object. */
const nameAt = 1 + tokenBytes + 1;

/** The address of a key. */
export function addressOf(parts: AddressParts): Address {
  const { bucket, bucketBytes, generation, key } = parts;
  const token = tokenOf(bucketBytes, key);
  const objectKey = allocate(1 + tokenBytes + 1 + bucketBytes.length + 4 + key.length);
  objectKey[0] = space.object;
  writeScoped(objectKey, writeToken(objectKey, 1, token), parts);
  return { bucket, generation, key, token, objectKey };
}

const decoder = new TextDecoder();

/** The address whose object lies under `objectKey`. @throws `CORRUPTION` */
export function addressAt(objectKey: Uint8Array): Address {
  const nameEnd = nameAt + (objectKey[nameAt - 1] ?? 0);
  if (objectKey[0] !== space.object || objectKey.length <= nameEnd + 4)
    throw new CoterieError('CORRUPTION', 'a key of the store is no address');
  return {
    bucket: nameIn(objectKey, nameEnd).text,
    generation: wordAt(objectKey, nameEnd),
    key: objectKey.slice(nameEnd + 4),
    token: { high: wordAt(objectKey, 1), low: wordAt(objectKey, 5) },
    objectKey,
  };
}

/** Where the object under `objectKey` belongs: read from a peer's message, for looking only. */
export interface Scope {
  readonly bucket: string;
  readonly generation: number;
  /** First word of the token. */
  readonly high: number;
}

/** Bucket, generation and place on the ring of an object. The token is not held against the key: whoever makes one up finds nothing there. @throws `PROTOCOL` */
export function scopeOf(objectKey: Uint8Array): Scope {
  const nameEnd = nameAt + (objectKey[nameAt - 1] ?? 0);
  if (objectKey[0] !== space.object || objectKey.length <= nameEnd + 4 || objectKey.length > nameEnd + 4 + keyBytesMax) throw noAddress();
  return { bucket: nameIn(objectKey, nameEnd).text, generation: wordAt(objectKey, nameEnd), high: wordAt(objectKey, 1) };
}

/** A bucket's name as bytes and as the text that they read as. */
interface Name {
  readonly bytes: Uint8Array;
  readonly text: string;
  /** Whether these bytes are how the text is written: bytes that are no text read as something, too. */
  readonly isSpelling: boolean;
}

// Questions are about a few buckets, and to decode a name costs more than to compare it with the last one.
let lastName: Name = { bytes: new Uint8Array(0), text: '', isSpelling: true };

function nameIn(objectKey: Uint8Array, nameEnd: number): Name {
  const { bytes } = lastName;
  let isLast = bytes.length === nameEnd - nameAt;
  for (let i = 0; isLast && i < bytes.length; i++) isLast = bytes[i] === objectKey[nameAt + i];
  if (isLast) return lastName;
  const name = objectKey.slice(nameAt, nameEnd);
  const text = decoder.decode(name);
  lastName = { bytes: name, text, isSpelling: equalBytes(new TextEncoder().encode(text), name) };
  return lastName;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/** The address that a peer names, checked whole: it is the one that its bucket and key have. @throws `PROTOCOL` */
export function addressFrom(objectKey: Uint8Array): Address {
  const address = parsed(objectKey);
  const { key, token } = address;
  const name = nameIn(objectKey, nameAt + objectKey[nameAt - 1]);
  const own = tokenOf(name.bytes, key);
  const isSound = key.length <= keyBytesMax && own.high === token.high && own.low === token.low && name.isSpelling;
  if (!isSound) throw noAddress();
  return address;
}

function parsed(objectKey: Uint8Array): Address {
  try {
    return addressAt(objectKey);
  } catch (cause) {
    throw noAddress(cause);
  }
}

function noAddress(cause?: unknown): CoterieError {
  return new CoterieError('PROTOCOL', 'malformed message: address', { cause });
}

const ownerBytes = 8;

/** The key of the hint that keeps this object for `owner`, a member's id. */
export function hintKey(owner: string, objectKey: Uint8Array): Uint8Array {
  return concatenate([Uint8Array.of(space.hint), Buffer.from(owner, 'hex'), objectKey.subarray(1)]);
}

/** The first key of the hints for `owner`. */
export function hintPrefix(owner: string): Uint8Array {
  return concatenate([Uint8Array.of(space.hint), Buffer.from(owner, 'hex')]);
}

/** Whom the hint under `key` is for, and the key of the object that it keeps. */
export function openHintKey(key: Uint8Array): { readonly owner: string; readonly objectKey: Uint8Array } {
  const owner = Buffer.from(key.subarray(1, 1 + ownerBytes)).toString('hex');
  return { owner, objectKey: concatenate([Uint8Array.of(space.object), key.subarray(1 + ownerBytes)]) };
}

/** A key of the store as a string, one character a byte: for maps. */
export function latin1(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}

/** The key of the index entry. */
export function indexKey(parts: AddressParts): Uint8Array {
  const bytes = allocate(2 + parts.bucketBytes.length + 4 + parts.key.length);
  bytes[0] = space.index;
  writeScoped(bytes, 1, parts);
  return bytes;
}

/** Length of an index key before the user's key begins. */
export function indexPrefixLength(bucketBytes: Uint8Array): number {
  return 2 + bucketBytes.length + 4;
}

/** The key of the record with this name: one of the node's own, or a bucket's. */
export function namedKey(spaceByte: number, name: Uint8Array): Uint8Array {
  return concatenate([Uint8Array.of(spaceByte), name]);
}

/** The key of a work item: clear this generation of a bucket. */
export function droppedKey(bucketBytes: Uint8Array, generation: number): Uint8Array {
  return concatenate([Uint8Array.of(space.dropped), u32(generation), bucketBytes]);
}

/** The key under which an operation on an address is remembered. */
export function operationKey(window: number, operation: string, address: Address): Uint8Array {
  const name = Buffer.from(operation, 'latin1');
  return concatenate([Uint8Array.of(space.operation), u32(window), Uint8Array.of(name.length), name, address.objectKey]);
}

/** The first key of a window of remembered operations. */
export function operationWindowKey(window: number): Uint8Array {
  return concatenate([Uint8Array.of(space.operation), u32(window)]);
}

/** The first key that sorts after every key beginning with `prefix`. @throws a plain error if there is none */
export function afterPrefix(prefix: Uint8Array): Uint8Array {
  let end = prefix.length;
  while (end > 0 && prefix[end - 1] === 0xff) end--;
  if (end === 0) throw new Error('assertion failed: a prefix of 0xff bytes has no successor');
  const next = prefix.slice(0, end);
  next[end - 1]++;
  return next;
}

/** The first key after `key`. */
export function successor(key: Uint8Array): Uint8Array {
  return concatenate([key, Uint8Array.of(0)]);
}

/** These bytes, one after the other. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const joined = allocate(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function writeScoped(into: Uint8Array, offset: number, parts: AddressParts): void {
  const { bucketBytes, generation, key } = parts;
  into[offset] = bucketBytes.length;
  into.set(bucketBytes, offset + 1);
  const at = offset + 1 + bucketBytes.length;
  into[at] = generation >>> 24;
  into[at + 1] = generation >>> 16;
  into[at + 2] = generation >>> 8;
  into[at + 3] = generation;
  into.set(key, at + 4);
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}
