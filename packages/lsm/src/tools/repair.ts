/**
 * Makes a damaged store open again, keeping everything that can still be read. What is replaced is moved to `damaged/`,
 * never deleted. The report says what was lost; a repaired store may hold older values where newer ones were damaged.
 *
 * ```
 *  manifest whole   damaged tables are salvaged, block by block, into new tables in the same place
 *  manifest lost    all tables are salvaged and merged by sequence into one run
 *  log damaged      its records up to the damage become a table; the segments are set aside
 * ```
 */
import { dumpLog } from '@coterie/commit-log';
import { CoterieError, type Environment, isCoterieError, joinPath } from '@coterie/env';
import { salvage } from '@coterie/sstable';
import { compact, flush } from '../jobs.ts';
import { Manifest } from '../manifest.ts';
import type { ManifestState } from '../manifest-format.ts';
import { currentName, damagedName, logDirectoryName, parseName, tableName } from '../names.ts';
import { ArenaPool } from '../arena-pool.ts';
import { LiveTables, LiveVersion } from '../live-version.ts';
import { StoreState } from '../store-state.ts';
import { TableOutput, type TableOutputOptions } from '../table-output.ts';
import { emptyVersion, type TableMeta } from '../version.ts';
import { Applier } from '../applier.ts';
import { inSlices, manifestOf, type Offline, offline, openTable, type Problem, problemOf } from './offline.ts';

/** What a repair did. */
export interface RepairReport {
  /** Tables kept or made. */
  readonly kept: number;
  /** Files moved to `damaged/`, and why. */
  readonly setAside: readonly Problem[];
}

const arenaBytes: number = 16 * 2 ** 20;

interface Placed {
  readonly level: number;
  readonly table: TableMeta;
}

/** Repairs the store in `directory`. @throws CoterieError `LOCKED`, `DISK_IO`, `DISK_FULL`, `INVALID_ARGUMENT` where there is no store */
export async function repairStore(directory: string, environment: Environment): Promise<RepairReport> {
  return offline(directory, environment, (store) => new Repair(store).run());
}

class Repair {
  readonly #store: Offline;
  readonly #setAside: Problem[] = [];
  #nextNumber = 1;

  constructor(store: Offline) {
    this.#store = store;
  }

  async run(): Promise<RepairReport> {
    const { files, directory } = this.#store;
    const names = await files.list(directory);
    this.#nextNumber = 1 + Math.max(0, ...names.map((name) => parseName(name)?.number ?? 0));
    const state = await manifestOf(this.#store).catch((error: unknown) => this.#manifestLost(error));
    const tableNumbers = names
      .map(parseName)
      .filter((parsed) => parsed?.kind === 'table')
      .map((parsed) => parsed?.number ?? 0);
    if (state === undefined && tableNumbers.length === 0 && !(await files.exists(joinPath(directory, logDirectoryName)))) {
      throw new CoterieError('INVALID_ARGUMENT', `${directory} holds no store`);
    }
    const placed = state === undefined ? await this.#mergeAll(tableNumbers) : await this.#mendTables(state);
    const logTables = await this.#mendLog(state);
    this.#acceptLosses(state);
    const all = [...placed, ...logTables.map((table) => ({ level: 0, table }))];
    if (this.#setAside.length > 0) this.#writeManifest(all, state);
    return { kept: all.length, setAside: this.#setAside };
  }

  /** The operator has been told: from now on what is left is the answer. */
  #acceptLosses(state: ManifestState | undefined): void {
    for (const { file, offset } of state?.version.losses ?? [])
      this.#setAside.push({
        file: joinPath(this.#store.directory, damagedName, file),
        offset,
        detail: 'what was lost with it before is given up',
      });
  }

  #manifestLost(error: unknown): undefined {
    if (isCoterieError(error, 'UNSUPPORTED_FORMAT')) throw error;
    this.#setAside.push(problemOf(joinPath(this.#store.directory, currentName), error));
  }

