/**
 * A checkpoint: another directory that holds the store as it was, cheaply. Tables never change, so they are hard links;
 * a manifest of its own names them. It carries no log, because the store flushes first, and no lock.
 */
import { CoterieError, type Files } from '@coterie/env';
import { Manifest } from './manifest.ts';
import { tablePath } from './names.ts';
import { tablesOf, type Version, wholeOf } from './version.ts';

/** What to write where. */
export interface CheckpointRequest {
  readonly from: string;
  readonly to: string;
  readonly version: Version;
  readonly flushedSequence: number;
}

/** Writes a checkpoint; durable when it resolves. @throws CoterieError `INVALID_ARGUMENT` if `to` holds anything */
export async function writeCheckpoint(files: Files, request: CheckpointRequest): Promise<void> {
  const { from, to, version, flushedSequence } = request;
  await files.makeDirectory(to);
  if ((await files.list(to)).length > 0) throw new CoterieError('INVALID_ARGUMENT', `a checkpoint needs an empty directory: ${to} is not`);
  for (const table of tablesOf(version)) await files.link(tablePath(from, table.number), tablePath(to, table.number));
  await files.syncDirectory(to);
  const number = 1 + Math.max(0, ...tablesOf(version).map((table) => table.number));
  Manifest.create(files, to, { number, ...wholeOf(version), flushedSequence, nextFileNumber: number + 1 }).close();
}
