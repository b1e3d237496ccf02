/**
 * How long a rest is drawn out because others wait for processors. A timer that fires late says so: this thread had to
 * wait, and so do clients' requests, here and in whatever else shares the machine. A rate does not know that.
 *
 * ```
 *   rest of n ms ──▶ breath ──in time──▶ counts                                  over when what counts adds up to n
 *                      ▲    └──late────▶ counts for nothing                      … or when so much was given up that
 *                      └──── and the next                                            every breath counts
 * ```
 *
 * So work that can wait fills the moments that nobody else needs, and still gets on: it takes at most `1 + givesToRest`
 * times as long as rests alone would make it.
 */

/** Length of a breath. Each costs a timer. */
const breathMs = 20;
/** A breath that takes so much longer than it was to is late: timers of a thread that nobody keeps waiting are off by 1 ms. */
const lateMs = 3;
/** So many times as long as the rest itself it may be drawn out. */
const givesToRest = 3;

/** A rest under way. */
export interface RestLeft {
  /** Milliseconds that are still to count. */
  readonly leftMs: number;
  /** Milliseconds that it may still be drawn out. */
  readonly giveMs: number;
}

/** A breath that is over: how long it was to take, and how long it took. */
export interface Breath {
  readonly askedMs: number;
  readonly tookMs: number;
}

/** A rest of so many milliseconds that begins. */
export function restOf(ms: number): RestLeft {
  return { leftMs: ms, giveMs: givesToRest * ms };
}

/** How long the next breath is to be, in whole milliseconds; 0 when the rest is over. */
export function nextBreath({ leftMs }: RestLeft): number {
  return Math.floor(Math.min(leftMs, breathMs));
}

/** What is left of a rest after a breath. */
export function afterBreath({ leftMs, giveMs }: RestLeft, { askedMs, tookMs }: Breath): RestLeft {
  const isLate = tookMs - askedMs > lateMs;
  return isLate && giveMs > 0 ? { leftMs, giveMs: giveMs - tookMs } : { leftMs: leftMs - askedMs, giveMs };
}
