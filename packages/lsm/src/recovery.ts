/**
 * Opening a store: lock, manifest, tables, log. What was acknowledged durable before a crash is there afterwards, and
 * what is there is a prefix of what was written.
 *
 * ```
 *  lock ─▶ CURRENT ─▶ manifest ─▶ open tables ─▶ new manifest ─▶ remove orphans ─▶ replay the log into memtables
 * ```
 * Orphans are tables that no manifest names (a job died) and manifests that `CURRENT` does not name. They, and log segments
 * whose records are in tables, go only after the new manifest is durable: what the old one said last may have been read
 * from memory that the disk has not seen, if a process was killed. One that cannot be removed is left for another time.
 */
import { CommitLog } from '@coterie/commit-log';
import { CoterieError, type DirectoryLock, type Files, isCoterieError, joinPath } from '@coterie/env';
import { BlockCache, HandleCache, type TableContext } from '@coterie/sstable';
import { ArenaPool } from './arena-pool.ts';
import { LiveTables, LiveVersion } from './live-version.ts';
import { Manifest } from './manifest.ts';
import { type ManifestState, readCurrent, readManifest } from './manifest-format.ts';
import { logDirectoryName, parseName, reserveName, tablePath } from './names.ts';
import { openStubbornlyAsync } from './open-table.ts';
import type { Settings } from './options.ts';
import { StoreState } from './store-state.ts';
import { type Loss, withLosses } from './losses.ts';
import { setAside } from './quarantine.ts';
import { isLost, wholeLoss } from './salvage-job.ts';
import { applyEdit, emptyVersion, tablesOf, wholeOf } from './version.ts';
import { VersionSet } from './version-set.ts';
import { Applier } from './applier.ts';

/** Everything that recovery opened. */
export interface Recovered {
  readonly lock: DirectoryLock;
  readonly state: StoreState;
  readonly tables: LiveTables;
  readonly versions: VersionSet;
  readonly manifest: Manifest;
  readonly log: CommitLog;
  readonly handles: HandleCache;
  readonly blocks: BlockCache;
}

/** Opens or creates the store in `directory`. @throws CoterieError `LOCKED`, `CORRUPTION`, `UNSUPPORTED_FORMAT`, `DISK_IO`, `DISK_FULL` */
export async function recover(directory: string, settings: Settings): Promise<Recovered> {
  const { files } = settings.environment;
  await files.makeDirectory(directory);
  const lock = await files.lock(directory);
  const opened: { close(): void }[] = [];
  try {
    return await recoverOrMakeSpace(directory, settings, { lock, opened });
  } catch (error) {
    for (const one of opened) one.close();
    await lock.release();
    throw error;
  }
}

/** On a full disk the reserve of the store's last life goes to opening it. */
async function recoverOrMakeSpace(directory: string, settings: Settings, opening: Opening): Promise<Recovered> {
  const { files, log } = settings.environment;
  const reserve = joinPath(directory, reserveName);
  try {
    return await recoverLocked(directory, settings, opening);
  } catch (error) {
    if (!isCoterieError(error, 'DISK_FULL') || !(await files.exists(reserve))) throw error;
    for (const one of opening.opened.splice(0)) one.close();
    log.warn('disk full: the reserve is given up to open the store', { directory });
    await files.remove(reserve);
    return recoverLocked(directory, settings, opening);
  }
}

interface Opening {
  readonly lock: DirectoryLock;
  /** What has to be closed if a later step fails. */
  readonly opened: { close(): void }[];
}

async function recoverLocked(directory: string, settings: Settings, { lock, opened }: Opening): Promise<Recovered> {
  const { files, log: journal } = settings.environment;
  const read = await readState(files, directory);
  if (read !== undefined && read.tornBytes > 0) journal.warn('manifest: a torn last edit was cut', { bytes: read.tornBytes });
  const handles = new HandleCache(files, { maxOpen: settings.tableHandles });
  opened.push(handles);
  const blocks = new BlockCache({ bytes: blockBudget(settings), slotBytes: settings.blockBytes });
  const tables = new LiveTables({ files, log: journal, directory });
  const found = read && (await openTables(settings, directory, { found: read, tables, context: { handles, blocks } }));
  const number = freeNumber(await files.list(directory), found);
  const manifest = startManifest(files, directory, { found, number });
  opened.push(manifest);
  await removeOrphans(settings, directory, { found, number });
  const live = new LiveVersion(found?.version ?? emptyVersion, tables);
  const state = new StoreState(directory, new ArenaPool(settings.writeBufferBytes), live);
  const versions = new VersionSet({
    files,
    directory,
    manifest,
    tables,
    tableContext: { handles, blocks },
    state,
    nextFileNumber: number + 1,
    flushedSequence: found?.flushedSequence ?? 0,
  });
  const log = await openLog(directory, settings, { state, flushedSequence: versions.flushedSequence });
  log.onFailed = (failure) => state.fail(failure);
  return { lock, state, tables, versions, manifest, log, handles, blocks };
}

