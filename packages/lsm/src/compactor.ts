/**
 * Compactions of one store: what `pick` chooses is carried out, one at a time.
 *
 * ```
 *  version ─▶ pick ─▶ merge job ─▶ install           a move or a drop is installed at once
 *
 *  failed:  a sync of directory or manifest  → the store takes no more writes
 *           corruption                       → the input is quarantined, and no longer picked until it was set aside
 *           disk full                        → reported, rests
 *           anything else                    → outputs removed, twice again in fresh files; then reported, rests
 * ```
 * While compaction rests, writes go on up to the debt limit.
 */
import { CoterieError, type Job, type JobOutcome, type Timer } from '@coterie/env';
import type { BackgroundParts, Work } from './background-parts.ts';
import { endOfWrites, isFinal } from './final.ts';
import type { JobOutputs } from './job-outputs.ts';
import { compact, type CompactionInput, jobError, jobModule } from './jobs.ts';
import { type Compaction, type Eagerness, pick } from './pick.ts';
import type { TableOutputOptions } from './table-output.ts';
import type { Quarantine } from './quarantine.ts';
import { levelBytes, levelCount, type TableMeta } from './version.ts';

/** Times a failed compaction is tried again. */
const retriesMax = 2;
/** How long a failed compaction rests. */
const restMs = 60_000;

type CompactorWork = Work & { readonly outputs: JobOutputs; readonly quarantine: Quarantine };

type Merge = Compaction & { readonly kind: 'merge' };

/** Runs compactions. */
export class Compactor {
  readonly counters = { compactions: 0, compactedBytes: 0, compactionRetries: 0 };
  /** Why compaction rests, if it does. */
  failure: CoterieError | undefined;
  eagerness: Eagerness = 'debt';
  busy = false;
  readonly #parts: BackgroundParts;
  readonly #work: CompactorWork;
  readonly #lastPushed: (Uint8Array | undefined)[] = new Array<Uint8Array | undefined>(levelCount).fill(undefined);
  #job: Job | undefined;
  #attempts = 0;
  #rest: Timer | undefined;

  constructor(parts: BackgroundParts, work: CompactorWork) {
    this.#parts = parts;
    this.#work = work;
  }

  /** Whether nothing is left to do at the present eagerness. */
  get settled(): boolean {
    return !this.busy && this.#pick() === undefined;
  }

