/**
 * Flush and compaction, as they run in a worker: merge sorted inputs, keep what somebody can still see, write tables.
 * Nothing that a job writes is seen until the manifest names it, so a job can die at any step.
 *
 * Each job is a generator that yields after 1 MiB of entries or 20 ms, whichever comes first, so that a flush that waits
 * goes before a compaction that runs.
 */
import type { EntryCursor, RangeDelete } from '@coterie/bytes';
import { CoterieError, isCoterieError, type JobEnvironment } from '@coterie/env';
import { Memtable } from '@coterie/memtable';
import { BlockCache, HandleCache, Table } from '@coterie/sstable';
import { LevelCursor } from './level-cursor.ts';
import { MergingCursor } from './merging-cursor.ts';
import { tablePath } from './names.ts';
import { RangeDeleteIndex } from './range-deletes.ts';
import { Survivors } from './survivors.ts';
import { TableOutput, type TableOutputOptions } from './table-output.ts';
import type { TableMeta } from './version.ts';

export { salvageTable } from './salvage-job.ts';
export { checkTable } from './scrub-job.ts';

/** What a flush works on. */
export interface FlushInput {
  readonly arena: SharedArrayBuffer;
  /** Open snapshots, ascending. */
  readonly snapshots: readonly number[];
  readonly output: TableOutputOptions;
}

/** What a compaction works on. */
export interface CompactionInput {
  /** Sorted runs; each table of level 0 is a run of its own. */
  readonly runs: readonly (readonly TableMeta[])[];
  readonly snapshots: readonly number[];
  /** No older entries of these keys exist in other tables. */
  readonly lowestRun: boolean;
  readonly output: TableOutputOptions;
}

/** The built module that a worker loads; right from `src` and from `dist`. */
export const jobModule: string = new URL('../dist/jobs.js', import.meta.url).href;

const sliceBytes: number = 2 ** 20;
const sliceMs = 20;
/** Compactions read their inputs in pieces of this size. */
const readAheadBytes: number = 2 ** 20;
const handlesOfJob = 64;

/** Why a job failed, as a typed error. */
export function jobError(error: Error): CoterieError {
  return isCoterieError(error) ? error : new CoterieError('DISK_IO', `job failed: ${error.message}`, { cause: error });
}

/** Writes a frozen memtable into tables of level 0. */
export function* flush(environment: JobEnvironment, input: FlushInput): Generator<void, readonly TableMeta[], void> {
  const memtable = Memtable.attach(input.arena);
  const loose = memtable.loose();
  const cursors = loose === undefined ? [memtable.cursor()] : [memtable.cursor(), loose.cursor()];
  const merge = { cursors, rangeDeletes: memtable.rangeDeletes };
  return yield* mergeInto(environment, merge, { ...input, lowestRun: false });
}

/** Merges sorted runs into one. */
export function* compact(environment: JobEnvironment, input: CompactionInput): Generator<void, readonly TableMeta[], void> {
  const handles = new HandleCache(environment.files, { maxOpen: handlesOfJob });
  const blocks = new BlockCache({ bytes: 0, slotBytes: input.output.blockBytes });
  try {
    const open = (meta: TableMeta): Table => Table.openSync({ handles, blocks }, tablePath(input.output.directory, meta.number));
    const cursorOf = (meta: TableMeta): EntryCursor => open(meta).cursor({ access: 'read', fillCache: false, readAheadBytes });
    const cursors = input.runs.map((run) => (run.length === 1 ? cursorOf(run[0]) : new LevelCursor(run, cursorOf)));
    const rangeDeletes = input.runs
      .flat()
      .filter((meta) => meta.rangeDeletes > 0)
      .flatMap((meta) => [...open(meta).rangeDeletes]);
    return yield* mergeInto(environment, { cursors, rangeDeletes }, input);
  } finally {
    handles.close();
  }
}

interface Merge {
  readonly cursors: readonly EntryCursor[];
  readonly rangeDeletes: readonly RangeDelete[];
}

function* mergeInto(
  environment: JobEnvironment,
  merge: Merge,
  input: Omit<CompactionInput, 'runs'>,
): Generator<void, readonly TableMeta[], void> {
  const survivors = new Survivors(input.snapshots, input.lowestRun);
  const kept = merge.rangeDeletes.filter((range) => !survivors.dropsTombstone(range.sequence));
  const output = new TableOutput(environment, input.output, kept);
  const slice = new Slice(environment);
  const filter = new KeyFilter(survivors, new RangeDeleteIndex(merge.rangeDeletes));
  const merged = new MergingCursor(merge.cursors);
  try {
    merged.seekToFirst();
    for (let entry = merged.current; entry !== undefined; entry = merged.current) {
      if (filter.keeps(entry)) output.add(entry, filter.takeNewKey());
      if (slice.spent(entry.keyEnd - entry.keyStart + entry.valueEnd - entry.valueStart)) yield;
      merged.advance();
    }
    return output.finish();
  } finally {
    merged.release();
    output.close();
  }
}

/** Tells survivors which key an entry belongs to, and outputs where keys begin. */
class KeyFilter {
  readonly #survivors: Survivors;
  readonly #rangeDeletes: RangeDeleteIndex;
  #key: Uint8Array = new Uint8Array(64);
  #keyEnd = -1;
  #newKey = true;

  constructor(survivors: Survivors, rangeDeletes: RangeDeleteIndex) {
    this.#survivors = survivors;
    this.#rangeDeletes = rangeDeletes;
  }

  keeps(entry: EntryCursor): boolean {
    if (!this.#isSameKey(entry)) this.#startKey(entry);
    return this.#survivors.keeps(entry.sequence, entry.type, this.#covering);
  }

  /** Whether no entry of this key was kept before; asked once for each kept entry. */
  takeNewKey(): boolean {
    const newKey = this.#newKey;
    this.#newKey = false;
    return newKey;
  }

  readonly #covering = (atMost: number): number => this.#rangeDeletes.covering(this.#key, 0, this.#keyEnd, atMost);

  /** Looks from the end on: neighbours in order begin alike and end differently. */
  #isSameKey(entry: EntryCursor): boolean {
    const length = entry.keyEnd - entry.keyStart;
    if (length !== this.#keyEnd) return false;
    const from = entry.keyBytes;
    const at = entry.keyStart;
    const key = this.#key;
    for (let i = length - 1; i >= 0; i--) if (from[at + i] !== key[i]) return false;
    return true;
  }

  #startKey(entry: EntryCursor): void {
    const length = entry.keyEnd - entry.keyStart;
    if (length > this.#key.length) this.#key = new Uint8Array(length * 2);
    const key = this.#key;
    const from = entry.keyBytes;
    for (let i = 0, at = entry.keyStart; i < length; i++, at++) key[i] = from[at];
    this.#keyEnd = length;
    this.#newKey = true;
    this.#survivors.startKey();
  }
}

/** Says when a slice is over. The clock is read once in 64 entries. */
class Slice {
  readonly #environment: JobEnvironment;
  #bytes = 0;
  #entries = 0;
  #startedAt: number;

  constructor(environment: JobEnvironment) {
    this.#environment = environment;
    this.#startedAt = environment.clock.monotonic();
  }

  spent(bytes: number): boolean {
    this.#bytes += bytes;
    this.#entries++;
    const over =
      this.#bytes >= sliceBytes || (this.#entries % 64 === 0 && this.#environment.clock.monotonic() - this.#startedAt >= sliceMs);
    if (!over) return false;
    this.#bytes = 0;
    this.#startedAt = this.#environment.clock.monotonic();
    return true;
  }
}
