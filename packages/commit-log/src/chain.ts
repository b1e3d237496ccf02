/**
 * Which segment follows on which: pure decisions about the headers found in a directory.
 *
 * ```
 *  3.log   4.log   6.log   7.log(no header)   8.log
 *    └─ all ≤ startAfter ─┘ ▲ start             │ previous = 6, at 6's end, first sequence = 6's last + 1
 *                           └───────────────────┘
 * ```
 *
 * Every header names its predecessor and where that ended. A file that nobody follows on and that follows on nobody is an
 * orphan of a failed or cut-off beginning.
 */
import type { SegmentHeader } from './format.ts';
import type { FoundSegment } from './segment-reader.ts';

/** A segment whose header is whole. */
export type HeadedSegment = FoundSegment & { readonly header: SegmentHeader };

/** Where a log starts. */
export type ChainStart =
  | { readonly kind: 'empty' }
  | { readonly kind: 'segment'; readonly segment: HeadedSegment }
  /** The segment that must come first has no header. */
  | { readonly kind: 'unreadable'; readonly segment: FoundSegment }
  /** Records between `startAfter` and this segment are missing. */
  | { readonly kind: 'missing'; readonly segment: HeadedSegment };

/** Whether a found segment has a header. */
export function isHeaded(segment: FoundSegment): segment is HeadedSegment {
  return segment.header !== undefined;
}

/** Where replay starts among `found`, in order of number: at the last segment that begins no later than `startAfter + 1`. */
export function chainStart(found: readonly FoundSegment[], startAfter: number | undefined): ChainStart {
  const headed = found.filter(isHeaded);
  const covering = headed.filter(({ header }) => header.firstSequence <= (startAfter ?? 0) + 1).at(-1);
  if (covering !== undefined && startAfter !== undefined) return { kind: 'segment', segment: covering };
  const first = headed[0];
  const before = found[0];
  if (first === undefined) return before === undefined ? { kind: 'empty' } : { kind: 'unreadable', segment: before };
  const named = found.find(({ number }) => number === first.header.previous.number);
  if (named !== undefined) return { kind: 'unreadable', segment: named };
  if (startAfter === undefined || first.header.firstSequence <= startAfter + 1) return { kind: 'segment', segment: first };
  return { kind: 'missing', segment: first };
}

/** A segment and what reading it gave. */
export interface ChainEnd {
  readonly segment: HeadedSegment;
  readonly end: number;
  readonly nextSequence: number;
}

/**
 * The segment that follows on `last`; `undefined` if there is none. The highest one that fits: a beginning that failed
 * left an empty one with the same predecessor.
 */
export function successor(found: readonly FoundSegment[], last: ChainEnd): HeadedSegment | undefined {
  const { segment, end, nextSequence } = last;
  return found
    .filter(isHeaded)
    .filter(({ header }) => {
      const { previous, firstSequence, logId } = header;
      return (
        previous.number === segment.number && previous.offset === end && firstSequence === nextSequence && logId === segment.header.logId
      );
    })
    .at(-1);
}
