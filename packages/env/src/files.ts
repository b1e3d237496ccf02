/**
 * Files and directories. Every operation has an async and a sync form with the same meaning. Paths use `/`.
 *
 * What survives a crash (the simulated disk holds every caller to it):
 * - bytes written to a file survive once `sync` of a handle on that file resolved;
 * - a name created, renamed, linked or removed survives once `syncDirectory` of its directory resolved;
 * - anything else may survive, be lost, or (written bytes) be torn.
 *
 * Failures are `CoterieError`s: `DISK_FULL` when space or quota ran out, else `DISK_IO`, with `details.file` and
 * `details.osCode` (`ENOENT EEXIST EMFILE EROFS EIO ...`). After a failed `sync`, what was written may be lost.
 */
import { isCoterieError } from './errors.ts';

/** `read`: existing, read only. `update`: existing, read and write. `create`: new (fails if it exists), read and write. */
export type OpenMode = 'read' | 'update' | 'create';

/** An open file. Positions are absolute; there is no cursor. */
export interface FileHandle {
  readonly path: string;
  /** Fills `into[start, end)` from `position`; returns the bytes read, fewer only at the end of the file. */
  read(into: Uint8Array, start: number, end: number, position: number): Promise<number>;
  readSync(into: Uint8Array, start: number, end: number, position: number): number;
  /** Writes all of `bytes[start, end)` at `position`, extending the file where needed. On failure a part may be written. */
  write(bytes: Uint8Array, start: number, end: number, position: number): Promise<void>;
  writeSync(bytes: Uint8Array, start: number, end: number, position: number): void;
  /** Makes everything written so far through any handle of this file survive a crash (`fdatasync`). */
  sync(): Promise<void>;
  syncSync(): void;
  /** Length in bytes. */
  size(): Promise<number>;
  sizeSync(): number;
  /** Sets the length: cuts, or extends with zeros. */
  truncate(size: number): Promise<void>;
  truncateSync(size: number): void;
  close(): Promise<void>;
  closeSync(): void;
}

/** What identifies a file itself, whatever its name. */
export interface FileIdentity {
  readonly device: number;
  readonly inode: number;
}

/** A held directory lock. */
export interface DirectoryLock {
  /** Gives the lock up and removes its file. */
  release(): Promise<void>;
  releaseSync(): void;
}

/** A file system. */
export interface Files {
  /** @throws CoterieError `DISK_IO` (`ENOENT`, `EEXIST`, `EMFILE`, ...) */
  open(path: string, mode: OpenMode): Promise<FileHandle>;
  openSync(path: string, mode: OpenMode): FileHandle;
  /** Whether a file or directory of that name exists. */
  exists(path: string): Promise<boolean>;
  existsSync(path: string): boolean;
  /** Names in a directory, sorted, without `.` and `..`. */
  list(directory: string): Promise<string[]>;
  listSync(directory: string): string[];
  /** Makes a directory and its missing parents; harmless when it exists. New names are durable when it resolves. */
  makeDirectory(path: string): Promise<void>;
  makeDirectorySync(path: string): void;
  /** Moves a file, replacing `to`. */
  rename(from: string, to: string): Promise<void>;
  renameSync(from: string, to: string): void;
  /** Gives an existing file a second name; fails with `EEXIST` if `to` exists. */
  link(existing: string, to: string): Promise<void>;
  linkSync(existing: string, to: string): void;
  /** Removes a file's name. */
  remove(path: string): Promise<void>;
  removeSync(path: string): void;
  /** Makes the names in a directory survive a crash. */
  syncDirectory(path: string): Promise<void>;
  syncDirectorySync(path: string): void;
  /** Bytes that could still be written. */
  freeBytes(directory: string): Promise<number>;
  freeBytesSync(directory: string): number;
  identity(path: string): Promise<FileIdentity>;
  identitySync(path: string): FileIdentity;
  /**
   * Takes the exclusive lock of a directory: an exclusively created `LOCK` naming process id, process start time, boot,
   * host and a nonce. A lock whose process no longer lives, or of another boot, is stale and replaced.
   * @throws CoterieError `LOCKED`, naming the holder
   */
  lock(directory: string): Promise<DirectoryLock>;
  lockSync(directory: string): DirectoryLock;
}

/**
 * Makes a file of this name hold `content` and nothing else: written beside, synced, renamed into place, the directory
 * synced. So it is whole or absent, old or new, and durable when it resolves. `content` may depend on which file it
 * becomes. @throws CoterieError `DISK_IO`, `DISK_FULL`
 */
export async function replaceFile(
  files: Files,
  path: { readonly directory: string; readonly name: string },
  content: FileContent,
): Promise<void> {
  const { directory, name } = path;
  const draft = joinPath(directory, `${name}.new`);
  await removeIfThere(files, draft);
  const handle = await files.open(draft, 'create');
  try {
    const bytes = typeof content === 'function' ? content(await files.identity(draft)) : content;
    await handle.write(bytes, 0, bytes.length, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await files.rename(draft, joinPath(directory, name));
  await files.syncDirectory(directory);
}

/** What a file is to hold: bytes, or what makes them of the file's own identity. */
export type FileContent = Uint8Array | ((identity: FileIdentity) => Uint8Array);

async function removeIfThere(files: Files, path: string): Promise<void> {
  try {
    await files.remove(path);
  } catch (error) {
    if (!isCoterieError(error) || error.details.osCode !== 'ENOENT') throw error;
  }
}

/**
 * Closes a handle of which nothing is wanted any more: all that counts was read or synced, or is given up. Whatever the
 * system says to that, the handle is gone and nothing has changed.
 */
export function letGo(handle: Pick<FileHandle, 'closeSync'>): void {
  try {
    handle.closeSync();
  } catch (error) {
    if (!isCoterieError(error)) throw error;
  }
}

/** Joins path parts with `/`. */
export function joinPath(...parts: readonly string[]): string {
  return parts.join('/');
}
