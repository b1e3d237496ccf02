/**
 * The payload of a commit-log record: the operations of one batch, in order. The record is all or nothing, and its
 * operations take consecutive sequences from the record's first on.
 *
 * ```
 *  record  = operation+
 *  put     = 01  keyLength:varint  valueLength:varint  key  value
 *  delete  = 00  keyLength:varint  key
 *  range   = 02  fromLength:varint toLength:varint  from to      deletes keys in [from, to)
 * ```
 * docs/formats/store.md has the worked example.
 */
import { ByteReader, varintLength, writeVarint } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';

/** The first byte of an operation. On disk: never renumber. Puts and deletes equal `entryType`. */
export const operationType = { delete: 0, put: 1, rangeDelete: 2 } as const;

/** Bytes that a put takes in a record. */
export function putBytes(key: Uint8Array, value: Uint8Array): number {
  return 1 + varintLength(key.length) + varintLength(value.length) + key.length + value.length;
}

/** Bytes that a delete takes in a record. */
export function deleteBytes(key: Uint8Array): number {
  return 1 + varintLength(key.length) + key.length;
}

/** Writes a put at `offset`; returns the offset after it. */
export function writePut(into: Uint8Array, offset: number, put: readonly [key: Uint8Array, value: Uint8Array]): number {
  return writePair(into, offset, operationType.put, put[0], put[1]);
}

/** Writes a range delete at `offset`; returns the offset after it. It takes `putBytes(from, to)`. */
export function writeRangeDelete(into: Uint8Array, offset: number, range: readonly [from: Uint8Array, to: Uint8Array]): number {
  return writePair(into, offset, operationType.rangeDelete, range[0], range[1]);
}

/** Writes a delete at `offset`; returns the offset after it. */
export function writeDelete(into: Uint8Array, offset: number, key: Uint8Array): number {
  into[offset] = operationType.delete;
  const at = writeVarint(into, offset + 1, key.length);
  copyInto(into, at, key);
  return at + key.length;
}

/** Five parameters: this is on the path of every put, and an object here costs more than the record. */
export function writePair(into: Uint8Array, offset: number, type: number, first: Uint8Array, second: Uint8Array): number {
  into[offset] = type;
  let at = writeVarint(into, offset + 1, first.length);
  at = writeVarint(into, at, second.length);
  copyInto(into, at, first);
  at += first.length;
  copyInto(into, at, second);
  return at + second.length;
}

/** Up to 24 bytes a byte loop is quicker than `set`, which crosses into native code (21 against 40 ns at 16 bytes). */
function copyInto(into: Uint8Array, offset: number, bytes: Uint8Array): void {
  const length = bytes.length;
  if (length > 24) {
    into.set(bytes, offset);
    return;
  }
  for (let i = 0; i < length; i++) into[offset + i] = bytes[i];
}

/** One operation of a record, as ranges of the record's bytes: a reusable mutable object. */
export interface Operation {
  type: number;
  /** Key, or the range's start. */
  keyStart: number;
  keyEnd: number;
  /** Value, or the range's end. */
  valueStart: number;
  valueEnd: number;
}

/**
 * Reads the operation at `start` of `bytes[.., end)` into `operation`; returns the offset after it.
 * @throws CoterieError `CORRUPTION` on bytes that no writer makes
 */
export function readOperation(bytes: Uint8Array, start: number, end: number, operation: Operation): number {
  const type = bytes[start];
  const first = start + 1 < end ? bytes[start + 1] : 0xff;
  const second = start + 2 < end ? bytes[start + 2] : 0xff;
  // Lengths below 128 are one byte each: the common case, without a reader object.
  if (type !== operationType.put || (first | second) >= 0x80 || first === 0)
    return readSlowly(new ByteReader(bytes, start, end), operation);
  const keyEnd = start + 3 + first;
  operation.type = type;
  operation.keyStart = start + 3;
  operation.keyEnd = keyEnd;
  operation.valueStart = keyEnd;
  operation.valueEnd = keyEnd + second;
  if (keyEnd + second > end) throw corrupt('an operation reaches past its record');
  return keyEnd + second;
}

function readSlowly(reader: ByteReader, operation: Operation): number {
  const type = reader.u8();
  if (type > operationType.rangeDelete) throw corrupt(`unknown operation ${type}`);
  const first = reader.varint();
  const second = type === operationType.delete ? 0 : reader.varint();
  return place(operation, { type, at: reader.offset, first, second, end: reader.end });
}

interface Placement {
  readonly type: number;
  readonly at: number;
  readonly first: number;
  readonly second: number;
  readonly end: number;
}

function place(operation: Operation, { type, at, first, second, end }: Placement): number {
  operation.type = type;
  operation.keyStart = at;
  operation.keyEnd = operation.valueStart = at + first;
  operation.valueEnd = at + first + second;
  if (operation.valueEnd > end || first === 0) throw corrupt('an operation reaches past its record');
  return operation.valueEnd;
}

function corrupt(what: string): CoterieError {
  return new CoterieError('CORRUPTION', `commit log: ${what}`);
}
