/**
 * Flush and compaction as seen from the store: starts jobs, installs what they made, tries again, gives up loudly.
 *
 * ```
 *  frozen memtable ─▶ flush job ─▶ install ─▶ log released, arena reused, waiting writers go on
 *  version         ─▶ pick ─▶ merge job ─▶ install        one of each at a time
 *
 *  job failed:  disk full  → the reserve is given up, tried again every second until space returns
 *               corruption → the inputs are quarantined, no retry
 *               other      → outputs removed, twice again in fresh files; then a flush ends writes,
 *                            a compaction is reported and rests while writes go on to the debt limit
 * ```
 */
import { CoterieError, isCoterieError, type Job, type JobOutcome, type Timer } from '@coterie/env';
import type { MemtableSlot } from './arena-pool.ts';
import { type Compaction, type Eagerness, pick } from './pick.ts';
import { compact, type CompactionInput, flush, type FlushInput, jobModule } from './jobs.ts';
import type { LiveTables } from './live-version.ts';
import type { Settings } from './options.ts';
import type { Reserve } from './reserve.ts';
import type { Snapshots } from './snapshots.ts';
import type { StoreState } from './store-state.ts';
import type { TableOutputOptions } from './table-output.ts';
import { levelCount, type TableMeta } from './version.ts';
import type { VersionSet } from './version-set.ts';

/** Times a failed job is tried again. */
const retriesMax = 2;
/** How long work that cannot go on rests before it is looked at again. */
const restMs = 1000;
/** How long a failed compaction rests. */
const compactionRestMs = 60_000;

/** What background work is made of. */
export interface BackgroundParts {
  readonly directory: string;
  readonly settings: Settings;
  readonly state: StoreState;
  readonly versions: VersionSet;
  readonly tables: LiveTables;
  readonly snapshots: Snapshots;
  readonly reserve: Reserve;
  /** Records up to this sequence are in tables. */
  readonly flushed: (sequence: number) => void;
  /** Room may have appeared, or never will. */
  readonly changed: () => void;
}

/** Runs flushes and compactions of one store. */
export class Background {
  /** Set while the disk is full for tables. */
  diskFull: CoterieError | undefined;
  /** Why compaction rests, if it failed. */
  compactionFailure: CoterieError | undefined;
  readonly quarantined: Set<number> = new Set();
  readonly counters = { flushes: 0, compactions: 0, flushedBytes: 0, compactedBytes: 0, retries: 0 };
  readonly #parts: BackgroundParts;
  readonly #lastPushed: (Uint8Array | undefined)[] = new Array<Uint8Array | undefined>(levelCount).fill(undefined);
  #flushJob: Job | undefined;
  #compactJob: Job | undefined;
  #flushBusy = false;
  #compactBusy = false;
  #flushAttempts = 0;
  #compactAttempts = 0;
  #eagerness: Eagerness = 'debt';
  #rest: Timer | undefined;
  #closing = false;

  constructor(parts: BackgroundParts) {
    this.#parts = parts;
  }

  /** Whether any job runs or any install is under way. */
  get busy(): boolean {
    return this.#flushBusy || this.#compactBusy || this.#parts.versions.installing;
  }

