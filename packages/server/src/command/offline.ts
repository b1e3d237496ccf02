/**
 * `coterie verify | repair | dump DIR`: a store on disk, with no server running on it. The work is the storage engine's;
 * this file names what it needs of it and shows what came back.
 */
import { type Environment, isCoterieError } from '@coterie/env';
import { createNodeEnvironment } from '@coterie/env-node';
import { CommandFailure } from './failure.ts';
import { print, printJson } from './table.ts';

/** What the storage engine offers on a store that nobody has open. */
export interface OfflineStore {
  verify(directory: string, environment: Environment): Promise<VerifyReport>;
  repair(directory: string, environment: Environment): Promise<RepairReport>;
  /** Calls `entry` for each live entry in key order. */
  dump(directory: string, environment: Environment, entry: (key: Uint8Array, value: Uint8Array) => void): Promise<void>;
}

/** What a check of all files found. */
export interface VerifyReport {
  readonly files: number;
  readonly entries: number;
  /** Empty when all is well. */
  readonly problems: readonly { readonly file: string; readonly offset?: number; readonly detail: string }[];
}

/** What a repair did. */
export interface RepairReport {
  readonly kept: number;
  /** Files set aside, and why. */
  readonly setAside: readonly { readonly file: string; readonly detail: string }[];
}

/** `coterie verify DIR` */
export async function verify(directory: string, flags: { readonly json?: boolean }): Promise<void> {
  const report = await attempt('verify', directory, async (store, environment) => store.verify(directory, environment));
  if (flags.json === true) printJson(report);
  else print(`${report.files} files, ${report.entries} entries read in ${directory}`);
  if (report.problems.length === 0) return;
  const lines = report.problems.map(({ file, offset, detail }) => `  ${file}${offset === undefined ? '' : ` at byte ${offset}`}: ${detail}`);
  throw new CommandFailure([`${report.problems.length} problems in ${directory}:`, ...lines].join('\n'), `coterie repair ${directory}   after copying it`);
}

/** `coterie repair DIR` */
export async function repair(directory: string, flags: { readonly json?: boolean }): Promise<void> {
  const report = await attempt('repair', directory, async (store, environment) => store.repair(directory, environment));
  if (flags.json === true) printJson(report);
  else print(`kept ${report.kept} files`, ...report.setAside.map(({ file, detail }) => `set aside ${file}: ${detail}`));
}

/** `coterie dump DIR`: one JSON object a line, keys and values in base64 as the store holds them. */
export async function dump(directory: string): Promise<void> {
  await attempt('dump', directory, async (store, environment) =>
    store.dump(directory, environment, (key, value) => {
      process.stdout.write(`${JSON.stringify({ key: Buffer.from(key).toString('base64'), value: Buffer.from(value).toString('base64') })}\n`);
    }),
  );
}

async function attempt<Result>(verb: string, directory: string, run: (store: OfflineStore, environment: Environment) => Promise<Result>): Promise<Result> {
  const store = await offlineStore();
  try {
    return await run(store, createNodeEnvironment());
  } catch (error) {
    if (!isCoterieError(error)) throw error;
    const next = error.code === 'LOCKED' ? 'stop the server first' : undefined;
    throw new CommandFailure(`${verb} ${directory}: ${error.code}: ${error.message}`, next);
  }
}

/** The storage engine's functions, when this build has them. */
async function offlineStore(): Promise<OfflineStore> {
  throw new CommandFailure('this build of the storage engine has no offline check yet');
}
