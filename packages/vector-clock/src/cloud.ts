/**
 * A cloud of dots: writes that are known to be replaced, beside a clock that does not cover them. The answer to a write
 * names that write alone; whoever goes on from it where that write has not arrived replaces a dot in mid-air, and an
 * entry of the clock that reached up to it would claim everything below it too.
 *
 * ```
 *   clock (I, 1): 4      cloud (I, 1, 7)           5 and 6 were never heard of, and stay news
 *   clock (I, 1): 9      cloud –                   covered now: the dot leaves
 * ```
 *
 * Invariants: sorted by dot, each once; none is covered by the clock; at most `cloudMax`. Of more the highest stay: what
 * is forgotten can bring a replaced value back as a sibling, and never loses one.
 */
import { compareDots, type Dot } from './dot.ts';
import type { VersionVector } from './version-vector.ts';

/** Most dots in a cloud: as many as a context token carries. */
export const cloudMax = 16;

/** No dots. */
export const clearSky: readonly Dot[] = [];

/** The dots of both that `clock` does not cover, as a cloud. */
export function gatherCloud(clock: VersionVector, a: readonly Dot[], b: readonly Dot[] = clearSky): readonly Dot[] {
  if (a.length === 0 && b.length === 0) return clearSky;
  const dots = [...a, ...b].filter((dot) => !clock.covers(dot)).sort(compareDots);
  const cloud = dots.filter((dot, at) => at === 0 || compareDots(dots[at - 1], dot) !== 0);
  return cloud.length === 0 ? clearSky : cloud.slice(-cloudMax);
}

/** Whether `dots` has this one. */
export function hasDot(dots: readonly Dot[], dot: Dot): boolean {
  return dots.some((other) => compareDots(other, dot) === 0);
}

/** Whether two sorted lists of dots are the same. */
export function equalDots(a: readonly Dot[], b: readonly Dot[]): boolean {
  return a.length === b.length && a.every((dot, at) => compareDots(dot, b[at]) === 0);
}