async function readState(files: Files, directory: string): Promise<ManifestState | undefined> {
  const current = await readCurrent(files, directory);
  if (current !== undefined) {
    const path = joinPath(directory, current);
    if (await files.exists(path)) return readManifest(files, path);
    throw new CoterieError('CORRUPTION', `CURRENT names ${current}, which is not there`, { details: { file: path, offset: 0 } });
  }
  const names = await files.list(directory);
  if (names.some((name) => parseName(name)?.kind === 'table')) {
    throw new CoterieError('CORRUPTION', `${directory} holds tables and no CURRENT; 'repair' can rebuild it`, {
      details: { file: joinPath(directory, 'CURRENT'), offset: 0 },
    });
  }
  return undefined;
}

/** What a store is opened from, and the number of its new manifest. */
interface Beginning {
  readonly found: ManifestState | undefined;
  readonly number: number;
}

/** A number above every one that is or was in use, orphans included: one of them may be there to stay. */
function freeNumber(names: readonly string[], found: ManifestState | undefined): number {
  return Math.max(found?.nextFileNumber ?? 1, ...names.map((name) => (parseName(name)?.number ?? 0) + 1));
}

async function removeOrphans({ environment }: Settings, directory: string, { found, number }: Beginning): Promise<void> {
  const { files, log } = environment;
  const wanted = new Set(tablesOf(found?.version ?? emptyVersion).map((table) => table.number));
  for (const name of await files.list(directory)) {
    const parsed = parseName(name);
    const orphan = parsed?.kind === 'table' ? !wanted.has(parsed.number) : parsed?.kind === 'manifest' && parsed.number !== number;
    if (!orphan) continue;
    await files
      .remove(joinPath(directory, name))
      .catch((error: unknown) => log.warn('orphan not removed', { name, reason: String(error) }));
  }
}

/** Opens what can be opened. Tables that are damaged beyond that, or not there, are set aside: the rest of the store goes on. */
async function openTables(
  { environment }: Settings,
  directory: string,
  from: { found: ManifestState; tables: LiveTables; context: TableContext },
): Promise<ManifestState> {
  const { files, log } = environment;
  const lost: Loss[] = [];
  const removed: number[] = [];
  for (const meta of tablesOf(from.found.version)) {
    const file = tablePath(directory, meta.number);
    try {
      from.tables.add(meta, await openStubbornlyAsync(from.context, file));
    } catch (error) {
      if (!isLost(error)) throw error;
      log.error('a damaged table was set aside', { file, reason: error.message, entriesKept: 0, entriesBefore: meta.entries });
      // Before a manifest is written that does not name it: then it would be an orphan.
      await setAside(files, directory, meta.number);
      lost.push(wholeLoss(meta, error));
      removed.push(meta.number);
    }
  }
  if (lost.length === 0) return from.found;
  const { version, nextFileNumber } = from.found;
  const edit = { removed, added: [], nextFileNumber, losses: withLosses(version.losses, lost) };
  return { ...from.found, version: applyEdit(version, edit) };
}

/** A new manifest at each open keeps it short. */
function startManifest(files: Files, directory: string, { found, number }: Beginning): Manifest {
  return Manifest.create(files, directory, {
    number,
    ...wholeOf(found?.version ?? emptyVersion),
    flushedSequence: found?.flushedSequence ?? 0,
    nextFileNumber: number + 1,
  });
}

/** Replays records above `flushedSequence`. Memtables may freeze beyond the usual two: they are flushed first thing. */
function openLog(directory: string, settings: Settings, from: { state: StoreState; flushedSequence: number }): Promise<CommitLog> {
  const { state, flushedSequence } = from;
  const applier = new Applier(state);
  const options = { environment: settings.environment, startAfter: flushedSequence, segmentBytes: settings.logSegmentBytes, lock: false };
  return CommitLog.open(joinPath(directory, logDirectoryName), options, (bytes, start, end, firstSequence) =>
    applier.replay(bytes, start, end, firstSequence),
  );
}

/** What is left of the budget for blocks once four arenas are counted, but a quarter of it at least. */
function blockBudget(settings: Settings): number {
  return Math.max(settings.blockBytes, Math.ceil(settings.cacheBytes / 4), settings.cacheBytes - 4 * settings.writeBufferBytes);
}
