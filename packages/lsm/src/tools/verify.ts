/**
 * Checks a store on disk: manifest, every block of every table against checksums, order, filters and counts, the manifest
 * against the tables, and every record of the log. Changes nothing.
 */
import { dumpLog } from '@coterie/commit-log';
import { type Environment, joinPath } from '@coterie/env';
import { lossError } from '../losses.ts';
import { damagedName, logDirectoryName, tablePath } from '../names.ts';
import { tablesOf, type TableMeta } from '../version.ts';
import { inSlices, manifestOf, type Offline, offline, openTable, type Problem, problemOf } from './offline.ts';

/** What a check found. */
export interface VerifyReport {
  readonly files: number;
  /** Entries in tables and operations in the log, all versions counted. */
  readonly entries: number;
  readonly bytes: number;
  /** Empty when all is well. */
  readonly problems: readonly Problem[];
}

/** Checks the store in `directory`. @throws CoterieError `LOCKED`, `DISK_IO`; what is wrong with the store is in the report */
export async function verifyStore(directory: string, environment: Environment): Promise<VerifyReport> {
  return offline(directory, environment, async (store) => {
    const tally = new Tally();
    const state = await manifestOf(store).catch((error: unknown) => tally.problem(joinPath(directory, 'CURRENT'), error));
    for (const meta of state === undefined ? [] : tablesOf(state.version)) await verifyTable(store, meta, tally);
    await verifyLog(store, tally);
    for (const loss of state?.version.losses ?? []) tally.problem(joinPath(directory, damagedName, loss.file), lossError(loss, directory));
    return tally;
  });
}

class Tally implements VerifyReport {
  files = 1;
  entries = 0;
  bytes = 0;
  readonly problems: Problem[] = [];

  problem(file: string, error: unknown): undefined {
    this.problems.push(problemOf(file, error));
  }
}

async function verifyTable(store: Offline, meta: TableMeta, tally: Tally): Promise<void> {
  const path = tablePath(store.directory, meta.number);
  tally.files++;
  try {
    const table = await openTable(store, meta.number);
    const { bytes } = await inSlices(store, table.verify());
    tally.bytes += bytes;
    tally.entries += table.properties.entries;
    if (table.properties.entries !== meta.entries || table.properties.fileBytes !== meta.fileBytes) {
      tally.problem(path, new Error('the manifest describes another table'));
    }
    table.close();
  } catch (error) {
    tally.problem(path, error);
  }
}

async function verifyLog({ directory, files }: Offline, tally: Tally): Promise<void> {
  const path = joinPath(directory, logDirectoryName);
  try {
    const { verdict, segments, gap } = await dumpLog(path, files, (record) => {
      tally.entries += record.sequences;
      tally.bytes += record.payload.length;
    });
    tally.files += segments.length;
    if (verdict === 'corrupt') tally.problems.push({ file: gap?.file ?? path, offset: gap?.offset ?? 0, detail: gap?.what ?? 'damaged' });
  } catch (error) {
    tally.problem(path, error);
  }
}
