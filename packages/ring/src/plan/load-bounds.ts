/**
 * Between which numbers of replicas a member's load counts as even.
 *
 * ```
 *   ideal 30.4     rounded 30..31     even 30..31
 *   ideal 341.3    rounded 341..342   even 335..348      2 % either way
 * ```
 *
 * A plan goes for the rounded ideal, and is content with even where the last replica would cost more moves than one.
 */

/** Bounds by member, both ends included. */
export interface LoadBounds {
  readonly least: Int32Array;
  readonly most: Int32Array;
  readonly rounded: { readonly least: Int32Array; readonly most: Int32Array };
}

const tolerance = 0.02;

/** The bounds around ideal loads. */
export function loadBounds(ideal: readonly number[]): LoadBounds {
  const rounded = { least: Int32Array.from(ideal, Math.floor), most: Int32Array.from(ideal, Math.ceil) };
  return {
    least: Int32Array.from(ideal, (load, member) => Math.min(rounded.least[member], Math.ceil(load * (1 - tolerance)))),
    most: Int32Array.from(ideal, (load, member) => Math.max(rounded.most[member], Math.floor(load * (1 + tolerance)))),
    rounded,
  };
}

/** Whether all loads are even. */
export function isEven(loads: Int32Array, { least, most }: LoadBounds): boolean {
  return loads.every((load, member) => load >= least[member] && load <= most[member]);
}
