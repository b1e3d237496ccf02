/**
 * Slows writes down as compaction debt grows, instead of stopping them at a cliff. Debt is counted in runs of level 0,
 * because each of them costs every read a look.
 *
 * ```
 *   runs:   0 ──────── slow ─────────── stop
 *   rate:   unlimited  │ falls linearly │ 0: writes wait, then OVERLOADED
 * ```
 */

/** The two marks, in runs of level 0. */
export interface PaceMarks {
  readonly slow: number;
  readonly stop: number;
}

/** Bytes a second just past the slow mark. */
const fullBytesPerMs: number = (64 * 2 ** 20) / 1000;

/** Marks for a store that starts a compaction at `level0Tables` runs. */
export function paceMarks(level0Tables: number): PaceMarks {
  return { slow: level0Tables * 2, stop: level0Tables * 3 + 4 };
}

/** Milliseconds by which `bytes` more have to wait at this debt; Infinity at the stop mark. */
export function paceDelayMs(bytes: number, level0Runs: number, { slow, stop }: PaceMarks): number {
  if (level0Runs < slow) return 0;
  if (level0Runs >= stop) return Number.POSITIVE_INFINITY;
  return (bytes / fullBytesPerMs) * ((stop - slow) / (stop - level0Runs));
}
