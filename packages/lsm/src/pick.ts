/**
 * Which compaction to do next: a pure choice from a version. It returns a value; `background.ts` carries it out.
 *
 * ```
 *  drop     tables that a durable range delete covers wholly: a version edit, nothing is written
 *  level 0  at `level0Tables` runs (fewer when idle, or one of mostly tombstones; any when settling): all of level 0 with what it overlaps in level 1
 *  dense    a table of mostly tombstones goes first: it slows every scan over it, and frees the most
 *  size     a level over its target pushes one table down, in turn around the key space
 *  move     a table without overlap below changes its level: a version edit
 * ```
 */
import { compareBytes, type RangeDelete } from '@coterie/bytes';
import { boundsOf, overlapping } from './bounds.ts';
import { levelBytes, levelCount, tablesOf, type TableMeta, type Version } from './version.ts';

/** How eager: `debt` works off what slows reads now, `idle` uses quiet time, `settle` goes on until one run is left. */
export type Eagerness = 'debt' | 'idle' | 'settle';

/** What the choice depends on. */
export interface PickInput {
  readonly version: Version;
  readonly eagerness: Eagerness;
  readonly level0Tables: number;
  readonly level1Bytes: number;
  /** Open snapshots, ascending. */
  readonly snapshots: readonly number[];
  /** Tables that must not be read: damaged ones. */
  readonly quarantined: ReadonlySet<number>;
  /** Durable range deletes. */
  readonly rangeDeletes: readonly RangeDelete[];
  /** Upper bound of the table that each level pushed down last. */
  readonly lastPushed: readonly (Uint8Array | undefined)[];
}

/** What to do. */
export type Compaction =
  | { readonly kind: 'drop'; readonly tables: readonly TableMeta[] }
  | { readonly kind: 'move'; readonly table: TableMeta; readonly outputLevel: number; readonly inputLevel: number }
  | {
      readonly kind: 'merge';
      readonly runs: readonly (readonly TableMeta[])[];
      readonly inputLevel: number;
      readonly outputLevel: number;
      readonly lowestRun: boolean;
    };

/** The next thing worth doing, or `undefined`. */
export function pick(input: PickInput): Compaction | undefined {
  return pickDrop(input) ?? pickLevel0(input) ?? pickDense(input) ?? pickSize(input);
}

/** Size above which level `level` (from 1 on) pushes tables down. */
export function levelTarget(level: number, level1Bytes: number): number {
  return level1Bytes * 10 ** (level - 1);
}

function pickDrop(input: PickInput): Compaction | undefined {
  if (input.rangeDeletes.length === 0) return undefined;
  const tables = tablesOf(input.version).filter((table) => input.rangeDeletes.some((range) => hides(range, table, input.snapshots)));
  return tables.length === 0 ? undefined : { kind: 'drop', tables };
}

function hides(range: RangeDelete, table: TableMeta, snapshots: readonly number[]): boolean {
  if (table.largestSequence >= range.sequence) return false;
  if (compareBytes(range.from, table.lower) > 0) return false;
  const order = compareBytes(table.upper, range.to);
  if (order > 0 || (order === 0 && !table.upperExclusive)) return false;
  return !snapshots.some((snapshot) => snapshot >= table.smallestSequence && snapshot < range.sequence);
}

function pickLevel0(input: PickInput): Compaction | undefined {
  const tables = input.version.levels[0];
  if (tables.length === 0 || tables.length < level0Trigger(input)) return undefined;
  return mergeDown(input, { inputLevel: 0, tables, cleansInPlace: false });
}

function level0Trigger(input: PickInput): number {
  const { eagerness, level0Tables, version } = input;
  if (eagerness === 'settle') return 1;
  if (eagerness === 'idle' && version.levels[0].some((table) => isDense(table, input))) return 1;
  return eagerness === 'idle' ? Math.max(2, Math.ceil(level0Tables / 3)) : level0Tables;
}

/** Whether a table is mostly tombstones that no snapshot needs. */
function isDense({ tombstones, entries, largestSequence, number }: TableMeta, { snapshots, quarantined }: PickInput): boolean {
  const oldest = snapshots[0] ?? Number.POSITIVE_INFINITY;
  return tombstones * 2 > entries && largestSequence <= oldest && !quarantined.has(number);
}

function pickDense(input: PickInput): Compaction | undefined {
  for (let level = 1; level < levelCount; level++) {
    for (const table of input.version.levels[level]) {
      const choice = isDense(table, input) ? mergeDown(input, { inputLevel: level, tables: [table], cleansInPlace: true }) : undefined;
      if (choice !== undefined) return choice;
    }
  }
  return undefined;
}

function pickSize(input: PickInput): Compaction | undefined {
  for (let level = 1; level < levelCount - 1; level++) {
    const tables = input.version.levels[level];
    if (levelBytes(tables) <= levelTarget(level, input.level1Bytes)) continue;
    const table = nextAround(tables, input.lastPushed[level], input.quarantined);
    const choice = table === undefined ? undefined : mergeDown(input, { inputLevel: level, tables: [table], cleansInPlace: false });
    if (choice !== undefined) return choice;
  }
  return undefined;
}

/** The first table after the one pushed last, going around. */
function nextAround(tables: readonly TableMeta[], last: Uint8Array | undefined, quarantined: ReadonlySet<number>): TableMeta | undefined {
  const healthy = tables.filter((table) => !quarantined.has(table.number));
  if (last === undefined) return healthy[0];
  return healthy.find((table) => compareBytes(table.lower, last) > 0) ?? healthy[0];
}

interface MergeFrom {
  readonly inputLevel: number;
  readonly tables: readonly TableMeta[];
  /**
   * Whether tables above nothing are rewritten where they are, to be rid of their tombstones. Only if no snapshot needs
   * these: else the same tables would be rewritten for ever.
   */
  readonly cleansInPlace: boolean;
}

/** Merges `tables` of a level with what they overlap in the next. */
function mergeDown(input: PickInput, from: MergeFrom): Compaction | undefined {
  const { version, quarantined } = input;
  const { inputLevel, tables, cleansInPlace } = from;
  const bounds = boundsOf(tables);
  const below = version.levels.slice(inputLevel + 1).flatMap((level) => overlapping(level, bounds));
  const inPlace = cleansInPlace && below.length === 0;
  const outputLevel = inPlace ? inputLevel : inputLevel + 1;
  if (outputLevel >= levelCount) return undefined;
  const met = inPlace ? [] : overlapping(version.levels[outputLevel], bounds);
  if ([...tables, ...met].some((table) => quarantined.has(table.number))) return undefined;
  if (tables.length === 1 && met.length === 0 && tables[0].tombstones === 0)
    return { kind: 'move', table: tables[0], inputLevel, outputLevel };
  const runs = inputLevel === 0 ? tables.map((table) => [table]) : [tables];
  const deeper = version.levels.slice(outputLevel + 1).flatMap((level) => overlapping(level, boundsOf([...tables, ...met])));
  const lowestRun = deeper.length === 0;
  return { kind: 'merge', runs: met.length === 0 ? runs : [...runs, met], inputLevel, outputLevel, lowestRun };
}