  /** Each damaged table is replaced by what is whole in it. */
  async #mendTables(state: ManifestState): Promise<Placed[]> {
    const placed: Placed[] = [];
    for (const [level, metas] of state.version.levels.entries()) {
      for (const meta of metas) {
        const problem = await this.#problemIn(meta.number);
        const tables = problem === undefined ? [meta] : await this.#salvageTable(meta.number, problem);
        placed.push(...tables.map((table) => ({ level, table })));
      }
    }
    return placed;
  }

  async #problemIn(number: number): Promise<Problem | undefined> {
    const path = joinPath(this.#store.directory, tableName(number));
    try {
      const table = await openTable(this.#store, number);
      await inSlices(this.#store, table.verify());
      return undefined;
    } catch (error) {
      return problemOf(path, error);
    }
  }

  async #salvageTable(number: number, problem: Problem): Promise<readonly TableMeta[]> {
    const made = await this.#copyWhole(number).catch((error: unknown) => {
      if (!isCoterieError(error, 'CORRUPTION')) throw error;
      return [];
    });
    await this.#moveAside(tableName(number), problem);
    return made;
  }

  async #copyWhole(number: number): Promise<readonly TableMeta[]> {
    const table = await openTable(this.#store, number);
    const output = new TableOutput(this.#store.environment, this.#output(table.properties.entries), table.rangeDeletes);
    const visiting = salvage(table, {
      entry: (entry) => output.add(entry, true),
      lost: ({ offset, bytes, detail }) => this.#setAside.push({ file: table.path, offset, detail: `${bytes} bytes lost: ${detail}` }),
    });
    await inSlices(this.#store, visiting);
    return output.finish();
  }

  /** Without a manifest nobody knows which table is newer; merging by sequence needs no such knowledge. */
  async #mergeAll(numbers: readonly number[]): Promise<Placed[]> {
    const whole: TableMeta[] = [];
    for (const number of numbers) {
      const problem = (await this.#problemIn(number)) ?? { file: tableName(number), detail: 'merged into the repaired store' };
      whole.push(...(await this.#salvageTable(number, problem)));
    }
    if (whole.length === 0) return [];
    const entries = whole.reduce((sum, table) => sum + table.entries, 0);
    const input = { runs: whole.map((table) => [table]), snapshots: [], lowestRun: false, output: this.#output(entries) };
    const merged = await inSlices(this.#store, compact(this.#store.environment, input));
    for (const { number } of whole) await this.#store.files.remove(joinPath(this.#store.directory, tableName(number)));
    return merged.map((table) => ({ level: 1, table }));
  }

  /** A damaged log, or one whose manifest is lost, becomes tables of level 0. */
  async #mendLog(state: ManifestState | undefined): Promise<readonly TableMeta[]> {
    const { directory, files, environment } = this.#store;
    const path = joinPath(directory, logDirectoryName);
    if (!(await files.exists(path))) return [];
    const live = new LiveVersion(emptyVersion, new LiveTables({ files, log: environment.log, directory }));
    const memory = new StoreState(directory, new ArenaPool(arenaBytes), live);
    const applier = new Applier(memory);
    const { verdict, gap } = await dumpLog(path, files, ({ payload, firstSequence }) => {
      if (firstSequence > (state?.flushedSequence ?? 0)) applier.replay(payload, 0, payload.length, firstSequence);
    });
    if (verdict !== 'corrupt' && state !== undefined) return [];
    const tables = await this.#flushAll(memory);
    const why = gap === undefined ? 'its records are in a table now' : `${gap.what}; ${gap.bytes} bytes behind it are not taken over`;
    for (const name of await files.list(path))
      await this.#moveAside(`${logDirectoryName}/${name}`, { file: joinPath(path, name), detail: why });
    return tables;
  }

  async #flushAll(memory: StoreState): Promise<TableMeta[]> {
    const made: TableMeta[] = [];
    memory.freeze(0);
    for (const { memtable } of memory.frozen.toReversed()) {
      const input = { arena: memtable.arena, snapshots: [], output: this.#output(memtable.entries) };
      made.push(...(await inSlices(this.#store, flush(this.#store.environment, input))));
    }
    return made;
  }

  #output(expectedEntries: number): TableOutputOptions {
    const firstNumber = this.#nextNumber;
    const numbers = 1;
    this.#nextNumber += numbers;
    const { directory } = this.#store;
    const shape = { blockBytes: 4096, filterBitsPerKey: 10, compression: 'none', tableBytes: Number.MAX_SAFE_INTEGER } as const;
    return { directory, firstNumber, numbers, expectedEntries: Math.max(1, expectedEntries), ...shape };
  }

  async #moveAside(name: string, problem: Problem): Promise<void> {
    const { files, directory } = this.#store;
    const aside = joinPath(directory, damagedName);
    await files.makeDirectory(aside);
    if (await files.exists(joinPath(directory, name)))
      await files.rename(joinPath(directory, name), joinPath(aside, name.replaceAll('/', '-')));
    this.#setAside.push(problem);
  }

  #writeManifest(placed: readonly Placed[], state: ManifestState | undefined): void {
    const { files, directory } = this.#store;
    const number = this.#nextNumber++;
    const largest = Math.max(0, ...placed.map(({ table }) => table.largestSequence));
    const logIsGone = files.listSync(joinPath(directory, logDirectoryName)).length === 0;
    const flushedSequence = logIsGone ? Math.max(largest, state?.flushedSequence ?? 0) : (state?.flushedSequence ?? 0);
    Manifest.create(files, directory, { number, removed: [], added: placed, flushedSequence, nextFileNumber: this.#nextNumber }).close();
  }
}
