/**
 * Writes merged entries into one table or several, cut at `tableBytes` and never inside a key, so that a sorted run holds
 * each key in one table. Range deletes are clipped to the span of the table that carries them:
 *
 * ```
 *  table 1: (-∞, k1)   table 2: [k1, k2)   table 3: [k2, +∞)      k = first key of the next table
 * ```
 */
import { compareBytes, type RangeDelete } from '@coterie/bytes';
import type { FileHandle, JobEnvironment } from '@coterie/env';
import { type EntryView, TableBuilder, type TableProperties } from '@coterie/sstable/builder';
import { orFinal } from './final.ts';
import { tablePath } from './names.ts';
import type { TableMeta } from './version.ts';

/** How tables are to be written; plain values, as a job's input carries them. */
export interface TableOutputOptions {
  readonly directory: string;
  readonly firstNumber: number;
  readonly numbers: number;
  readonly tableBytes: number;
  readonly blockBytes: number;
  readonly filterBitsPerKey: number;
  readonly compression: 'none' | 'deflate';
  readonly expectedEntries: number;
}

/** A sink for sorted entries. */
export class TableOutput {
  readonly tables: TableMeta[] = [];
  readonly #environment: JobEnvironment;
  readonly #options: TableOutputOptions;
  readonly #rangeDeletes: readonly RangeDelete[];
  #builder: TableBuilder | undefined;
  #file: FileHandle | undefined;
  #number = 0;
  /** First key of the open table's span; undefined for the first table. */
  #spanStart: Uint8Array | undefined;

  /** `rangeDeletes`: those that the tables have to carry. */
  constructor(environment: JobEnvironment, options: TableOutputOptions, rangeDeletes: readonly RangeDelete[]) {
    this.#environment = environment;
    this.#options = options;
    this.#rangeDeletes = rangeDeletes;
    this.#number = options.firstNumber - 1;
  }

  /** Adds an entry. `newKey`: the entry before it has another key, so a table may end here. */
  add(entry: EntryView, newKey: boolean): void {
    if (newKey && this.#isFull()) {
      const key = entry.keyBytes.slice(entry.keyStart, entry.keyEnd);
      this.#finishTable(key);
      this.#spanStart = key;
    }
    this.#builder ??= this.#open();
    this.#builder.add(entry);
  }

  /** Completes the last table; the names of all are durable when it returns. */
  finish(): readonly TableMeta[] {
    if (this.#builder === undefined && this.#clipped(undefined).length > 0) this.#builder = this.#open();
    if (this.#builder !== undefined) this.#finishTable(undefined);
    if (this.tables.length > 0) orFinal(() => this.#environment.files.syncDirectorySync(this.#options.directory));
    return this.tables;
  }

  /** A flush writes one table whatever its size, and need not ask for it at every entry: the answer costs 0.1 µs. */
  #isFull(): boolean {
    const { tableBytes } = this.#options;
    return tableBytes !== Number.MAX_SAFE_INTEGER && this.#builder !== undefined && this.#builder.estimatedBytes >= tableBytes;
  }

  #open(): TableBuilder {
    const { directory, firstNumber, numbers, blockBytes, filterBitsPerKey, compression, expectedEntries } = this.#options;
    this.#number++;
    if (this.#number >= firstNumber + numbers) throw new Error('a job wrote more tables than it has numbers');
    this.#file = this.#environment.files.openSync(tablePath(directory, this.#number), 'create');
    const tableId = this.#environment.random.fill(new Uint8Array(8));
    return new TableBuilder(this.#file, { blockBytes, filterBitsPerKey, compression, expectedEntries, tableId });
  }

  #finishTable(nextKey: Uint8Array | undefined): void {
    const builder = this.#builder as TableBuilder;
    const rangeDeletes = this.#clipped(nextKey);
    for (const range of rangeDeletes) builder.addRangeDelete(range);
    this.tables.push(describe(this.#number, builder.finish()));
    this.#builder = undefined;
    this.close();
  }

  /** Closes the file of an unfinished table, if there is one. */
  close(): void {
    const file = this.#file;
    this.#file = undefined;
    file?.closeSync();
  }

  #clipped(spanEnd: Uint8Array | undefined): RangeDelete[] {
    return this.#rangeDeletes
      .map((range) => clip(range, this.#spanStart, spanEnd))
      .filter((range) => compareBytes(range.from, range.to) < 0);
  }
}

function clip(range: RangeDelete, start: Uint8Array | undefined, end: Uint8Array | undefined): RangeDelete {
  const from = start !== undefined && compareBytes(start, range.from) > 0 ? start : range.from;
  const to = end !== undefined && compareBytes(end, range.to) < 0 ? end : range.to;
  return { from, to, sequence: range.sequence };
}

function describe(number: number, properties: TableProperties): TableMeta {
  return {
    number,
    fileBytes: properties.fileBytes,
    entries: properties.entries,
    tombstones: properties.deletes + properties.rangeDeletes,
    rangeDeletes: properties.rangeDeletes,
    smallestSequence: properties.smallestSequence,
    largestSequence: properties.largestSequence,
    lower: properties.lowerBound,
    upper: properties.upperBound,
    upperExclusive: properties.upperExclusive,
  };
}
