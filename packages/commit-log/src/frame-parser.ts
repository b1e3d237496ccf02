/**
 * Reads a segment's frames in order, chunk by chunk, and stops at the first that is not whole, not in its place or not
 * the one that must follow. Nothing read is trusted before its checksum passed.
 *
 * ```
 *  reading ──▶ ended     an end mark: the segment is whole
 *     └──────▶ stopped   anything else: the end so far, a torn tail or damage; `offset` is where the next record would begin
 * ```
 *
 * Invariant: records are passed on whole, and their sequences follow on each other without a gap.
 */
import { crc32Range } from '@coterie/bytes';
import {
  blockBytes,
  claimBodyBytes,
  comparePositions,
  frameHeaderBytes,
  frameKind,
  frameSeed,
  frameStartAt,
  getU32,
  getU48,
  headerBytes,
} from './format.ts';
import type { LogPosition } from './format.ts';
import type { RecordHandler } from './group.ts';

/** Where a record's first frame stands, and how many sequences it takes. */
export interface RecordPlace {
  readonly sequences: number;
  readonly file: string;
  readonly offset: number;
}

/** Called for each whole record, with its place and then as a `RecordHandler` is. */
export interface RecordVisitor {
  (place: RecordPlace, ...record: Parameters<RecordHandler>): void;
}

/** The segment that is read. */
export interface ParserStart {
  readonly number: number;
  readonly path: string;
  readonly fileBytes: number;
  readonly firstSequence: number;
  readonly synced: LogPosition;
}

/** A record of which some frames have been read. */
interface Partial {
  readonly offset: number;
  readonly sequences: number;
  readonly payload: Uint8Array;
  filled: number;
}

const sequenceMax = 2 ** 48;

/** Reads one segment's frames. */
export class FrameParser {
  state: 'reading' | 'ended' | 'stopped' = 'reading';
  /** Sequence of the next record. */
  nextSequence: number;
  /** Highest position that the frames read claim to be synced. */
  synced: LogPosition;
  readonly #start: ParserStart;
  readonly #visit: RecordVisitor;
  #offset = headerBytes;
  #partial: Partial | undefined;

  constructor(start: ParserStart, visit: RecordVisitor) {
    this.#start = start;
    this.nextSequence = start.firstSequence;
    this.synced = start.synced;
    this.#visit = visit;
  }

  /** Where the next record would begin: everything before is whole. */
  get end(): number {
    return this.#partial?.offset ?? frameStartAt(this.#offset);
  }

