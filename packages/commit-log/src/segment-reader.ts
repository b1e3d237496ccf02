/**
 * Reads segment files from the disk: their headers, their frames, and, behind the place where reading stopped, the
 * traces of what was written there. A trace that claims a position as synced proves damage; without one the rest is a
 * tail that was never promised to anybody.
 */
import type { Files } from '@coterie/env';
import { blockBytes, claimBodyBytes, claimFrameBytes, comparePositions, decodeHeader, frameKind, getU32, headerBytes } from './format.ts';
import type { LogPosition, SegmentHeader } from './format.ts';
import { FrameParser, frameEnd, wholeFrame } from './frame-parser.ts';
import type { Chunk, RecordVisitor } from './frame-parser.ts';

/** Bytes read at a time: whole blocks. */
const chunkBytes = 32 * blockBytes;

/** A segment file that was found. */
export interface FoundSegment {
  readonly number: number;
  readonly path: string;
  readonly fileBytes: number;
  /** Absent if the file has no whole header of this number. */
  readonly header: SegmentHeader | undefined;
}

/** What reading a segment's frames gave. */
export interface ReadSegment {
  /** Behind the last whole record. */
  readonly end: number;
  /** Where reading stopped: `end`, or inside a record that begins there. */
  readonly stoppedAt: number;
  /** Whether it stopped at an end mark. */
  readonly ended: boolean;
  readonly nextSequence: number;
  /** Highest position that the segment claims to be synced. */
  readonly synced: LogPosition;
}

/** What lies behind the end of a segment's records. */
export interface Traces {
  /** Highest position claimed to be synced. */
  readonly synced: LogPosition;
  /** Behind the last byte that this life of the segment seems to have written; the end itself if there is nothing. */
  readonly end: number;
}

/** Finds out what a segment file is. */
export async function findSegment(files: Files, path: string, number: number): Promise<FoundSegment> {
  const handle = await files.open(path, 'read');
  try {
    const fileBytes = await handle.size();
    const bytes = new Uint8Array(headerBytes);
    const length = await handle.read(bytes, 0, headerBytes, 0);
    const header = decodeHeader(bytes.subarray(0, length), path);
    return { number, path, fileBytes, header: header?.number === number ? header : undefined };
  } finally {
    await handle.close();
  }
}

/** Reads a segment's records. */
export async function readFrames(
  files: Files,
  segment: FoundSegment & { header: SegmentHeader },
  visit: RecordVisitor,
): Promise<ReadSegment> {
  const { number, fileBytes, header, path } = segment;
  const parser = new FrameParser({ number, path, fileBytes, firstSequence: header.firstSequence, synced: header.synced }, visit);
  await eachChunk({ files, path, number, from: 0 }, (chunk) => {
    parser.parse(chunk.bytes, chunk.length, chunk.position);
    return parser.state === 'reading';
  });
  const { end, offset, nextSequence, synced, state } = parser;
  return { end, stoppedAt: offset, ended: state === 'ended', nextSequence, synced };
}

/** Looks for traces of frames in a segment from `from` on. */
export async function findTraces(files: Files, segment: FoundSegment, from: number): Promise<Traces> {
  const { path, number } = segment;
  const recycled = segment.header?.recycled ?? true;
  let traces: Traces = { synced: { number: 0, offset: 0 }, end: from };
  await eachChunk({ files, path, number, from: from - (from % blockBytes) }, (chunk) => {
    traces = tracesIn(chunk, { from, recycled, traces });
    return true;
  });
  return traces;
}

interface Search {
  readonly from: number;
  readonly recycled: boolean;
  readonly traces: Traces;
}

/** Tries every offset where a claim could stand: behind damage nothing says where a frame begins. */
function tracesIn(chunk: Chunk, { from, recycled, traces }: Search): Traces {
  const { bytes, length, position } = chunk;
  const start = Math.max(0, from - position);
  let { synced, end } = traces;
  if (from >= position && start < length) end = Math.max(end, position + frameEnd(chunk, start));
  const last = recycled ? -1 : lastNonZero(bytes, start, length);
  if (last >= 0) end = Math.max(end, position + last + 1);
  // The native search for the low byte of a claim's length costs next to nothing where there is none.
  for (let at = bytes.indexOf(claimBodyBytes, start + 4) - 4; at >= start; at = bytes.indexOf(claimBodyBytes, at + 5) - 4) {
    if (!maybeClaim(bytes, at) || wholeFrame(chunk, at) !== claimBodyBytes) continue;
    const claimed = { number: getU32(bytes, at + 14), offset: getU32(bytes, at + 18) };
    if (comparePositions(claimed, synced) > 0) synced = claimed;
    end = Math.max(end, position + at + claimFrameBytes);
  }
  return { synced, end };
}

/** Index of the last byte of [start, end) that is not zero; -1 for none. */
function lastNonZero(bytes: Uint8Array, start: number, end: number): number {
  for (let at = end - 1; at >= start; at--) if (bytes[at] !== 0) return at;
  return -1;
}

/** A cheap look before the checksum, so that no bytes make the search slow. */
function maybeClaim(bytes: Uint8Array, at: number): boolean {
  const kind = bytes[at + 6];
  return (kind === frameKind.claim || kind === frameKind.end) && bytes[at + 5] === 0;
}

interface Reading {
  readonly files: Files;
  readonly path: string;
  readonly number: number;
  /** A multiple of the block size. */
  readonly from: number;
}

/** Calls `visit` with each chunk of a file until it returns false. The bytes are overwritten by the next. */
async function eachChunk({ files, path, number, from }: Reading, visit: (chunk: Chunk) => boolean): Promise<void> {
  const handle = await files.open(path, 'read');
  try {
    const size = await handle.size();
    const bytes = new Uint8Array(Math.min(chunkBytes, Math.max(0, size - from)));
    for (let position = from; position < size; position += bytes.length) {
      const length = await handle.read(bytes, 0, Math.min(bytes.length, size - position), position);
      if (length === 0 || !visit({ bytes, length, position, number })) return;
    }
  } finally {
    await handle.close();
  }
}
