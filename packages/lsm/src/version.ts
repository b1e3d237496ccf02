/**
 * A version: which tables make up the store at one moment, as an immutable value. An edit makes the next version.
 *
 * ```
 *  level 0   one table a flush, newest first; their key ranges overlap
 *  level 1…  sorted runs: tables in key order whose bounds do not overlap
 * ```
 * Invariant: for any key, a newer entry lies in a lower-numbered level, and within level 0 in an earlier table.
 */
import { compareBytes } from '@coterie/bytes';
import { type Bounds, endsBefore } from './bounds.ts';
import type { Loss } from './losses.ts';

/** Levels in a version, 0 included. */
export const levelCount = 7;

/** What the manifest knows of a table. Its bounds hold every key in it, points and range deletes alike. */
export interface TableMeta extends Bounds {
  readonly number: number;
  readonly fileBytes: number;
  readonly entries: number;
  /** Point and range tombstones. */
  readonly tombstones: number;
  readonly rangeDeletes: number;
  readonly smallestSequence: number;
  readonly largestSequence: number;
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
