/**
 * Flushes of one store: frozen memtables become tables of level 0, oldest first, one at a time.
 *
 * ```
 *  frozen memtable ─▶ job ─▶ install ─▶ log released, arena reused, waiting writers go on
 *
 *  failed:  a sync of directory or manifest  → the store takes no more writes
 *           no file handles                  → tables give some back, tried again every second
 *           disk full                        → tried again every second, see `disk-space.ts`
 *           anything else                    → outputs removed, twice again in fresh files; then writes end
 * ```
 */
import { type CoterieError, type Job, type JobOutcome, type Timer } from '@coterie/env';
import type { MemtableSlot } from './arena-pool.ts';
import type { BackgroundParts, Work } from './background-parts.ts';
import type { DiskSpace } from './disk-space.ts';
import { endOfWrites, isFinal } from './final.ts';
import type { JobOutputs } from './job-outputs.ts';
import { flush, type FlushInput, jobError, jobModule } from './jobs.ts';
import type { TableOutputOptions } from './table-output.ts';
import { levelBytes, type TableMeta } from './version.ts';

/** Times a failed flush is tried again. */
const retriesMax = 2;
/** How long a flush that cannot go on rests before it is tried again. */
const restMs = 1000;

/** Runs flushes. */
export class Flusher {
  readonly counters = { flushes: 0, flushedBytes: 0, flushRetries: 0 };
  busy = false;
  readonly #parts: BackgroundParts;
  readonly #work: Work & { readonly outputs: JobOutputs; readonly space: DiskSpace };
  #job: Job | undefined;
  #attempts = 0;
  #rest: Timer | undefined;

  constructor(parts: BackgroundParts, work: Work & { readonly outputs: JobOutputs; readonly space: DiskSpace }) {
    this.#parts = parts;
    this.#work = work;
  }

  /** Starts the next flush, if there is one to do and nothing speaks against it. */
  pump(): void {
    if (!this.busy && this.#rest === undefined && this.#parts.state.frozenCount > 0) this.#start();
  }

  /** Cancels what runs; it settles soon. */
  stop(): void {
    this.#rest?.cancel();
    this.#job?.cancel();
  }

  #start(): void {
    const { settings, state, snapshots } = this.#parts;
    const slot = state.frozen[state.frozenCount - 1];
    const input: FlushInput = {
      arena: slot.memtable.arena,
      snapshots: snapshots.sequences(),
      output: this.#work.outputs.options({ numbers: 1, expectedEntries: slot.memtable.entries, tableBytes: Number.MAX_SAFE_INTEGER }),
    };
    this.busy = true;
    this.#job = settings.environment.jobs.start(
      { name: 'flush', module: jobModule, exportName: 'flush', run: flush, input, priority: 0 },
      (outcome) => this.#ended(slot, input.output, outcome),
    );
  }

  #ended(slot: MemtableSlot, output: TableOutputOptions, outcome: JobOutcome<readonly TableMeta[]>): void {
    if (outcome.state !== 'done') return this.#failed(output, outcome);
    const flushedSequence = slot.memtable.lastSequence;
    this.#parts.versions.install({
      removed: [],
      added: outcome.output.map((table) => ({ level: 0, table })),
      flushed: slot,
      flushedSequence,
      settled: (error) => {
        if (error === undefined) this.#installed(outcome.output, flushedSequence);
        else this.#failed(output, { state: 'failed', error });
      },
    });
  }

  #installed(tables: readonly TableMeta[], flushedSequence: number): void {
    this.busy = false;
    this.#attempts = 0;
    this.counters.flushes++;
    this.counters.flushedBytes += levelBytes(tables);
    this.#parts.flushed(flushedSequence);
    if (this.#parts.state.frozenCount === 0) this.#work.space.recover();
    this.#work.next();
  }

  #failed(output: TableOutputOptions, outcome: Exclude<JobOutcome<unknown>, { state: 'done' }>): void {
    this.busy = false;
    const { state } = this.#parts;
    // If the store has ended, the manifest may name the outputs.
    if (state.failure === undefined) this.#work.outputs.remove(output);
    if (outcome.state === 'failed' && state.failure === undefined) this.#decide(jobError(outcome.error));
    this.#work.next();
  }

  #decide(error: CoterieError): void {
    const { state, settings } = this.#parts;
    settings.environment.log.error('flush failed', { code: error.code, reason: error.message, attempt: this.#attempts + 1 });
    if (isFinal(error)) return state.fail(endOfWrites('a directory could not be synced', error));
    if (error.code === 'DISK_FULL') return this.#restThenRetry(() => this.#work.space.ranOut(error));
    if (error.details.osCode === 'EMFILE' || error.details.osCode === 'ENFILE')
      return this.#restThenRetry(() => this.#parts.handles.shrink());
    this.counters.flushRetries++;
    if (this.#attempts++ >= retriesMax) state.fail(endOfWrites('a flush failed', error));
  }

  #restThenRetry(first: () => void): void {
    this.#rest = this.#parts.settings.environment.timers.after(restMs, () => {
      this.#rest = undefined;
      this.#work.next();
    });
    first();
  }
}
