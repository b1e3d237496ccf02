/**
 * Puts loose entries in order: once for each memtable, in the thread that writes it to a file. They are met by walking the
 * arena from its first record to its last, and added to a memtable of their own.
 *
 * ```
 *   arena  │ key │ loose │ version │ loose │ … ──▶ add ──▶ a memtable of just the loose ones
 * ```
 *
 * Sequences rise along the arena, so they rise in what is made as well.
 */
import { hash32 } from '@coterie/bytes';
import { entryBytesMax, headerWords, recordKind } from './layout.ts';
import type { EntryFields, Memtable } from './memtable.ts';
import type { Records } from './records.ts';

/** A memtable, which `make` makes in an arena that is large enough, of the loose records; undefined if there are none. */
export function orderLoose(records: Records, make: (arena: SharedArrayBuffer) => Memtable): Memtable | undefined {
  const bytes = bytesOfLoose(records);
  if (bytes === 0) return undefined;
  // No other thread gets it, and of an `ArrayBuffer` V8 knows the size and gives it back.
  const arena = new ArrayBuffer(4 * headerWords + bytes) as ArrayBufferLike as SharedArrayBuffer;
  const table = make(arena);
  const entry = noEntry(records.bytes);
  for (let at = headerWords; at < records.top; at = records.following(at)) {
    if (records.kindAt(at) !== recordKind.loose) continue;
    readInto(entry, records, at);
    table.add(entry);
  }
  return table;
}

function bytesOfLoose(records: Records): number {
  let bytes = 0;
  for (let at = headerWords; at < records.top; at = records.following(at)) {
    if (records.kindAt(at) === recordKind.loose) bytes += entryBytesMax(records.keyLengthAt(at), records.bodyLengthAt(at));
  }
  return bytes;
}

function noEntry(bytes: Uint8Array): EntryFields {
  return { keyBytes: bytes, keyStart: 0, keyEnd: 0, keyHash: 0, sequence: 0, type: 0, valueBytes: bytes, valueStart: 0, valueEnd: 0 };
}

function readInto(entry: EntryFields, records: Records, at: number): void {
  entry.keyStart = records.keyStartAt(at);
  entry.keyEnd = entry.keyStart + records.keyLengthAt(at);
  entry.keyHash = hash32(records.bytes, entry.keyStart, entry.keyEnd);
  entry.sequence = records.sequenceAt(at);
  entry.type = records.typeAt(at);
  entry.valueStart = records.bodyStartAt(at);
  entry.valueEnd = entry.valueStart + records.bodyLengthAt(at);
}
