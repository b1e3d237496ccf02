/**
 * A store on disk that nobody has open, for tools: locked while they look, changed only by repair.
 */
import type { Environment, Files } from '@coterie/env';
import { BlockCache, HandleCache, Table, type TableContext } from '@coterie/sstable';
import { type ManifestState, readCurrent, readManifest } from '../manifest-format.ts';
import { tablePath } from '../names.ts';
import { joinPath } from '@coterie/env';

/** Something wrong in a store. */
export interface Problem {
  readonly file: string;
  readonly offset?: number;
  readonly detail: string;
}

/** What a tool works with. */
export interface Offline {
  readonly directory: string;
  readonly environment: Environment;
  readonly files: Files;
  readonly context: TableContext;
}

/** Runs `work` while the store's lock is held. @throws CoterieError `LOCKED`, and what `work` throws */
export async function offline<Result>(
  directory: string,
  environment: Environment,
  work: (store: Offline) => Promise<Result>,
): Promise<Result> {
  const { files } = environment;
  const lock = await files.lock(directory);
  const handles = new HandleCache(files, { maxOpen: 16 });
  const blocks = new BlockCache({ bytes: 0, slotBytes: 4096 });
  try {
    return await work({ directory, environment, files, context: { handles, blocks } });
  } finally {
    handles.close();
    await lock.release();
  }
}

/** The manifest in force; `undefined` where there is no store. @throws CoterieError `CORRUPTION`, `UNSUPPORTED_FORMAT`, `DISK_IO` */
export async function manifestOf({ files, directory }: Offline): Promise<ManifestState | undefined> {
  const current = await readCurrent(files, directory);
  return current === undefined ? undefined : readManifest(files, joinPath(directory, current));
}

/** Opens table `number`. @throws CoterieError `CORRUPTION`, `UNSUPPORTED_FORMAT`, `DISK_IO` */
export function openTable({ context, directory }: Offline, number: number): Promise<Table> {
  return Table.open(context, tablePath(directory, number));
}

/** Runs a check in slices; other work of the process gets its turns in between. */
export async function inSlices<Result>({ environment }: Offline, check: Generator<void, Result>): Promise<Result> {
  for (;;) {
    const step = check.next();
    if (step.done === true) return step.value;
    await environment.timers.turn();
  }
}

/** An error as a problem of `file`. */
export function problemOf(file: string, error: unknown): Problem {
  const details = (error as { details?: { file?: string; offset?: number } }).details;
  const offset = details?.offset === undefined ? {} : { offset: details.offset };
  return { file: details?.file ?? file, ...offset, detail: error instanceof Error ? error.message : String(error) };
}