  /** Starts what there is to start. */
  pump(): void {
    if (this.#closing || this.#parts.state.failure !== undefined) return;
    if (!this.#flushBusy && this.#parts.state.frozenCount > 0 && this.#rest === undefined) this.#startFlush();
    if (!this.#compactBusy && this.compactionFailure === undefined && this.#rest === undefined) this.#startCompaction();
  }

  /** Says how eager compaction is to be from now on. */
  setEagerness(eagerness: Eagerness): void {
    this.#eagerness = eagerness;
    if (eagerness === 'settle') this.compactionFailure = undefined;
    this.pump();
  }

  /** Whether nothing is left to do at the present eagerness. */
  get settled(): boolean {
    return !this.busy && this.#parts.state.frozenCount === 0 && this.#pick() === undefined;
  }

  /** Cancels jobs; they settle soon. */
  stop(): void {
    this.#closing = true;
    this.#rest?.cancel();
    this.#flushJob?.cancel();
    this.#compactJob?.cancel();
  }

  #startFlush(): void {
    const { settings, state, snapshots, versions } = this.#parts;
    const slot = state.frozen[state.frozenCount - 1];
    const numbers = 1;
    const input: FlushInput = {
      arena: slot.memtable.arena,
      snapshots: snapshots.sequences(),
      output: this.#outputOptions({ firstNumber: versions.reserveFileNumbers(numbers), numbers, expectedEntries: slot.memtable.entries, tableBytes: Number.MAX_SAFE_INTEGER }),
    };
    this.#flushBusy = true;
    this.#flushJob = settings.environment.jobs.start(
      { name: 'flush', module: jobModule, exportName: 'flush', run: flush, input, priority: 0 },
      (outcome) => this.#flushEnded(slot, input.output, outcome),
    );
  }

  #flushEnded(slot: MemtableSlot, output: TableOutputOptions, outcome: JobOutcome<readonly TableMeta[]>): void {
    if (outcome.state !== 'done') return this.#flushFailed(output, outcome);
    const flushedSequence = slot.memtable.lastSequence;
    this.#parts.versions.install({
      removed: [],
      added: outcome.output.map((table) => ({ level: 0, table })),
      flushed: slot,
      flushedSequence,
      settled: (error) => {
        if (error !== undefined) return this.#flushFailed(output, { state: 'failed', error });
        this.#flushBusy = false;
        this.#flushAttempts = 0;
        this.diskFull = undefined;
        this.counters.flushes++;
        this.counters.flushedBytes += bytesOf(outcome.output);
        this.#parts.flushed(flushedSequence);
        this.#next();
      },
    });
  }

  #flushFailed(output: TableOutputOptions, outcome: Exclude<JobOutcome<unknown>, { state: 'done' }>): void {
    this.#flushBusy = false;
    this.#removeOutputs(output);
    if (outcome.state === 'cancelled') return this.#next();
    const error = asCoterieError(outcome.error);
    this.#parts.settings.environment.log.error('flush failed', { code: error.code, reason: error.message, attempt: this.#flushAttempts + 1 });
    if (error.code === 'DISK_FULL') return this.#waitForSpace(error);
    this.counters.retries++;
    if (this.#flushAttempts++ < retriesMax && !error.details['final']) return this.#next();
    this.#parts.state.fail(new CoterieError('DISK_IO', `the store takes no more writes: flush failed: ${error.message}`, { cause: error, details: { ...error.details, reason: 'flush-failed' } }));
    this.#next();
  }

  #startCompaction(): void {
    const choice = this.#pick();
    if (choice === undefined) return;
    this.#compactBusy = true;
    if (choice.kind === 'merge') return this.#startMerge(choice);
    const { versions } = this.#parts;
    if (choice.kind === 'drop') {
      versions.install({ removed: choice.tables.map((table) => table.number), added: [], settled: (error) => this.#compactionEnded(choice, error) });
      return;
    }
    versions.install({
      removed: [choice.table.number],
      added: [{ level: choice.outputLevel, table: choice.table }],
      settled: (error) => this.#compactionEnded(choice, error),
    });
  }

  #startMerge(choice: Compaction & { kind: 'merge' }): void {
    const { settings, state, snapshots, versions } = this.#parts;
    const inputs = choice.runs.flat();
    const numbers = 64 + 16 * Math.ceil(bytesOf(inputs) / settings.tableBytes);
    const entries = inputs.reduce((sum, table) => sum + table.entries, 0);
    const expectedEntries = Math.max(1, Math.ceil(entries * Math.min(1, (1.1 * settings.tableBytes) / Math.max(1, bytesOf(inputs)))));
    const output = this.#outputOptions({ firstNumber: versions.reserveFileNumbers(numbers), numbers, expectedEntries, tableBytes: settings.tableBytes });
    const input: CompactionInput = { runs: choice.runs, snapshots: snapshots.sequences(), lowestRun: choice.lowestRun, output };
    const held = state.live.retain();
    this.#compactJob = settings.environment.jobs.start(
      { name: 'compact', module: jobModule, exportName: 'compact', run: compact, input, priority: 1 },
      (outcome) => {
        if (outcome.state === 'done') this.#installMerge(choice, output, outcome.output);
        else this.#mergeFailed(output, outcome);
        held.release();
      },
    );
  }

  #installMerge(choice: Compaction & { kind: 'merge' }, output: TableOutputOptions, tables: readonly TableMeta[]): void {
    this.#parts.versions.install({
      removed: choice.runs.flat().map((table) => table.number),
      added: tables.map((table) => ({ level: choice.outputLevel, table })),
      settled: (error) => {
        if (error !== undefined) return this.#mergeFailed(output, { state: 'failed', error });
        this.counters.compactions++;
        this.counters.compactedBytes += bytesOf(tables);
        this.#compactionEnded(choice);
      },
    });
  }

  #compactionEnded(choice: Compaction, error?: CoterieError): void {
    this.#compactBusy = false;
    if (error !== undefined) {
      this.#compactionFailed(error);
      return this.#next();
    }
    this.#compactAttempts = 0;
    const pushed = choice.kind === 'move' ? choice.table : choice.kind === 'merge' ? choice.runs[0][0] : undefined;
    if (pushed !== undefined && choice.kind !== 'drop') this.#lastPushed[choice.inputLevel] = pushed.upper;
    this.#next();
  }

  #mergeFailed(output: TableOutputOptions, outcome: Exclude<JobOutcome<unknown>, { state: 'done' }>): void {
    this.#compactBusy = false;
    this.#removeOutputs(output);
    if (outcome.state === 'failed') this.#compactionFailed(asCoterieError(outcome.error));
    this.#next();
  }

  #compactionFailed(error: CoterieError): void {
    const { log, timers } = this.#parts.settings.environment;
    log.error('compaction failed', { code: error.code, reason: error.message, attempt: this.#compactAttempts + 1 });
    if (error.code === 'DISK_FULL') return this.#waitForSpace(error);
    if (error.code === 'CORRUPTION') return this.#quarantine(error);
    this.counters.retries++;
    if (this.#compactAttempts++ < retriesMax) return;
    this.#compactAttempts = 0;
    this.compactionFailure = error;
    timers.after(compactionRestMs, () => {
      this.compactionFailure = undefined;
      this.pump();
    });
  }

  /** Keeps a damaged table out of compactions; reads of its whole blocks go on. */
  #quarantine(error: CoterieError): void {
    const file = error.details.file ?? '';
    const damaged = this.#parts.state.live.version.levels.flat().find((table) => file.endsWith(`${table.number}.sst`));
    if (damaged === undefined) this.compactionFailure = error;
    else this.quarantined.add(damaged.number);
    this.#parts.settings.environment.log.error('table quarantined', { file, offset: error.details.offset });
  }

  #waitForSpace(error: CoterieError): void {
    this.diskFull = error;
    this.#parts.reserve.giveUp();
    this.#rest ??= this.#parts.settings.environment.timers.after(restMs, () => {
      this.#rest = undefined;
      this.pump();
    });
    this.#parts.changed();
  }

  #next(): void {
    this.pump();
    this.#parts.changed();
  }

  #pick(): Compaction | undefined {
    const { settings, state, snapshots } = this.#parts;
    return pick({
      version: state.live.version,
      eagerness: this.#eagerness,
      level0Tables: settings.level0Tables,
      level1Bytes: settings.level1Bytes,
      snapshots: snapshots.sequences(),
      quarantined: this.quarantined,
      rangeDeletes: state.live.hasRangeDeletes ? state.live.levels.flat().flatMap((live) => [...live.table.rangeDeletes]) : [],
      lastPushed: this.#lastPushed,
    });
  }

  #outputOptions(job: Pick<TableOutputOptions, 'firstNumber' | 'numbers' | 'expectedEntries' | 'tableBytes'>): TableOutputOptions {
    const { blockBytes, filterBitsPerKey, compression } = this.#parts.settings;
    return { ...job, directory: this.#parts.directory, blockBytes, filterBitsPerKey, compression };
  }

  /** What a failed job wrote was never named by the manifest. */
  #removeOutputs({ firstNumber, numbers, directory }: TableOutputOptions): void {
    const { files } = this.#parts.settings.environment;
    void files.list(directory).then(
      (names) => {
        for (const name of names) {
          const number = name.endsWith('.sst') ? Number(name.slice(0, -4)) : -1;
          if (number >= firstNumber && number < firstNumber + numbers) this.#parts.tables.remove(number);
        }
      },
      () => undefined,
    );
  }
}

function bytesOf(tables: readonly TableMeta[]): number {
  return tables.reduce((sum, table) => sum + table.fileBytes, 0);
}

function asCoterieError(error: Error): CoterieError {
  return isCoterieError(error) ? error : new CoterieError('DISK_IO', `job failed: ${error.message}`, { cause: error });
}
