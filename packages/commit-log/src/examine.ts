/**
 * Reads a log's directory and says what it holds, changing nothing: which segments form the log, where it ends, and
 * whether that end is a clean one, a torn tail, or damage.
 *
 * Reading stops at the first gap G. Behind it lie the rest of its segment and the files that do not follow on. If
 * anything there claims a position above G as synced, G was on disk once and is damaged: `corrupt`. Otherwise what lies
 * behind G was never promised to anybody: `torn` if it left traces, `open` if not.
 */
import { joinPath } from '@coterie/env';
import type { Files } from '@coterie/env';
import { chainStart, successor } from './chain.ts';
import type { HeadedSegment } from './chain.ts';
import { comparePositions } from './format.ts';
import type { LogPosition } from './format.ts';
import type { RecordVisitor } from './frame-parser.ts';
import { parseName, segmentPath } from './names.ts';
import { findSegment, findTraces, readFrames } from './segment-reader.ts';
import type { FoundSegment, ReadSegment } from './segment-reader.ts';

/** A segment of the log, read. */
export interface ExaminedSegment extends ReadSegment {
  readonly found: HeadedSegment;
}

/** What a directory holds. */
export interface Examination {
  /**
   * `empty`: nothing. `closed`: ends with an end mark. `open`: ends without one, nothing behind. `torn`: something behind
   * the end, never promised. `corrupt`: records that were synced are damaged or missing.
   */
  readonly verdict: 'empty' | 'closed' | 'open' | 'torn' | 'corrupt';
  /** The log, oldest first. */
  readonly segments: readonly ExaminedSegment[];
  /** Segments before the log's start. */
  readonly obsolete: readonly FoundSegment[];
  /** Segments that are no part of the log: orphans, and what lies behind the end. */
  readonly foreign: readonly FoundSegment[];
  /** Paths of spares and drafts. */
  readonly leftovers: readonly string[];
  readonly nextSequence: number;
  /** Higher than every number in use. */
  readonly nextNumber: number;
  /** Up to where the log is known to be on disk. */
  readonly synced: LogPosition;
  /** For `torn` and `corrupt`: where, and how many bytes behind it. */
  readonly gap: { readonly file: string; readonly offset: number; readonly bytes: number; readonly what: string } | undefined;
}

/** Where to look. */
export interface ExamineInput {
  readonly files: Files;
  readonly directory: string;
  readonly startAfter: number | undefined;
}

/** Reads the log in `directory`, passing every record of it to `visit`, in order. */
export async function examine(input: ExamineInput, visit: RecordVisitor): Promise<Examination> {
  const listing = await list(input);
  const start = chainStart(listing.found, input.startAfter);
  const nextSequence = (input.startAfter ?? 0) + 1;
  const none = {
    ...listing,
    segments: [],
    obsolete: [],
    foreign: listing.found,
    nextSequence,
    synced: { number: 0, offset: 0 },
    gap: undefined,
  };
  if (start.kind === 'empty') return { ...none, verdict: 'empty' };
  if (start.kind === 'missing') {
    const { path, header } = start.segment;
    const gap = { file: path, offset: 0, bytes: 0, what: `records ${nextSequence} to ${header.firstSequence - 1} are missing` };
    return { ...none, verdict: 'corrupt', gap };
  }
  if (start.kind === 'unreadable') return judge(input.files, none, { segment: start.segment, end: 0, stoppedAt: 0 });
  return readChain(input, { listing, start: start.segment }, visit);
}

interface Listing {
  readonly found: readonly FoundSegment[];
  readonly leftovers: readonly string[];
  readonly nextNumber: number;
}

async function list({ files, directory }: ExamineInput): Promise<Listing> {
  const found: FoundSegment[] = [];
  const leftovers: string[] = [];
  let nextNumber = 1;
  for (const name of await files.list(directory)) {
    const parsed = parseName(name);
    if (parsed === undefined) continue;
    nextNumber = Math.max(nextNumber, parsed.number + 1);
    if (parsed.kind === 'leftover') leftovers.push(joinPath(directory, name));
    else found.push(await findSegment(files, segmentPath(directory, parsed.number), parsed.number));
  }
  return { found, leftovers, nextNumber };
}

async function readChain(
  input: ExamineInput,
  chain: { listing: Listing; start: HeadedSegment },
  visit: RecordVisitor,
): Promise<Examination> {
  const { found } = chain.listing;
  const segments: ExaminedSegment[] = [];
  let synced: LogPosition = { number: 0, offset: 0 };
  let last: ExaminedSegment;
  for (let next: HeadedSegment | undefined = chain.start; next !== undefined; next = successor(found, { ...last, segment: next })) {
    last = { ...(await readFrames(input.files, next, visit)), found: next };
    segments.push(last);
    if (comparePositions(last.synced, synced) > 0) synced = last.synced;
  }
  last = segments[segments.length - 1];
  const numbers = new Set(segments.map((segment) => segment.found.number));
  const outside = found.filter(({ number }) => !numbers.has(number));
  const examination = {
    ...chain.listing,
    segments,
    obsolete: outside.filter(({ number }) => number < chain.start.number),
    foreign: outside.filter(({ number }) => number > chain.start.number),
    nextSequence: Math.max(last.nextSequence, (input.startAfter ?? 0) + 1),
    synced,
    gap: undefined,
  };
  const isWhole = last.ended && examination.foreign.length === 0;
  if (isWhole) return { ...examination, verdict: 'closed' };
  return judge(input.files, examination, { segment: last.found, end: last.end, stoppedAt: last.stoppedAt, ended: last.ended });
}

interface Gap {
  readonly segment: FoundSegment;
  readonly end: number;
  readonly stoppedAt: number;
  readonly ended?: boolean;
}

/** Decides what the gap is, from what lies behind it. */
async function judge(files: Files, examination: Omit<Examination, 'verdict'>, gap: Gap): Promise<Examination> {
  const { segment, end, stoppedAt } = gap;
  const position = { number: segment.number, offset: end };
  const own = gap.ended === true ? { synced: position, end } : await findTraces(files, segment, end);
  let { synced } = own;
  let bytes = own.end - end;
  for (const other of examination.foreign) {
    if (other.number === segment.number) continue;
    const traces = await findTraces(files, other, 0);
    for (const claimed of [traces.synced, other.header?.synced]) {
      if (claimed !== undefined && comparePositions(claimed, synced) > 0) synced = claimed;
    }
    bytes += traces.end;
  }
  if (comparePositions(examination.synced, synced) > 0) synced = examination.synced;
  const where = { file: segment.path, offset: stoppedAt, bytes };
  if (comparePositions(synced, position) > 0) {
    return { ...examination, verdict: 'corrupt', gap: { ...where, what: 'records that were synced are damaged or missing' } };
  }
  if (bytes > 0) return { ...examination, verdict: 'torn', gap: { ...where, offset: end, what: 'a torn tail' } };
  return { ...examination, verdict: gap.ended === true ? 'closed' : 'open' };
}
