/**
 * The bytes of a segment file. `docs/formats/commit-log.md` is the specification, with a worked example.
 *
 * ```
 *  segment   header (64 bytes), then frames; cut into blocks of 32 KiB that no frame crosses
 *  header    magic 8 | version u16 | flags u16 | number u32 | log id 8 | first sequence u48
 *            | previous number u32, end u32 | synced number u32, offset u32 | zeros | crc u32
 *  frame     crc u32 | body bytes u16 | kind u8 | tag u8 | body
 *  claim     first sequence u48 | synced number u32, offset u32       tells what is known to be synced before it
 *  full      sequences varint | payload                               a record in one frame
 *  first     sequences varint | payload bytes varint | part           a record in several frames, in order:
 *  middle    part                                                     first, middle of the following blocks, last
 *  last      part
 *  end       like a claim; synced is its own position                 the segment ends here and is whole
 *  trailer   fewer than 32 bytes left in a block hold no frame: zeros
 * ```
 *
 * Invariants: a frame's checksum begins with a seed of segment number and offset, so a frame of the file's earlier life
 * (same offset, other number), or one that lies elsewhere than it was written, never passes: for one message CRC-32
 * gives different results to different seeds. The tag (low byte of the number) only tells a torn frame from a stale one.
 * The first frame that begins in a block is a claim, so whole claims are found again behind any damage.
 */
import { crc32Range } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';

/** Bytes of a block. */
export const blockBytes = 32_768;
/** Bytes of a segment's header. */
export const headerBytes = 64;
/** Bytes before a frame's body. */
export const frameHeaderBytes = 8;
/** Fewer bytes than this left in a block are its trailer. */
export const trailerBelowBytes = 32;
/** Bytes of a claim's or end mark's body. */
export const claimBodyBytes = 14;
/** Bytes of a whole claim or end mark. */
export const claimFrameBytes: number = frameHeaderBytes + claimBodyBytes;

/** What a frame is. On disk: never renumber. */
export const frameKind = { claim: 1, full: 2, first: 3, middle: 4, last: 5, end: 6 } as const;

const magic = Uint8Array.of(0x43, 0x4f, 0x54, 0x4c, 0x4f, 0x47, 0x0d, 0x0a); // "COTLOG\r\n": breaks if line ends are converted
const version = 1;
const recycledFlag = 1;

/** A place in the log: before `offset` in segment `number`. */
export interface LogPosition {
  readonly number: number;
  readonly offset: number;
}

/** What the header of a segment says. */
export interface SegmentHeader {
  /** Number of the segment; never given twice in a log. */
  readonly number: number;
  /** Random id of the log, eight bytes in hexadecimal. */
  readonly logId: string;
  readonly firstSequence: number;
  /** Where the segment before ended; number 0 when there was none. */
  readonly previous: LogPosition;
  /** What was known to be synced when the segment began. */
  readonly synced: LogPosition;
  /** Whether the file had an earlier life, whose bytes may follow the end. */
  readonly recycled: boolean;
}

/** Negative, zero or positive as `a` lies before, at or after `b`. */
export function comparePositions(a: LogPosition, b: LogPosition): number {
  return a.number === b.number ? a.offset - b.offset : a.number - b.number;
}

/** Where the next frame begins if the last one ended at `offset`: there, or behind the block's trailer. */
export function frameStartAt(offset: number): number {
  const room = blockBytes - (offset % blockBytes);
  return room < trailerBelowBytes ? offset + room : offset;
}

/** Upper bound of the bytes that a record of `payloadBytes` adds to a segment. */
export function recordBytesBound(payloadBytes: number): number {
  const blocks = Math.ceil(payloadBytes / (blockBytes - frameHeaderBytes)) + 1;
  return payloadBytes + 2 * (trailerBelowBytes + claimFrameBytes) + 24 + blocks * frameHeaderBytes;
}

/** Start value of the checksum of the frame at `offset` in segment `number`; different offsets and numbers give different ones. */
export function frameSeed(number: number, offset: number): number {
  return (Math.imul(number, 0x9e3779b1) + offset) >>> 0;
}

