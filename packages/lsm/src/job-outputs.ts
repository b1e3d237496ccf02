/** The files that a job may write: numbers that nobody else gets, and their removal when the job failed. */
import type { Settings } from './options.ts';
import type { LiveTables } from './live-version.ts';
import { parseName } from './names.ts';
import type { TableOutputOptions } from './table-output.ts';
import type { VersionSet } from './version-set.ts';

/** What outputs are made with. */
export interface JobOutputsParts {
  readonly directory: string;
  readonly settings: Settings;
  readonly versions: VersionSet;
  readonly tables: LiveTables;
}

/** Outputs of one store's jobs. */
export class JobOutputs {
  readonly #parts: JobOutputsParts;

  constructor(parts: JobOutputsParts) {
    this.#parts = parts;
  }

  /** Options of a job that writes at most `numbers` tables. */
  options(job: Pick<TableOutputOptions, 'numbers' | 'expectedEntries' | 'tableBytes'>): TableOutputOptions {
    const { directory, settings, versions } = this.#parts;
    const { blockBytes, filterBitsPerKey, compression } = settings;
    return { ...job, firstNumber: versions.reserveFileNumbers(job.numbers), directory, blockBytes, filterBitsPerKey, compression };
  }

  /** Removes, off the main thread, what a failed job wrote: no manifest names it. What stays is an orphan for the next open. */
  remove({ firstNumber, numbers, directory }: TableOutputOptions): void {
    const { settings, tables } = this.#parts;
    const removing = settings.environment.files.list(directory).then(
      (names) => {
        for (const name of names) {
          const parsed = parseName(name);
          const written = parsed?.kind === 'table' && parsed.number >= firstNumber && parsed.number < firstNumber + numbers;
          if (written) tables.remove(parsed.number);
        }
      },
      (error: unknown) => settings.environment.log.warn('outputs of a failed job not removed', { reason: String(error) }),
    );
    tables.awaitRemoval(removing);
  }
}
