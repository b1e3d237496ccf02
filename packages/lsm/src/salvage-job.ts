/**
 * Copies what is whole in a damaged table into a new one, and says which stretches of keys are not. Runs as a job.
 *
 * A block that cannot be read may have held anything between the keys before and after it. Of a table that does not
 * even open, all that the manifest says it held is lost.
 */
import { type CoterieError, isCoterieError, type JobEnvironment } from '@coterie/env';
import { BlockCache, HandleCache, salvage, type Table } from '@coterie/sstable';
import type { Loss } from './losses.ts';
import { tableName, tablePath } from './names.ts';
import { openStubbornly } from './open-table.ts';
import { TableOutput, type TableOutputOptions } from './table-output.ts';
import type { TableMeta } from './version.ts';

/** What a salvage works on. */
export interface SalvageInput {
  readonly meta: TableMeta;
  readonly output: TableOutputOptions;
}

/** What became of a damaged table. */
export interface Salvaged {
  readonly tables: readonly TableMeta[];
  readonly losses: readonly Loss[];
}

/** Salvages one table. @throws CoterieError `DISK_IO`, `DISK_FULL` */
export function* salvageTable(environment: JobEnvironment, { meta, output }: SalvageInput): Generator<void, Salvaged, void> {
  const handles = new HandleCache(environment.files, { maxOpen: 2 });
  try {
    const blocks = new BlockCache({ bytes: 0, slotBytes: output.blockBytes });
    const table = yield* openStubbornly({ handles, blocks }, tablePath(output.directory, meta.number));
    return yield* copyWhole(environment, table, { meta, output });
  } catch (error) {
    if (!isLost(error)) throw error;
    return { tables: [], losses: [wholeLoss(meta, error)] };
  } finally {
    handles.close();
  }
}

/** Whether a table that fails to open with this error is beyond reading: damaged, or not there. */
export function isLost(error: unknown): error is CoterieError {
  return isCoterieError(error, 'CORRUPTION') || (isCoterieError(error) && error.details.osCode === 'ENOENT');
}

/** All that the manifest says a table held. */
export function wholeLoss(meta: TableMeta, { details }: CoterieError): Loss {
  const { lower, upper, upperExclusive, largestSequence } = meta;
  return { lower, upper, upperExclusive, sequence: largestSequence, file: tableName(meta.number), offset: details.offset ?? 0 };
}

function* copyWhole(environment: JobEnvironment, table: Table, { meta, output }: SalvageInput): Generator<void, Salvaged, void> {
  const into = new TableOutput(environment, output, table.rangeDeletes);
  const tally = new LossTally(meta, table.index.anyContinued);
  try {
    yield* salvage(table, {
      entry: (entry) => {
        tally.entry(entry.keyBytes);
        into.add(entry, true);
      },
      lost: ({ offset }) => tally.lost(offset),
    });
    return { tables: into.finish(), losses: tally.finish() };
  } finally {
    into.close();
  }
}

/** Turns blocks that are lost into stretches between the keys around them. */
class LossTally {
  readonly #meta: TableMeta;
  readonly #continued: boolean;
  readonly #losses: Loss[] = [];
  #last: Uint8Array | undefined;
  #lostAt: number | undefined;

  /** `continued`: versions of one key may lie in several blocks. */
  constructor(meta: TableMeta, continued: boolean) {
    this.#meta = meta;
    this.#continued = continued;
  }

  entry(key: Uint8Array): void {
    // The next whole key may have had newer versions in the lost block, if versions run over blocks.
    if (this.#lostAt !== undefined) this.#close({ upper: key, upperExclusive: !this.#continued });
    this.#last = key;
  }

  lost(offset: number): void {
    this.#lostAt ??= offset;
  }

  finish(): readonly Loss[] {
    if (this.#lostAt !== undefined) this.#close(this.#meta);
    return this.#losses;
  }

  #close({ upper, upperExclusive }: Pick<TableMeta, 'upper' | 'upperExclusive'>): void {
    const { lower, largestSequence, number } = this.#meta;
    // Of the key before the block the newest version is whole.
    const after = this.#last === undefined ? lower : keyAfter(this.#last);
    this.#losses.push({
      lower: after,
      upper,
      upperExclusive,
      sequence: largestSequence,
      file: tableName(number),
      offset: this.#lostAt ?? 0,
    });
    this.#lostAt = undefined;
  }
}

function keyAfter(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