  /** Where reading stopped: `end`, or inside a record that began there. */
  get offset(): number {
    return frameStartAt(this.#offset);
  }

  /** Reads on in `bytes[0, length)`, which stand at `position` of the file, a multiple of the block size. */
  parse(bytes: Uint8Array, length: number, position: number): void {
    while (this.state === 'reading') {
      const offset = frameStartAt(this.#offset);
      const at = offset - position;
      if (at >= length) break;
      const bodyBytes = wholeFrame({ bytes, length, position, number: this.#start.number }, at);
      if (bodyBytes < 0 || !this.#take(bytes, at, bodyBytes)) {
        this.state = 'stopped';
        return;
      }
      if (this.state === 'reading') this.#offset = offset + frameHeaderBytes + bodyBytes;
    }
  }

  /** Takes a frame whose checksum passed; false if it does not belong here. */
  #take(bytes: Uint8Array, at: number, bodyBytes: number): boolean {
    const body = at + frameHeaderBytes;
    const end = body + bodyBytes;
    switch (bytes[at + 6]) {
      case frameKind.claim:
        return this.#takeClaim(bytes, body, bodyBytes);
      case frameKind.end:
        if (!this.#takeClaim(bytes, body, bodyBytes)) return false;
        this.state = 'ended';
        return true;
      case frameKind.full:
        return this.#takeFull(bytes, body, end);
      case frameKind.first:
        return this.#takeFirst(bytes, body, end);
      case frameKind.middle:
        return this.#takePart(bytes, body, end);
      default:
        return this.#takePart(bytes, body, end) && this.#finish();
    }
  }

  #takeClaim(bytes: Uint8Array, body: number, bodyBytes: number): boolean {
    if (bodyBytes !== claimBodyBytes || this.#partial !== undefined || getU48(bytes, body) !== this.nextSequence) return false;
    const synced = { number: getU32(bytes, body + 6), offset: getU32(bytes, body + 10) };
    if (comparePositions(synced, this.synced) > 0) this.synced = synced;
    return true;
  }

  #takeFull(bytes: Uint8Array, body: number, end: number): boolean {
    const sequences = readVarint(bytes, body, end);
    if (this.#partial !== undefined || !this.#sequencesFit(sequences.value)) return false;
    this.#pass({ sequences: sequences.value, offset: frameStartAt(this.#offset) }, bytes, sequences.end, end);
    return true;
  }

  #takeFirst(bytes: Uint8Array, body: number, end: number): boolean {
    const sequences = readVarint(bytes, body, end);
    const payloadBytes = readVarint(bytes, sequences.end, end);
    if (this.#partial !== undefined || !this.#sequencesFit(sequences.value) || !(payloadBytes.value <= this.#start.fileBytes)) return false;
    const payload = new Uint8Array(payloadBytes.value);
    this.#partial = { offset: frameStartAt(this.#offset), sequences: sequences.value, payload, filled: 0 };
    return this.#takePart(bytes, payloadBytes.end, end);
  }

  #takePart(bytes: Uint8Array, from: number, end: number): boolean {
    const partial = this.#partial;
    if (partial === undefined || partial.filled + end - from > partial.payload.length) return false;
    partial.payload.set(bytes.subarray(from, end), partial.filled);
    partial.filled += end - from;
    return true;
  }

  /** Passes a record on if all its parts are there. */
  #finish(): boolean {
    const partial = this.#partial;
    if (partial === undefined || partial.filled < partial.payload.length) return false;
    this.#partial = undefined;
    this.#pass(partial, partial.payload, 0, partial.payload.length);
    return true;
  }

  #pass({ sequences, offset }: { sequences: number; offset: number }, bytes: Uint8Array, start: number, end: number): void {
    // four: a range and its record
    this.#visit({ sequences, offset, file: this.#start.path }, bytes, start, end, this.nextSequence);
    this.nextSequence += sequences;
  }

  #sequencesFit(sequences: number): boolean {
    return sequences >= 1 && this.nextSequence + sequences <= sequenceMax;
  }
}

/** Bytes of a segment: `bytes[0, length)` stand at `position` of segment `number`. */
export interface Chunk {
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly position: number;
  readonly number: number;
}

/** Bytes of the body of the whole frame at `bytes[at]`, or -1 if there is none. */
export function wholeFrame(chunk: Chunk, at: number): number {
  const { bytes, number, position } = chunk;
  const end = frameEnd(chunk, at);
  if (end < 0 || end > chunk.length) return -1;
  const seed = frameSeed(number, position + at);
  return crc32Range(bytes, at + 4, end, seed) === getU32(bytes, at) ? end - at - frameHeaderBytes : -1;
}

/** Where the frame at `bytes[at]` would end by its own header, or -1 if that is none of this segment's. The frame may be torn. */
export function frameEnd(chunk: Chunk, at: number): number {
  const { bytes, number, position, length } = chunk;
  if (at + frameHeaderBytes > length || bytes[at + 7] !== (number & 255)) return -1;
  const kind = bytes[at + 6];
  if (kind < frameKind.claim || kind > frameKind.end) return -1;
  const end = at + frameHeaderBytes + (bytes[at + 4] | (bytes[at + 5] << 8));
  const room = blockBytes - ((position + at) % blockBytes);
  return end - at > room ? -1 : end;
}

/** The varint at `at`, which lies before `end`; NaN if it does not. */
function readVarint(bytes: Uint8Array, at: number, end: number): { value: number; end: number } {
  let value = 0;
  let scale = 1;
  for (let i = at; i < end && i < at + 8; i++) {
    value += (bytes[i] & 0x7f) * scale;
    if (bytes[i] < 0x80) return { value, end: i + 1 };
    scale *= 0x80;
  }
  return { value: Number.NaN, end };
}
