/**
 * Bytes of a version edit, the payload of a manifest record.
 *
 * ```
 *  edit   = format:u8 (1 or 2)  nextFileNumber:varint  flushed:u8 [flushedSequence:varint]
 *           removedCount:varint removed:varint*   addedCount:varint added*
 *           format 2 alone: lossCount:varint loss*
 *  added  = level:u8 number fileBytes entries tombstones rangeDeletes smallest largest (varints)
 *           lower:bytes upper:bytes upperExclusive:u8          bytes = length:varint, then the bytes
 *  loss   = lower:bytes upper:bytes upperExclusive:u8 sequence:varint file:bytes offset:varint
 * ```
 * Format 2 is written only where something was lost, or a loss accepted: whoever reads format 1 alone must not pass over it.
 */
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import type { Loss } from './losses.ts';
import type { Bounds } from './bounds.ts';
import { levelCount, type TableMeta, type VersionEdit } from './version.ts';

const plainFormat = 1;
const lossFormat = 2;

/** Encodes an edit. */
export function encodeEdit(edit: VersionEdit): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(edit.losses === undefined ? plainFormat : lossFormat).varint(edit.nextFileNumber);
  if (edit.flushedSequence === undefined) writer.u8(0);
  else writer.u8(1).varint(edit.flushedSequence);
  writer.varint(edit.removed.length);
  for (const number of edit.removed) writer.varint(number);
  writer.varint(edit.added.length);
  for (const { level, table } of edit.added) encodeTable(writer.u8(level), table);
  if (edit.losses !== undefined) encodeLosses(writer, edit.losses);
  return writer.finish();
}

function encodeLosses(writer: ByteWriter, losses: readonly Loss[]): void {
  writer.varint(losses.length);
  for (const { sequence, file, offset, ...bounds } of losses) {
    encodeBounds(writer, bounds);
    writer.varint(sequence).string(file).varint(offset);
  }
}

function encodeTable(writer: ByteWriter, table: TableMeta): void {
  writer.varint(table.number).varint(table.fileBytes).varint(table.entries).varint(table.tombstones).varint(table.rangeDeletes);
  writer.varint(table.smallestSequence).varint(table.largestSequence);
  encodeBounds(writer, table);
}

function encodeBounds(writer: ByteWriter, { lower, upper, upperExclusive }: Bounds): void {
  writer
    .byteString(lower)
    .byteString(upper)
    .u8(upperExclusive ? 1 : 0);
}

/** Decodes an edit. @throws CoterieError `UNSUPPORTED_FORMAT`, `CORRUPTION` */
export function decodeEdit(bytes: Uint8Array): VersionEdit {
  const reader = new ByteReader(bytes);
  const found = reader.u8();
  if (found !== plainFormat && found !== lossFormat)
    throw new CoterieError('UNSUPPORTED_FORMAT', `manifest record of format ${found}; this version reads ${plainFormat} and ${lossFormat}`);
  const nextFileNumber = reader.varint();
  const flushed = reader.u8() === 1 ? { flushedSequence: reader.varint() } : {};
  const removed = readMany(reader, () => reader.varint());
  const added = readMany(reader, () => ({ level: readLevel(reader), table: decodeTable(reader) }));
  const losses = found === lossFormat ? { losses: readMany(reader, () => decodeLoss(reader)) } : {};
  return { nextFileNumber, ...flushed, removed, added, ...losses };
}

/** Every item takes at least a byte, so a count beyond what remains is bad before anything is allocated. */
function readMany<Item>(reader: ByteReader, read: () => Item): Item[] {
  const count = reader.varint();
  if (count > reader.remaining) throw new CoterieError('CORRUPTION', 'manifest record: a count beyond its bytes');
  return Array.from({ length: count }, read);
}

function readLevel(reader: ByteReader): number {
  const level = reader.u8();
  if (level >= levelCount) throw new CoterieError('CORRUPTION', `manifest record: level ${level}`);
  return level;
}

function decodeTable(reader: ByteReader): TableMeta {
  return {
    number: reader.varint(),
    fileBytes: reader.varint(),
    entries: reader.varint(),
    tombstones: reader.varint(),
    rangeDeletes: reader.varint(),
    smallestSequence: reader.varint(),
    largestSequence: reader.varint(),
    ...decodeBounds(reader),
  };
}

function decodeLoss(reader: ByteReader): Loss {
  return { ...decodeBounds(reader), sequence: reader.varint(), file: reader.string(), offset: reader.varint() };
}

function decodeBounds(reader: ByteReader): Bounds {
  return { lower: reader.byteString(), upper: reader.byteString(), upperExclusive: reader.u8() === 1 };
}
