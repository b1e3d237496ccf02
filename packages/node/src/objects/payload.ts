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
import { isAskedAgain, ownMark } from '../coordinator/operations.ts';
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

/**
 * A payload, beside its bytes. `value` is a view of `bytes`. Most payloads are only passed on, or replaced: names are made into
 * strings when somebody asks for them, which costs more than all the rest.
 */
export class Payload implements PayloadFields {
  readonly tombstone: boolean;
  readonly writtenAt: number;
  readonly expiresAt: number | undefined;
  readonly stamp: number | undefined;
  readonly rank: number | undefined;
  readonly extensions: Extensions;
  readonly value: Uint8Array;
  readonly bytes: Uint8Array;
  /** CRC-32 of the address, then the bytes. */
  readonly checksum: number;
  /** Whether somebody may know the operation's id and ask for it again. */
  readonly isAskedAgain: boolean;
  /** Where `bytes` holds the operation's id and, after its own length, the content type. */
  readonly #namesAt: number;
  #operation: string | undefined;
  #contentType: string | undefined;

  constructor(numbers: PayloadNumbers, held: PayloadParts) {
    this.tombstone = numbers.tombstone;
    this.writtenAt = numbers.writtenAt;
    this.expiresAt = numbers.expiresAt;
    this.stamp = numbers.stamp;
    this.rank = numbers.rank;
    this.extensions = held.extensions;
    this.value = held.value;
    this.bytes = held.bytes;
    this.checksum = held.checksum;
    this.isAskedAgain = held.isAskedAgain;
    this.#namesAt = held.namesAt;
    this.#operation = held.operation;
    this.#contentType = held.contentType;
  }

  /** Id of the operation that wrote it; never empty. */
  get operation(): string {
    this.#operation ??= new ByteReader(this.bytes, this.#namesAt).string();
    return this.#operation;
  }

  get contentType(): string {
    if (this.#contentType === undefined) {
      const reader = new ByteReader(this.bytes, this.#namesAt);
      skipName(reader);
      this.#contentType = reader.string();
    }
    return this.#contentType;
  }
}

type PayloadNumbers = Pick<PayloadFields, 'tombstone' | 'writtenAt' | 'expiresAt' | 'stamp' | 'rank'>;

/** What a payload holds beside its numbers; names where they are strings already. */
interface PayloadParts extends Pick<PayloadFields, 'extensions' | 'value'> {
  readonly bytes: Uint8Array;
  readonly checksum: number;
  readonly isAskedAgain: boolean;
  readonly namesAt: number;
  readonly operation: string | undefined;
  readonly contentType: string | undefined;
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
  const namesAt = writer.length;
  writer.string(fields.operation).string(fields.contentType);
  if (fields.extensions.length > 0) writeExtensions(writer, fields.extensions);
  const valueAt = writer.length;
  writer.raw(fields.value);
  const bytes = writer.bytes.length === writer.length ? writer.bytes : writer.bytes.subarray(0, writer.length);
  const { operation, contentType, extensions } = fields;
  const value = bytes.subarray(valueAt);
  const checksum = crc32(bytes, seed);
  const isAsked = isAskedAgain(operation);
  // Spelt out: spreading makes objects of many shapes and takes ten times as long.
  return new Payload(fields, { extensions, value, bytes, checksum, isAskedAgain: isAsked, namesAt, operation, contentType });
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
  const namesAt = reader.offset;
  const operation = lateName(reader);
  const contentType = lateName(reader);
  const extensions = (flags & flag.extended) === 0 ? noExtensions : readExtensions(reader);
  const value = reader.view(reader.remaining);
  const tombstone = (flags & flag.tombstone) !== 0;
  const isAsked = operation === undefined ? bytes[namesAt + 1] !== ownMarkByte : isAskedAgain(operation);
  // Spelt out: spreading makes objects of many shapes and takes ten times as long.
  return new Payload(
    { tombstone, writtenAt, expiresAt, stamp, rank },
    { extensions, value, bytes, checksum, isAskedAgain: isAsked, namesAt, operation, contentType },
  );
}

const ownMarkByte = ownMark.charCodeAt(0);

/** Passes a name by; undefined if it is sure to be a string, and the string if that had to be seen. @throws `CORRUPTION` */
function lateName(reader: ByteReader): string | undefined {
  const { bytes, offset } = reader;
  const length = bytes[offset];
  // Long ones are rare, and so are those that are not ASCII.
  if (length >= 0x80 || length > reader.remaining - 1) return reader.string();
  for (let at = offset + 1; at <= offset + length; at++) if (bytes[at] >= 0x80) return reader.string();
  reader.offset = offset + 1 + length;
  return undefined;
}

function skipName(reader: ByteReader): void {
  reader.view(reader.varint());
}

/** The fields of a payload, to make another of. */
export function fieldsOf(payload: PayloadFields): PayloadFields {
  const { tombstone, writtenAt, expiresAt, stamp, rank, operation, contentType, extensions, value } = payload;
  return { tombstone, writtenAt, expiresAt, stamp, rank, operation, contentType, extensions, value };
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
