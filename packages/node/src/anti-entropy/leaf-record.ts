/**
 * A leaf's sum on disk: one small record, written in the batch of the object that changes it, with the sum as it is then.
 * So whatever a crash leaves of the objects, it leaves of the sums.
 *
 * ```
 *  key    0x28 │ first token of the leaf, its high word u32 │ bucket length u8 │ bucket │ generation u32
 *  value  sum u64
 *  mark   0x01 "trees" = format u8 │ leaves on the ring, as a power of two u8
 * ```
 *
 * Integers are big-endian. A leaf without keys has no record. `docs/formats/trees.md` has the worked example.
 */
import { allocate } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { leafCount, type LeafPlace, leafStart, type Sum64, sumBytes } from '@coterie/merkle';
import { namedKey, space } from '../store/layout.ts';
import { treeFormat } from './state-hash.ts';

/** The generation of a bucket whose sums a leaf's record is about. */
export interface LeafScope {
  readonly nameBytes: Uint8Array;
  readonly generation: number;
}

/** A leaf's record, read. */
export interface LeafRecord {
  readonly high: number;
  readonly bucket: string;
  readonly generation: number;
  readonly sum: Sum64;
}

const tokenEnd = 5;

/** The key of a leaf's record. */
export function leafKey(start: number, scope: LeafScope): Uint8Array {
  return writeLeafKey(allocate(tokenEnd + 1 + scope.nameBytes.length + 4), start, scope);
}

/** Who asked for a key last, and that key. */
let passingName: Uint8Array = new Uint8Array(0);
let passingKey: Uint8Array = new Uint8Array(tokenEnd + 1 + 4);

/** The same in an array that the next call writes to again: on the path of every write, which only copies it. */
export function passingLeafKey(start: number, scope: LeafScope): Uint8Array {
  if (scope.nameBytes !== passingName) {
    passingName = scope.nameBytes;
    passingKey = leafKey(start, scope);
  }
  return writeLeafKey(passingKey, start, scope);
}

// On the path of every write: a `DataView` of its own costs more than all the rest.
function writeLeafKey(key: Uint8Array, start: number, { nameBytes, generation }: LeafScope): Uint8Array {
  key[0] = space.leaf;
  putWord(key, 1, start);
  key[tokenEnd] = nameBytes.length;
  for (let i = 0; i < nameBytes.length; i++) key[tokenEnd + 1 + i] = nameBytes[i];
  putWord(key, tokenEnd + 1 + nameBytes.length, generation);
  return key;
}

/** The first key of the records of a leaf; that of the end of all for one past the last. */
export function leafBound(place: LeafPlace, partitions: number): Uint8Array {
  const start = leafStart(place, partitions);
  if (start >= 2 ** 32) return Uint8Array.of(space.leaf + 1);
  return Uint8Array.of(space.leaf, start >>> 24, start >>> 16, start >>> 8, start);
}

const passingSum = new Uint8Array(sumBytes);

/** A sum as the value of its record. */
export function encodeSum(sum: Sum64): Uint8Array {
  return writeSum(allocate(sumBytes), sum);
}

/** The same in an array that the next call writes to again. */
export function encodePassingSum(sum: Sum64): Uint8Array {
  return writeSum(passingSum, sum);
}

function writeSum(bytes: Uint8Array, { high, low }: Sum64): Uint8Array {
  putWord(bytes, 0, high);
  putWord(bytes, 4, low);
  return bytes;
}

function putWord(into: Uint8Array, at: number, word: number): void {
  into[at] = word >>> 24;
  into[at + 1] = word >>> 16;
  into[at + 2] = word >>> 8;
  into[at + 3] = word;
}

/** The record. @throws `CORRUPTION` */
export function decodeLeaf(key: Uint8Array, value: Uint8Array): LeafRecord {
  const nameEnd = tokenEnd + 1 + (key[tokenEnd] ?? 0);
  if (key.length !== nameEnd + 4 || value.length !== sumBytes) throw new CoterieError('CORRUPTION', 'the record of a leaf is malformed');
  const view = new DataView(key.buffer, key.byteOffset, key.length);
  const sum = new DataView(value.buffer, value.byteOffset, value.length);
  return {
    high: view.getUint32(1),
    bucket: new TextDecoder().decode(key.subarray(tokenEnd + 1, nameEnd)),
    generation: view.getUint32(nameEnd),
    sum: { high: sum.getUint32(0), low: sum.getUint32(4) },
  };
}

/** Keys of all records of leaves are in [from, to). */
export const leafKeys: { readonly from: Uint8Array; readonly to: Uint8Array } = {
  from: Uint8Array.of(space.leaf),
  to: Uint8Array.of(space.leaf + 1),
};

/** Says that every leaf has its record. */
export const markKey: Uint8Array = namedKey(space.own, new TextEncoder().encode('trees'));

/** The mark of a store on a ring of so many partitions. */
export function markOf(partitions: number): Uint8Array {
  return Uint8Array.of(treeFormat, Math.log2(partitions * leafCount));
}
