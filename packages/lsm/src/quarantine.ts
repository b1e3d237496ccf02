/**
 * Sets damaged tables aside while the store goes on. What is whole in such a table is copied into a new one in the same
 * place, what is not becomes a loss, and both by one edit of the manifest. The damaged file is kept for the operator.
 *
 * ```
 *   read, compaction or scrub meets damage ──▶ noted ──▶ job: copy what is whole ──▶ link into damaged/ ──▶ edit ──▶ done
 *                                                │           └ failed: rests, and tries again
 *                                                └ until then nothing is merged with the table, and its whole blocks are read
 * ```
 */
import { type CoterieError, isCoterieError, type Files, type JobOutcome, joinPath, type Timer } from '@coterie/env';
import type { BackgroundParts, Work } from './background-parts.ts';
import type { JobOutputs } from './job-outputs.ts';
import { jobError, jobModule } from './jobs.ts';
import { withLosses } from './losses.ts';
import { damagedName, tableName, tablePath } from './names.ts';
import { type Salvaged, salvageTable } from './salvage-job.ts';
import type { TableOutputOptions } from './table-output.ts';
import type { TableMeta } from './version.ts';

/** How long a failed copy rests. */
const restMs = 60_000;

/** A damaged table, and where it stands. */
interface Patient {
  readonly meta: TableMeta;
  readonly level: number;
}

/** Mends one table after the other. */
export class Quarantine {
  readonly counters = { tablesSetAside: 0 };
  /** Tables known to be damaged and not set aside yet: nothing is merged with them. */
  readonly tables: Set<number> = new Set();
  /** What was met last. */
  damage: CoterieError | undefined;
  busy = false;
  readonly #parts: BackgroundParts;
  readonly #work: Work & { readonly outputs: JobOutputs };
  #rest: Timer | undefined;

  constructor(parts: BackgroundParts, work: Work & { readonly outputs: JobOutputs }) {
    this.#parts = parts;
    this.#work = work;
  }

  /** Whether nothing can be done about what is damaged for now. */
  get isStuck(): boolean {
    return this.tables.size > 0 && !this.busy && this.#rest !== undefined;
  }

  /** Notes that a table is damaged; reads of its whole blocks go on. Whether that was news. */
  note(error: CoterieError): boolean {
    const { file, offset } = error.details;
    const damaged = this.#parts.state.live.version.levels.flat().find(({ number }) => file === tablePath(this.#parts.directory, number));
    if (damaged === undefined || this.tables.has(damaged.number)) return false;
    this.tables.add(damaged.number);
    this.damage = error;
    this.#parts.settings.environment.log.error('table quarantined', { file: String(file), offset: offset ?? 0, reason: error.message });
    return true;
  }

  /** Begins with the next table. A compaction that reads it must have ended. */
  pump(): void {
    const { state } = this.#parts;
    if (this.busy || this.#rest !== undefined || state.diskFull !== undefined) return;
    const [number] = this.tables;
    if (number === undefined) return;
    const patient = this.#find(number);
    if (patient === undefined) this.tables.delete(number);
    else this.#start(patient);
  }

  stop(): void {
    this.#rest?.cancel();
  }

  #find(number: number): Patient | undefined {
    for (const [level, metas] of this.#parts.state.live.version.levels.entries()) {
      const meta = metas.find((one) => one.number === number);
      if (meta !== undefined) return { meta, level };
    }
    return undefined;
  }

  #start(patient: Patient): void {
    const { settings, state } = this.#parts;
    const { meta } = patient;
    const output = this.#work.outputs.options({
      numbers: 1,
      expectedEntries: Math.max(1, meta.entries),
      tableBytes: Number.MAX_SAFE_INTEGER,
    });
    const held = state.live.retain();
    this.busy = true;
    settings.environment.jobs.start(
      { name: 'salvage', module: jobModule, exportName: 'salvageTable', run: salvageTable, input: { meta, output }, priority: 1 },
      (outcome) => {
        void this.#ended(patient, output, outcome).finally(() => held.release());
      },
    );
  }

  async #ended(patient: Patient, output: TableOutputOptions, outcome: JobOutcome<Salvaged>): Promise<void> {
    if (outcome.state === 'done') {
      try {
        await setAside(this.#parts.settings.environment.files, this.#parts.directory, patient.meta.number);
        return this.#install(patient, output, outcome.output);
      } catch (error) {
        return this.#failed(output, jobError(error as Error));
      }
    }
    this.#failed(output, outcome.state === 'failed' ? jobError(outcome.error) : undefined);
  }

  #install({ meta, level }: Patient, output: TableOutputOptions, { tables, losses }: Salvaged): void {
    this.#parts.versions.install({
      removed: [meta.number],
      added: tables.map((table) => ({ level, table })),
      losses: (known) => withLosses(known, losses),
      settled: (error) => {
        if (error !== undefined) return this.#failed(output, error);
        this.busy = false;
        this.tables.delete(meta.number);
        this.counters.tablesSetAside++;
        this.#parts.settings.environment.log.error('a damaged table was set aside', {
          file: joinPath(this.#parts.directory, damagedName, tableName(meta.number)),
          entriesKept: tables.reduce((sum, table) => sum + table.entries, 0),
          entriesBefore: meta.entries,
          stretchesLost: losses.length,
        });
        this.#work.next();
      },
    });
  }

  #failed(output: TableOutputOptions, error: CoterieError | undefined): void {
    const { settings, state } = this.#parts;
    this.busy = false;
    // If the store has ended, the manifest may name the output.
    if (state.failure === undefined) this.#work.outputs.remove(output);
    if (error !== undefined) {
      settings.environment.log.error('a damaged table could not be set aside yet', { reason: error.message });
      this.#rest = settings.environment.timers.after(restMs, () => {
        this.#rest = undefined;
        this.#work.next();
      });
    }
    this.#work.next();
  }
}

/** Gives a table a second name in `damaged/`, durably. One that is not there has nothing to keep. */
export async function setAside(files: Files, directory: string, number: number): Promise<void> {
  const aside = joinPath(directory, damagedName);
  await files.makeDirectory(aside);
  try {
    await files.link(tablePath(directory, number), joinPath(aside, tableName(number)));
  } catch (error) {
    const { osCode } = isCoterieError(error) ? error.details : {};
    if (osCode !== 'EEXIST' && osCode !== 'ENOENT') throw error;
  }
  await files.syncDirectory(aside);
}
