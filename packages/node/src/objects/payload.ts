/**
 * What one write left: a value with what belongs to it, or a tombstone. Encoded once, by the coordinator that took the
 * write, with a checksum over address and bytes; from then on carried as it is, through merges, disks and networks, and
 * verified by everyone who reads it.
 *
 * ```
 *  payload = flags u8 │ writtenAt u48 │ [expiresAt u48] │ [stamp u53 in 8] │ [rank varint] │ operation string
 *            │ content type string │ [extensions] │ value: the rest
 *  flags   = 1 tombstone │ 2 expires │ 4 stamped (lww) │ 8 has extensions │ 16 ranked
 * ```
 *
 * Times are wall-clock milliseconds. A flag that this version does not know makes the payload unreadable, not wrong.
 */
import { allocate, ByteReader, ByteWriter, crc32, varintLength } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { type Extensions, noExtensions, readExtensions, writeExtensions } from './extensions.ts';

/** The fields of a payload. */
export interface PayloadFields {
  readonly tombstone: boolean;
  readonly writtenAt: number;
  /** Hidden from then on. */
  readonly expiresAt?: number | undefined;
  /** Order among `lww` values, by hybrid logical clock. */
  readonly stamp?: number | undefined;
  /** Above all that its coordinator's copy held, where somebody may ask again for the operation (`replaced.ts`). */
  readonly rank?: number | undefined;
  /** Id of the operation that wrote it; never empty. */
  readonly operation: string;
  readonly contentType: string;
  readonly extensions: Extensions;
  readonly value: Uint8Array;
}

/** A payload, decoded, beside its bytes. `value` is a view of `bytes`. */
export interface Payload extends PayloadFields {
  readonly bytes: Uint8Array;
  /** CRC-32 of the address, then the bytes. */
  readonly checksum: number;
}

const flag = { tombstone: 1, expires: 2, stamped: 4, extended: 8, ranked: 16 } as const;
const knownFlags = 31;

/** Encodes the fields. `seed` is the CRC-32 of the address. */
export function makePayload(fields: PayloadFields, seed: number): Payload {
  const writer = new ByteWriter(allocate(encodedLength(fields)));
  writer.u8(flagsOf(fields)).u48(fields.writtenAt);
  if (fields.expiresAt !== undefined) writer.u48(fields.expiresAt);
  if (fields.stamp !== undefined) writer.u53(fields.stamp);
  if (fields.rank !== undefined) writer.varint(fields.rank);
  writer.string(fields.operation).string(fields.contentType);
  if (fields.extensions.length > 0) writeExtensions(writer, fields.extensions);
  const valueAt = writer.length;
  writer.raw(fields.value);
  const bytes = writer.bytes.length === writer.length ? writer.bytes : writer.bytes.subarray(0, writer.length);
  return payloadOf(fields, { value: bytes.subarray(valueAt), bytes, checksum: crc32(bytes, seed) });
}

/** Decodes and verifies. @throws `CORRUPTION`, `UNSUPPORTED_FORMAT` for flags from a later version */
export function readPayload(bytes: Uint8Array, checksum: number, seed: number): Payload {
  if (crc32(bytes, seed) !== checksum) throw new CoterieError('CORRUPTION', "a value's checksum does not match its key and bytes");
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  if (flags > knownFlags) throw new CoterieError('UNSUPPORTED_FORMAT', `a value has flags ${flags}; this version knows ${knownFlags}`);
  const writtenAt = reader.u48();
  const expiresAt = (flags & flag.expires) === 0 ? undefined : reader.u48();
  const stamp = (flags & flag.stamped) === 0 ? undefined : reader.u53();
  const rank = (flags & flag.ranked) === 0 ? undefined : reader.varint();
  const operation = reader.string();
  const contentType = reader.string();
  const extensions = (flags & flag.extended) === 0 ? noExtensions : readExtensions(reader);
  const value = reader.view(reader.remaining);
  const tombstone = (flags & flag.tombstone) !== 0;
  return payloadOf({ tombstone, writtenAt, expiresAt, stamp, rank, operation, contentType, extensions, value }, { value, bytes, checksum });
}

/** Field by field, not by spreading: that makes objects of many shapes and takes ten times as long. */
function payloadOf(fields: PayloadFields, held: Pick<Payload, 'value' | 'bytes' | 'checksum'>): Payload {
  const { tombstone, writtenAt, expiresAt, stamp, rank, operation, contentType, extensions } = fields;
  const { value, bytes, checksum } = held;
  return { tombstone, writtenAt, expiresAt, stamp, rank, operation, contentType, extensions, value, bytes, checksum };
}

/** Whether the payload is a value that a read shows at `now`. */
export function isVisible(payload: PayloadFields, now: number): boolean {
  return !payload.tombstone && (payload.expiresAt === undefined || payload.expiresAt > now);
}

/** Exact for ASCII names without extensions; else the writer grows. */
function encodedLength(fields: PayloadFields): number {
  const rankBytes = fields.rank === undefined ? 0 : varintLength(fields.rank);
  const optional = (fields.expiresAt === undefined ? 0 : 6) + (fields.stamp === undefined ? 0 : 8) + rankBytes;
  const names =
    varintLength(fields.operation.length) + fields.operation.length + varintLength(fields.contentType.length) + fields.contentType.length;
  return 7 + optional + names + fields.value.length;
}

function flagsOf(fields: PayloadFields): number {
  return (
    (fields.tombstone ? flag.tombstone : 0) |
    (fields.expiresAt === undefined ? 0 : flag.expires) |
    (fields.stamp === undefined ? 0 : flag.stamped) |
    (fields.extensions.length === 0 ? 0 : flag.extended) |
    (fields.rank === undefined ? 0 : flag.ranked)
  );
}
