/**
 * Frames: what a stream of bytes between two nodes is cut into. The header's layout never changes, so that nodes of any
 * two versions can at least tell each other why they do not get on.
 *
 * ```
 *  preamble   'COTRPC\r\n', once, from each side
 *  frame      header │ value length u32 × values │ body │ values
 *  header     0 payload length u32 │ 4 type u8 │ 5 flags u8 = 0 │ 6 values u16 │ 8 request id u32 │ 12 crc u32
 *  crc        CRC-32 of the header's first 12 bytes, then of the payload
 * ```
 *
 * Integers are little-endian. `docs/formats/rpc.md` has a worked example. Here everything is checked that can be said of
 * a frame without knowing what it means; whatever fails is `PROTOCOL`, and the connection is over.
 */
import { crc32, crc32Range } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';

/** What a frame is. Types that a reader does not know are `PROTOCOL`: nobody sends them before the handshake allows. */
export const frameType = {
  hello: 1,
  welcome: 2,
  refusal: 3,
  request: 4,
  answer: 5,
  failure: 6,
  notice: 7,
  ping: 8,
  pong: 9,
  goodbye: 10,
} as const;

/** One of the frame types. */
export type FrameType = (typeof frameType)[keyof typeof frameType];

/** Sent first by each side. */
export const preamble: Uint8Array = new TextEncoder().encode('COTRPC\r\n');
/** Length of a frame's header. */
export const headerBytes = 16;
/** Values that one frame can carry. */
export const valuesMax = 1024;

/** A whole frame. Body and values are views of bytes that nobody writes to again. */
export interface Frame {
  readonly type: FrameType;
  readonly id: number;
  /** The bytes that hold the body, with where it begins and ends in them. */
  readonly bytes: Uint8Array;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  readonly values: readonly Uint8Array[];
  /** Length on the wire. */
  readonly frameBytes: number;
}

const noValues: readonly Uint8Array[] = [];
const typeMax = frameType.goodbye;

/** Writes a header over the first 16 bytes of `frame`, which is all of the frame but `values`, which come behind it. */
export function sealFrame(frame: Uint8Array, head: { readonly type: FrameType; readonly id: number }, values: readonly Uint8Array[]): void {
  let valueBytes = 0;
  for (let i = 0; i < values.length; i++) {
    valueBytes += values[i].length;
    writeU32(frame, headerBytes + 4 * i, values[i].length);
  }
  writeU32(frame, 0, frame.length - headerBytes + valueBytes);
  frame[4] = head.type;
  frame[5] = 0;
  frame[6] = values.length;
  frame[7] = values.length >>> 8;
  writeU32(frame, 8, head.id);
  let crc = crc32Range(frame, headerBytes, frame.length, crc32Range(frame, 0, 12));
  for (const value of values) crc = crc32(value, crc);
  writeU32(frame, 12, crc);
}

/** Length of the payload that a header announces. */
export function payloadLength(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at);
}

/** Takes the frame in `bytes[at, at + length)` apart. @throws CoterieError `PROTOCOL` */
export function openFrame(bytes: Uint8Array, at: number, length: number): Frame {
  const crc = crc32Range(bytes, at + headerBytes, at + length, crc32Range(bytes, at, at + 12));
  if (crc !== readU32(bytes, at + 12)) throw protocolError('a frame fails its checksum');
  const type = bytes[at + 4];
  if (type === 0 || type > typeMax || bytes[at + 5] !== 0) throw protocolError(`a frame of unknown type ${type} or flags ${bytes[at + 5]}`);
  const count = bytes[at + 6] | (bytes[at + 7] << 8);
  const bodyStart = at + headerBytes + 4 * count;
  const end = at + length;
  const { values, bodyEnd } = count === 0 ? { values: noValues, bodyEnd: end } : cutValues(bytes, { count, bodyStart, end });
  return { type: type as FrameType, id: readU32(bytes, at + 8), bytes, bodyStart, bodyEnd, values, frameBytes: length };
}

function cutValues(
  bytes: Uint8Array,
  { count, bodyStart, end }: { readonly count: number; readonly bodyStart: number; readonly end: number },
): { values: readonly Uint8Array[]; bodyEnd: number } {
  if (count > valuesMax || bodyStart > end) throw protocolError(`a frame with ${count} values that it has no room for`);
  const lengthsAt = bodyStart - 4 * count;
  let bodyEnd = end;
  for (let i = 0; i < count; i++) bodyEnd -= readU32(bytes, lengthsAt + 4 * i);
  if (bodyEnd < bodyStart) throw protocolError('a frame whose values are longer than itself');
  const values: Uint8Array[] = [];
  let at = bodyEnd;
  for (let i = 0; i < count; i++) values.push(bytes.subarray(at, (at += readU32(bytes, lengthsAt + 4 * i))));
  return { values, bodyEnd };
}

/** The error for bytes that break the rules. */
export function protocolError(what: string): CoterieError {
  return new CoterieError('PROTOCOL', `the peer breaks the protocol: ${what}`);
}

function writeU32(into: Uint8Array, at: number, value: number): void {
  into[at] = value;
  into[at + 1] = value >>> 8;
  into[at + 2] = value >>> 16;
  into[at + 3] = value >>> 24;
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}
