/**
 * A version with its tables open, counted by those who read from it. A table whose last version is gone is retired from
 * the caches and its file removed off the main thread.
 *
 * ```
 *  install ─▶ current (1) ─▶ retained by scans, async reads, jobs (n) ─▶ released (0) ─▶ tables without a version: file removed
 * ```
 */
import type { Files, Log } from '@coterie/env';
import type { Table } from '@coterie/sstable';
import { tablePath } from './names.ts';
import { RangeDeleteIndex } from './range-deletes.ts';
import type { TableMeta, Version } from './version.ts';

/** An open table, and how many versions hold it. */
export interface LiveTable {
  readonly meta: TableMeta;
  readonly table: Table;
  readonly rangeDeletes: RangeDeleteIndex;
  versions: number;
}

/** Opens tables, shares them between versions and removes those that no version holds. */
export class LiveTables {
  readonly #files: Files;
  readonly #log: Log;
  readonly #directory: string;
  readonly #open = new Map<number, LiveTable>();
  readonly #removals = new Set<Promise<void>>();
  /** Bytes of indexes and filters in memory. */
  memoryBytes = 0;

  constructor(world: { readonly files: Files; readonly log: Log; readonly directory: string }) {
    this.#files = world.files;
    this.#log = world.log;
    this.#directory = world.directory;
  }

  get(number: number): LiveTable | undefined {
    return this.#open.get(number);
  }

  /** Registers an opened table. */
  add(meta: TableMeta, table: Table): LiveTable {
    const live = { meta, table, rangeDeletes: new RangeDeleteIndex(table.rangeDeletes), versions: 0 };
    this.#open.set(meta.number, live);
    this.memoryBytes += table.memoryBytes;
    return live;
  }

  /** One version less holds the table. */
  release(live: LiveTable): void {
    if (--live.versions > 0) return;
    this.#open.delete(live.meta.number);
    this.memoryBytes -= live.table.memoryBytes;
    live.table.retire();
    this.remove(live.meta.number);
  }

  /** Removes a table's file in the background. A file that stays is an orphan, which the next open removes. */
  remove(number: number): void {
    const removal = this.#files.remove(tablePath(this.#directory, number)).catch((error: unknown) => {
      this.#log.warn('table file not removed', { number, reason: String(error) });
    });
    this.awaitRemoval(removal);
  }

  /** Counts other work among the removals that `drained` waits for. It must not fail. */
  awaitRemoval(removal: Promise<void>): void {
    this.#removals.add(removal);
    void removal.then(() => this.#removals.delete(removal));
  }

  /** Resolves when no removal is under way. */
  async drained(): Promise<void> {
    while (this.#removals.size > 0) await Promise.all(this.#removals);
  }
}

/** One version, open. */
export class LiveVersion {
  readonly version: Version;
  readonly levels: readonly (readonly LiveTable[])[];
  /** Levels from 1 on that hold tables. */
  readonly runs: readonly (readonly LiveTable[])[];
  readonly runMetas: readonly (readonly TableMeta[])[];
  readonly hasRangeDeletes: boolean;
  readonly #tables: LiveTables;
  #readers = 1;

  /** Every table of `version` must have been added to `tables`. */
  constructor(version: Version, tables: LiveTables) {
    this.version = version;
    this.#tables = tables;
    this.levels = version.levels.map((metas) => metas.map((meta) => tables.get(meta.number) as LiveTable));
    this.runs = this.levels.slice(1).filter((run) => run.length > 0);
    this.runMetas = this.runs.map((run) => run.map((live) => live.meta));
    this.hasRangeDeletes = this.levels.some((tablesOfLevel) => tablesOfLevel.some((live) => live.meta.rangeDeletes > 0));
    for (const live of this.levels.flat()) live.versions++;
  }

  retain(): this {
    this.#readers++;
    return this;
  }

  release(): void {
    if (--this.#readers > 0) return;
    for (const live of this.levels.flat()) this.#tables.release(live);
  }
}