  /** Why debt will not shrink by waiting, if it will not. */
  get blocked(): CoterieError | undefined {
    if (this.busy || this.failure !== undefined) return this.failure;
    const { damage, tables, isStuck } = this.#work.quarantine;
    if (damage === undefined || !isStuck || this.#pick() !== undefined) return undefined;
    const message = `damaged tables (${tables.size}) keep compaction from going on, 'repair' can help: ${damage.message}`;
    return new CoterieError('CORRUPTION', message, { cause: damage, details: damage.details });
  }

  /** Starts the next compaction, if there is one to do and nothing speaks against it. */
  pump(): void {
    if (this.busy || this.failure !== undefined || this.#parts.state.diskFull !== undefined) return;
    const choice = this.#pick();
    if (choice === undefined) return;
    this.busy = true;
    if (choice.kind === 'merge') this.#startMerge(choice);
    else this.#install(choice);
  }

  /** Ends the rest after a failure. */
  wake(): void {
    this.#rest?.cancel();
    this.#rest = undefined;
    this.failure = undefined;
  }

  /** Cancels what runs; it settles soon. */
  stop(): void {
    this.#rest?.cancel();
    this.#job?.cancel();
  }

  #install(choice: Exclude<Compaction, Merge>): void {
    const isMove = choice.kind === 'move';
    this.#parts.versions.install({
      removed: isMove ? [choice.table.number] : choice.tables.map((table) => table.number),
      added: isMove ? [{ level: choice.outputLevel, table: choice.table }] : [],
      settled: (error) => {
        if (error === undefined) this.#done(choice);
        else this.#failed(undefined, { state: 'failed', error });
      },
    });
  }

  #startMerge(choice: Merge): void {
    const { settings, state, snapshots } = this.#parts;
    const inputs = choice.runs.flat();
    const bytes = levelBytes(inputs);
    const entries = inputs.reduce((sum, table) => sum + table.entries, 0);
    const expectedEntries = Math.max(1, Math.ceil(entries * Math.min(1, (1.1 * settings.tableBytes) / Math.max(1, bytes))));
    const numbers = 64 + 16 * Math.ceil(bytes / settings.tableBytes);
    const output = this.#work.outputs.options({ numbers, expectedEntries, tableBytes: settings.tableBytes });
    const input: CompactionInput = { runs: choice.runs, snapshots: snapshots.sequences(), lowestRun: choice.lowestRun, output };
    const held = state.live.retain();
    this.#job = settings.environment.jobs.start(
      { name: 'compact', module: jobModule, exportName: 'compact', run: compact, input, priority: 1 },
      (outcome) => {
        if (outcome.state === 'done') this.#installMerge(choice, output, outcome.output);
        else this.#failed(output, outcome);
        held.release();
      },
    );
  }

  #installMerge(choice: Merge, output: TableOutputOptions, tables: readonly TableMeta[]): void {
    this.#parts.versions.install({
      removed: choice.runs.flat().map((table) => table.number),
      added: tables.map((table) => ({ level: choice.outputLevel, table })),
      settled: (error) => {
        if (error !== undefined) return this.#failed(output, { state: 'failed', error });
        this.counters.compactions++;
        this.counters.compactedBytes += levelBytes(tables);
        this.#done(choice);
      },
    });
  }

  #done(choice: Compaction): void {
    this.busy = false;
    this.#attempts = 0;
    const pushed = choice.kind === 'move' ? choice.table : choice.kind === 'merge' ? choice.runs[0][0] : undefined;
    if (pushed !== undefined && choice.kind !== 'drop') this.#lastPushed[choice.inputLevel] = pushed.upper;
    this.#work.next();
  }

  #failed(output: TableOutputOptions | undefined, outcome: Exclude<JobOutcome<unknown>, { state: 'done' }>): void {
    this.busy = false;
    const { state } = this.#parts;
    // If the store has ended, the manifest may name the outputs.
    if (output !== undefined && state.failure === undefined) this.#work.outputs.remove(output);
    if (outcome.state === 'failed' && state.failure === undefined) this.#decide(jobError(outcome.error));
    this.#work.next();
  }

  #decide(error: CoterieError): void {
    const { settings, state } = this.#parts;
    settings.environment.log.error('compaction failed', { code: error.code, reason: error.message, attempt: this.#attempts + 1 });
    if (isFinal(error)) return state.fail(endOfWrites('a directory could not be synced', error));
    if (error.code === 'CORRUPTION') return this.#inputDamaged(error);
    if (error.code === 'DISK_FULL') return this.#takeRest(error);
    state.noted(error);
    this.counters.compactionRetries++;
    if (this.#attempts++ >= retriesMax) this.#takeRest(error);
  }

  /** Damage that no table of the version can be blamed for would come up again at once. */
  #inputDamaged(error: CoterieError): void {
    if (!this.#work.quarantine.note(error)) this.#takeRest(error);
  }

  #takeRest(error: CoterieError): void {
    this.#attempts = 0;
    this.failure = error;
    this.#rest = this.#parts.settings.environment.timers.after(restMs, () => {
      this.failure = undefined;
      this.#work.next();
    });
  }

  #pick(): Compaction | undefined {
    const { settings, state, snapshots } = this.#parts;
    return pick({
      version: state.live.version,
      eagerness: this.eagerness,
      level0Tables: settings.level0Tables,
      level1Bytes: settings.level1Bytes,
      snapshots: snapshots.sequences(),
      quarantined: this.#work.quarantine.tables,
      rangeDeletes: state.live.hasRangeDeletes ? state.live.levels.flat().flatMap((live) => [...live.table.rangeDeletes]) : [],
      lastPushed: this.#lastPushed,
    });
  }
}