/** Writes `value` in four bytes, least significant first. */
export function putU32(into: Uint8Array, at: number, value: number): void {
  into[at] = value;
  into[at + 1] = value >>> 8;
  into[at + 2] = value >>> 16;
  into[at + 3] = value >>> 24;
}

/** Writes `value` in six bytes, least significant first. */
export function putU48(into: Uint8Array, at: number, value: number): void {
  putU32(into, at, value % 2 ** 32);
  const high = Math.floor(value / 2 ** 32);
  into[at + 4] = high;
  into[at + 5] = high >>> 8;
}

/** The four bytes at `at` as an unsigned number. */
export function getU32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** The six bytes at `at` as an unsigned number. */
export function getU48(bytes: Uint8Array, at: number): number {
  return getU32(bytes, at) + (bytes[at + 4] | (bytes[at + 5] << 8)) * 2 ** 32;
}

/** Closes a frame whose body stands at `bytes[at + 8, at + 8 + bodyBytes)`. `seed` is its `frameSeed`; `kindAndTag` kind, then tag << 8. */
export function putFrameHeader(bytes: Uint8Array, at: number, bodyBytes: number, kindAndTag: number, seed: number): void {
  // five parameters: hot path
  bytes[at + 4] = bodyBytes;
  bytes[at + 5] = bodyBytes >>> 8;
  bytes[at + 6] = kindAndTag;
  bytes[at + 7] = kindAndTag >>> 8;
  putU32(bytes, at, crc32Range(bytes, at + 4, at + frameHeaderBytes + bodyBytes, seed));
}

/** A claim or end mark: what it says, and where it goes. */
export interface ClaimFrame {
  readonly kind: typeof frameKind.claim | typeof frameKind.end;
  readonly position: LogPosition;
  /** The next record's first sequence. */
  readonly nextSequence: number;
  readonly synced: LogPosition;
}

/** Writes a claim or end mark at `bytes[at, at + 22)`. */
export function putClaim(bytes: Uint8Array, at: number, claim: ClaimFrame): void {
  const { number, offset } = claim.position;
  putU48(bytes, at + 8, claim.nextSequence);
  putU32(bytes, at + 14, claim.synced.number);
  putU32(bytes, at + 18, claim.synced.offset);
  putFrameHeader(bytes, at, claimBodyBytes, claim.kind | ((number & 255) << 8), frameSeed(number, offset));
}

/** A segment's header as bytes. */
export function encodeHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(headerBytes);
  bytes.set(magic);
  bytes[8] = version;
  bytes[10] = header.recycled ? recycledFlag : 0;
  putU32(bytes, 12, header.number);
  for (let i = 0; i < 8; i++) bytes[16 + i] = Number.parseInt(header.logId.slice(2 * i, 2 * i + 2), 16);
  putU48(bytes, 24, header.firstSequence);
  putU32(bytes, 30, header.previous.number);
  putU32(bytes, 34, header.previous.offset);
  putU32(bytes, 38, header.synced.number);
  putU32(bytes, 42, header.synced.offset);
  putU32(bytes, 60, crc32Range(bytes, 0, 60));
  return bytes;
}

/**
 * What the header at the start of `bytes` says; `undefined` if there is no whole one.
 * @throws CoterieError `UNSUPPORTED_FORMAT` for a whole header of another version
 */
export function decodeHeader(bytes: Uint8Array, path: string): SegmentHeader | undefined {
  if (bytes.length < headerBytes || magic.some((byte, i) => bytes[i] !== byte)) return undefined;
  if (getU32(bytes, 60) !== crc32Range(bytes, 0, 60)) return undefined;
  const found = bytes[8] | (bytes[9] << 8);
  if (found !== version) {
    throw new CoterieError('UNSUPPORTED_FORMAT', `${path} has log format ${found}; this version reads ${version}`, {
      details: { file: path },
    });
  }
  return {
    number: getU32(bytes, 12),
    logId: Array.from(bytes.subarray(16, 24), (byte) => byte.toString(16).padStart(2, '0')).join(''),
    firstSequence: getU48(bytes, 24),
    previous: { number: getU32(bytes, 30), offset: getU32(bytes, 34) },
    synced: { number: getU32(bytes, 38), offset: getU32(bytes, 42) },
    recycled: (bytes[10] & recycledFlag) !== 0,
  };
}
