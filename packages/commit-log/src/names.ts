/**
 * Names of the files in a log's directory.
 *
 * ```
 *  0000000007.log     segment 7
 *  0000000003.spare   what was segment 3: its bytes are worthless, its disk space is not
 *  0000000007.draft   a copy of segment 7 that recovery makes, before it takes the segment's name
 *  LOCK               who has the log open
 * ```
 *
 * A segment's number rises with every segment and is never given twice. Spares and drafts are removed when a log is
 * opened: a spare left by a crash may hold frames of a segment that was never named, whose number will be given again.
 */
import { joinPath } from '@coterie/env';

/** Largest segment number. */
export const segmentNumberMax: number = 2 ** 32 - 1;

/** Path of segment `number`. */
export function segmentPath(directory: string, number: number): string {
  return joinPath(directory, `${padded(number)}.log`);
}

/** Path that segment `number` has once its space is kept for a later one. */
export function sparePath(directory: string, number: number): string {
  return joinPath(directory, `${padded(number)}.spare`);
}

/** Path of recovery's copy of segment `number`. */
export function draftPath(directory: string, number: number): string {
  return joinPath(directory, `${padded(number)}.draft`);
}

/** What a name in a log's directory stands for; `undefined` for names that are none of ours. */
export function parseName(name: string): { readonly kind: 'segment' | 'leftover'; readonly number: number } | undefined {
  const match = /^(\d{10})\.(log|spare|draft)$/.exec(name);
  if (match === null) return undefined;
  const number = Number(match[1]);
  if (number < 1 || number > segmentNumberMax) return undefined;
  return { kind: match[2] === 'log' ? 'segment' : 'leftover', number };
}

function padded(number: number): string {
  return String(number).padStart(10, '0');
}
