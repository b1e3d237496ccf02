/**
 * A version: which tables make up the store at one moment, as an immutable value. An edit makes the next version.
 *
 * ```
 *  level 0   one table a flush, newest first; their key ranges overlap
 *  level 1…  sorted runs: tables in key order whose bounds do not overlap
 * ```
 * Invariant: for any key, a newer entry lies in a lower-numbered level, and within level 0 in an earlier table.
 */
import { compareBytes, compareRanges } from '@coterie/bytes';
import type { Loss } from './losses.ts';

/** Levels in a version, 0 included. */
export const levelCount = 7;

/** What the manifest knows of a table. */
export interface TableMeta {
  readonly number: number;
  readonly fileBytes: number;
  readonly entries: number;
  /** Point and range tombstones. */
  readonly tombstones: number;
  readonly rangeDeletes: number;
  readonly smallestSequence: number;
  readonly largestSequence: number;
  /** Every key in the table, points and range deletes alike, is at or after `lower`. */
  readonly lower: Uint8Array;
  /** ... and at or before `upper`; before it if `upperExclusive`. */
  readonly upper: Uint8Array;
  readonly upperExclusive: boolean;
}

/** Tables by level. */
export interface Version {
  readonly levels: readonly (readonly TableMeta[])[];
  /** Stretches of keys whose entries may be gone, in key order. */
  readonly losses: readonly Loss[];
}

/** A change from one version to the next. */
export interface VersionEdit {
  readonly removed: readonly number[];
  readonly added: readonly { readonly level: number; readonly table: TableMeta }[];
  /** Records up to this sequence are in tables; the log below can go. */
  readonly flushedSequence?: number;
  /** No file of this number or above was ever named. */
  readonly nextFileNumber: number;
  /** All that is lost from now on; absent when that does not change. */
  readonly losses?: readonly Loss[];
}

/** A version without tables. */
export const emptyVersion: Version = { levels: Array.from({ length: levelCount }, () => []), losses: [] };

/** The version after `edit`. */
export function applyEdit(version: Version, edit: VersionEdit): Version {
  const removed = new Set(edit.removed);
  const levels = version.levels.map((tables, level) => {
    const added = edit.added.filter((one) => one.level === level).map((one) => one.table);
    const kept = removed.size === 0 ? tables : tables.filter((table) => !removed.has(table.number));
    if (added.length === 0) return kept;
    return level === 0 ? [...kept, ...added].sort(newestFirst) : [...kept, ...added].sort(byLower);
  });
  return { levels, losses: edit.losses ?? version.losses };
}

function newestFirst(a: TableMeta, b: TableMeta): number {
  return b.largestSequence - a.largestSequence || b.number - a.number;
}

function byLower(a: TableMeta, b: TableMeta): number {
  return compareBytes(a.lower, b.lower);
}

/** What contradicts the picture above, in words; `undefined` for a sound version. */
export function flawOf(version: Version): string | undefined {
  const numbers = tablesOf(version).map((table) => table.number);
  if (new Set(numbers).size < numbers.length) return 'a table stands in it twice';
  const unsorted = version.levels.slice(1).some((run) => run.some((table, i) => i > 0 && !endsBefore(run[i - 1], table)));
  return unsorted ? 'tables of a sorted run overlap' : undefined;
}

/** The edit that makes all of `version` of nothing. */
export function wholeOf({ levels, losses }: Version): Pick<VersionEdit, 'removed' | 'added' | 'losses'> {
  const added = levels.flatMap((tables, level) => tables.map((table) => ({ level, table })));
  return { removed: [], added, ...(losses.length === 0 ? {} : { losses }) };
}

/** All tables of a version. */
export function tablesOf(version: Version): TableMeta[] {
  return version.levels.flat();
}

/** Bytes of a level. */
export function levelBytes(tables: readonly TableMeta[]): number {
  return tables.reduce((sum, table) => sum + table.fileBytes, 0);
}

/** Bounds of keys: at or after `lower`, at or before `upper` (before it if `upperExclusive`). */
export type Bounds = Pick<TableMeta, 'lower' | 'upper' | 'upperExclusive'>;

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

function endsBefore(a: Bounds, b: Bounds): boolean {
  const order = compareBytes(a.upper, b.lower);
  return order < 0 || (order === 0 && a.upperExclusive);
}

/** Tables of `tables` that share keys with `bounds`. */
export function overlapping(tables: readonly TableMeta[], bounds: Bounds | undefined): TableMeta[] {
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
