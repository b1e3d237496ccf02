/** Reads logs and single segments for tools: every record with its place, and what is wrong where. Changes nothing. */
import { CoterieError } from '@coterie/env';
import type { Files } from '@coterie/env';
import { isHeaded } from './chain.ts';
import { examine } from './examine.ts';
import type { Examination } from './examine.ts';
import { parseName } from './names.ts';
import type { RecordVisitor } from './frame-parser.ts';
import { findSegment, readFrames } from './segment-reader.ts';

/** A record, as a tool sees it. The payload is the visitor's to keep. */
export interface DumpedRecord {
  readonly file: string;
  readonly offset: number;
  readonly firstSequence: number;
  readonly sequences: number;
  readonly payload: Uint8Array;
}

/** A segment, as a tool sees it. */
export interface SegmentReport {
  readonly path: string;
  readonly firstSequence: number;
  /** Sequence behind its last whole record. */
  readonly nextSequence: number;
  /** Offset behind its last whole record. */
  readonly end: number;
  /** Whether it ends with an end mark. */
  readonly ended: boolean;
}

/** A log, as a tool sees it. */
export interface LogReport {
  /** `closed` cleanly, `open` without an end mark, `torn` tail that opening would cut, `corrupt`, or `empty`. */
  readonly verdict: Examination['verdict'];
  readonly segments: readonly SegmentReport[];
  /** Where a torn tail or damage begins, and what it is. */
  readonly gap: Examination['gap'];
  readonly nextSequence: number;
}

/**
 * Reads the log in `directory`, calling `visit` for each record in order up to the first gap.
 * @throws CoterieError `DISK_IO`, `UNSUPPORTED_FORMAT`
 */
export async function dumpLog(directory: string, files: Files, visit: (record: DumpedRecord) => void): Promise<LogReport> {
  const { verdict, segments, gap, nextSequence } = await examine({ files, directory, startAfter: undefined }, dumping(visit));
  const reports = segments.map(({ found, end, ended, nextSequence: next }) => {
    return { path: found.path, firstSequence: found.header.firstSequence, nextSequence: next, end, ended };
  });
  return { verdict, segments: reports, gap, nextSequence };
}

/**
 * Reads one segment file, calling `visit` for each record in order up to the first gap.
 * @throws CoterieError `INVALID_ARGUMENT` for a file whose name is no segment's, `CORRUPTION` if it has no whole header
 */
export async function readSegment(path: string, files: Files, visit: (record: DumpedRecord) => void): Promise<SegmentReport> {
  const number = parseName(path.slice(path.lastIndexOf('/') + 1))?.number;
  if (number === undefined) throw new CoterieError('INVALID_ARGUMENT', `${path} is not named like a log segment`);
  const found = await findSegment(files, path, number);
  if (!isHeaded(found)) throw new CoterieError('CORRUPTION', `${path} has no whole header`, { details: { file: path, offset: 0 } });
  const { end, ended, nextSequence } = await readFrames(files, found, dumping(visit));
  return { path, firstSequence: found.header.firstSequence, nextSequence, end, ended };
}

function dumping(visit: (record: DumpedRecord) => void): RecordVisitor {
  return (place, bytes, start, end, firstSequence) => visit({ ...place, firstSequence, payload: bytes.slice(start, end) });
}
