/**
 * An embedded ordered key-value store written for Node.js. See the README for an example.
 */
import type { Environment } from '@coterie/env';
import { createNodeEnvironment } from '@coterie/env-node';
import { checkOptions, type StoreOptions } from './options.ts';
import { recover } from './recovery.ts';
import { Store } from './store.ts';

export type { Batch, WriteOptions } from './batch.ts';
export type { Loss } from './losses.ts';
export type { Durability, StoreOptions } from './options.ts';
export type { Entry, RangeOptions, RawScanCallback, ScanCallback } from './scanner.ts';
export type { Scrubbed } from './scrubber.ts';
export type { Snapshot } from './snapshot.ts';
export type { Store, StoreStatistics } from './store.ts';
export { dumpStore } from './tools/dump.ts';
export type { Problem } from './tools/offline.ts';
export { repairStore } from './tools/repair.ts';
export type { RepairReport } from './tools/repair.ts';
export { verifyStore } from './tools/verify.ts';
export type { VerifyReport } from './tools/verify.ts';

let shared: Environment | undefined;

/**
 * Opens the store in `directory`, making it if it is not there. One process at a time.
 * @throws CoterieError `INVALID_ARGUMENT`, `LOCKED`, `CORRUPTION` (with file and offset), `UNSUPPORTED_FORMAT`, `DISK_IO`, `DISK_FULL`
 */
export async function openStore(directory: string, options: StoreOptions = {}): Promise<Store> {
  const environment = options.environment ?? (shared ??= createNodeEnvironment());
  const settings = checkOptions(options, environment);
  return new Store(directory, settings, await recover(directory, settings));
}
