/** Keeps range deletes as records of the arena, linked from the newest to the oldest, so that they travel with it. */
import type { RangeDelete } from '@coterie/bytes';
import { recordKind, recordWords } from './layout.ts';
import { kindAndType, type Records } from './records.ts';

/** Adds a record of `range` after the one at `previous` (0: none); returns its reference. */
export function writeRangeDelete(records: Records, range: RangeDelete, previous: number): number {
  const reference = records.begin(previous, range.sequence, 4);
  records.words[reference + recordWords] = range.from.length;
  const length = range.from.length + range.to.length;
  const both = new Uint8Array(length);
  both.set(range.from);
  both.set(range.to, range.from.length);
  const after = records.write(reference + recordWords + 1, both, 0, length);
  records.finish(reference, kindAndType(recordKind.rangeDelete, 0), length, after);
  return reference;
}

/** The range delete at `reference`, in arrays of its own. */
export function readRangeDelete(records: Records, reference: number): RangeDelete {
  const start = records.bodyStartAt(reference);
  const middle = start + records.words[reference + recordWords];
  return {
    from: records.bytes.slice(start, middle),
    to: records.bytes.slice(middle, start + records.bodyLengthAt(reference)),
    sequence: records.sequenceAt(reference),
  };
}

/** All range deletes from the one at `newest` back, oldest first. */
export function readRangeDeletes(records: Records, newest: number): RangeDelete[] {
  const ranges: RangeDelete[] = [];
  for (let at = newest; at !== 0; at = records.linkAt(at)) ranges.push(readRangeDelete(records, at));
  return ranges.reverse();
}
