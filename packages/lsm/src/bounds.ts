/** Bounds of keys, as tables and losses have them: what overlaps what, and which of a sorted run can hold a key. */
import { compareBytes, compareRanges } from '@coterie/bytes';

/** Keys at or after `lower`, and at or before `upper`; before it if `upperExclusive`. */
export interface Bounds {
  readonly lower: Uint8Array;
  readonly upper: Uint8Array;
  readonly upperExclusive: boolean;
}

/** The bounds that enclose all of `tables`; `undefined` for none. */
export function boundsOf(tables: readonly Bounds[]): Bounds | undefined {
  return tables.reduce<Bounds | undefined>((all, table) => {
    if (all === undefined) return table;
    const lower = compareBytes(table.lower, all.lower) < 0 ? table.lower : all.lower;
    return { lower, ...laterUpper(all, table) };
  }, undefined);
}

function laterUpper(a: Bounds, b: Bounds): Pick<Bounds, 'upper' | 'upperExclusive'> {
  const order = compareBytes(a.upper, b.upper);
  const later = order > 0 || (order === 0 && !a.upperExclusive) ? a : b;
  return { upper: later.upper, upperExclusive: later.upperExclusive };
}

/** Whether some key can lie in both. */
export function overlaps(a: Bounds, b: Bounds): boolean {
  return !endsBefore(a, b) && !endsBefore(b, a);
}

/** Whether all keys of `a` sort before those of `b`. */
export function endsBefore(a: Bounds, b: Bounds): boolean {
  const order = compareBytes(a.upper, b.lower);
  return order < 0 || (order === 0 && a.upperExclusive);
}

/** Tables of `tables` that share keys with `bounds`. */
export function overlapping<Table extends Bounds>(tables: readonly Table[], bounds: Bounds | undefined): Table[] {
  if (bounds === undefined) return [];
  return tables.filter((table) => overlaps(table, bounds));
}

/** Index of the only table of a sorted run that can hold the key, or the run's length. */
export function tableForKey(run: readonly Bounds[], key: Uint8Array, start: number, end: number): number {
  let low = 0;
  let high = run.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const table = run[middle];
    const order = compareRanges(table.upper, 0, table.upper.length, key, start, end);
    if (order < 0 || (order === 0 && table.upperExclusive)) low = middle + 1;
    else high = middle;
  }
  return low;
}
