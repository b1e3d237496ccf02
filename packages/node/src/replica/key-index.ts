/**
 * The index of a bucket's keys, in key order, beside the objects, which lie in token order. An entry is written in the
 * batch of the object that it speaks of, and only when what it says changes.
 *
 * ```
 *  value = empty               the key shows a value
 *        | u8 1 │ u48          shows a value until this wall-clock millisecond
 *        | u8 0                shows none: tombstones (kept, so that dropping a bucket finds every object)
 * ```
 */
import { ByteReader, ByteWriter, equalBytes } from '@coterie/bytes';
import { type Conflict, shown } from '../objects/merge.ts';
import type { CausalObject } from '../objects/object.ts';

const shows = new Uint8Array();
const hidden = Uint8Array.of(0);
const untilTag = 1;

/** What the index is to say of an object. */
export function indexEntryOf(object: CausalObject, conflict: Conflict): Uint8Array {
  let until = 0;
  for (const { value } of shown(object, conflict)) {
    if (value.expiresAt === undefined) return shows;
    until = Math.max(until, value.expiresAt);
  }
  return until === 0 ? hidden : new ByteWriter(7).u8(untilTag).u48(until).finish();
}

/** Whether the index entry has to be written when an object becomes `after`. */
export function indexChanges(before: CausalObject, after: CausalObject, conflict: Conflict): boolean {
  return before.set.siblings.length === 0 || !equalBytes(indexEntryOf(before, conflict), indexEntryOf(after, conflict));
}

/** Whether a key with this index entry shows a value at `now`. */
export function showsValue(entry: Uint8Array, now: number): boolean {
  if (entry.length === 0) return true;
  const reader = new ByteReader(entry);
  return reader.u8() === untilTag && reader.u48() > now;
}
