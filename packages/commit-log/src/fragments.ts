/**
 * A record that crosses blocks: how its payload is moved apart to make room for the frame headers between its parts, and
 * back together.
 *
 * ```
 *  placed    [room for headers, growing]   [payload, whole ........................]
 *  spread    [first hdr][part][hdr][part ............][hdr][part .................]
 *                              ^ block boundaries ^
 * ```
 *
 * The last part never moves. Spreading moves parts left, first to last; gathering moves them right, last to first: a part
 * is read before anything is written over it.
 */
import { varintLength, writeVarint } from '@coterie/bytes';
import { blockBytes, frameHeaderBytes, frameKind, frameSeed, putFrameHeader } from './format.ts';

/** Payload bytes of a frame that fills a block. */
const partBytesMax = blockBytes - frameHeaderBytes;

/** Where a fragmented record lies: its first frame at `at`, its payload (when whole) at [start, end) of `bytes`. */
export interface Fragmented {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly start: number;
  readonly end: number;
  /** Segment, and the offset in it of `bytes[0]`. */
  readonly number: number;
  readonly base: number;
}

/** Bytes that a fragmented record takes besides its first frame's header, its sequences and its payload. `room` is what these leave in the block. */
export function fragmentOverhead(payloadBytes: number, room: number): number {
  const lengthBytes = varintLength(payloadBytes);
  const rest = payloadBytes - (room - lengthBytes);
  return lengthBytes + Math.ceil(rest / partBytesMax) * frameHeaderBytes;
}

/** Moves the parts of a placed record to their frames and writes the headers. `bodyAt` is the byte behind the varint of its sequences. */
export function spread(record: Fragmented, bodyAt: number): void {
  const { bytes, end, number, base } = record;
  const partAt = writeVarint(bytes, bodyAt, end - record.start);
  let frame = record.at;
  let to = partAt;
  let from = record.start;
  let kind: number = frameKind.first;
  for (;;) {
    const room = blockBytes - ((base + to) % blockBytes);
    const length = Math.min(room, end - from);
    if (to !== from) bytes.copyWithin(to, from, from + length);
    to += length;
    from += length;
    putFrameHeader(bytes, frame, to - frame - frameHeaderBytes, kind | ((number & 255) << 8), frameSeed(number, base + frame));
    if (from === end) return;
    frame = to;
    to += frameHeaderBytes;
    kind = end - from > partBytesMax ? frameKind.middle : frameKind.last;
  }
}

/** Moves the parts of a spread record together again, into [start, end). */
export function gather(record: Fragmented): void {
  const { bytes, at, start, end, base } = record;
  let bodyAt = at + frameHeaderBytes;
  while (bytes[bodyAt] >= 0x80) bodyAt++;
  const partAt = bodyAt + 1 + varintLength(end - start);
  const firstBytes = blockBytes - ((base + partAt) % blockBytes);
  const followers = Math.ceil((end - start - firstBytes) / partBytesMax);
  for (let i = followers - 1; i >= 0; i--) {
    const from = partAt + firstBytes + i * blockBytes + frameHeaderBytes;
    const to = start + firstBytes + i * partBytesMax;
    if (from !== to) bytes.copyWithin(to, from, from + Math.min(partBytesMax, end - to));
  }
  bytes.copyWithin(start, partAt, partAt + firstBytes);
}
