/**
 * The real file system, as `Files`. Async forms run on Node's thread pool, sync forms on the caller's thread; both mean
 * the same. Names are made durable by syncing the directory that holds them; `makeDirectory` does it by itself, for the
 * directory asked for and every parent it had to make.
 */
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import type { DirectoryLock, FileHandle, FileIdentity, Files, OpenMode } from '@coterie/env';
import { diskError, osCodeOf, systemError } from './disk-error.ts';
import { lockDirectory } from './directory-lock.ts';
import { NodeFileHandle } from './file-handle.ts';

const flags: Record<OpenMode, string> = { read: 'r', update: 'r+', create: 'wx+' };

/** Windows cannot sync a directory; names there are as durable as the system makes them. */
const canSyncDirectories = process.platform !== 'win32';

/** Settings of `nodeFiles`. */
export interface NodeFilesOptions {
  /** Handles that may be open at once; one more fails with `EMFILE`. No limit but the system's by default. */
  readonly maxOpen?: number;
}

/** The real file system. */
export function nodeFiles(options: NodeFilesOptions = {}): Files {
  return new NodeFiles(options.maxOpen ?? Infinity);
}

class NodeFiles implements Files {
  readonly #maxOpen: number;
  #open = 0;

  constructor(maxOpen: number) {
    this.#maxOpen = maxOpen;
  }

  open(path: string, mode: OpenMode): Promise<FileHandle> {
    return new Promise((resolve, reject) => {
      this.#reserve(path);
      fs.open(path, flags[mode], (error, fd) => {
        if (error === null) return resolve(new NodeFileHandle(path, fd, this.#release));
        this.#release();
        reject(diskError('open', path, error));
      });
    });
  }

  openSync(path: string, mode: OpenMode): FileHandle {
    this.#reserve(path);
    try {
      return new NodeFileHandle(path, fs.openSync(path, flags[mode]), this.#release);
    } catch (error) {
      this.#release();
      throw diskError('open', path, error);
    }
  }

  exists(path: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      fs.stat(path, (error) => {
        if (error === null) resolve(true);
        else if (isAbsence(error)) resolve(false);
        else reject(diskError('look for', path, error));
      });
    });
  }

  existsSync(path: string): boolean {
    return attempt('look for', path, () => statsAt(path) !== undefined);
  }

  async list(directory: string): Promise<string[]> {
    const names = await later('list', directory, (done: Done<string[]>) => fs.readdir(directory, done));
    return names.sort();
  }

  listSync(directory: string): string[] {
    return attempt('list', directory, () => fs.readdirSync(directory).sort());
  }

  async makeDirectory(path: string): Promise<void> {
    try {
      await later('make directory', path, (done: Done<void>) => fs.mkdir(path, done as fs.NoParamCallback));
    } catch (error) {
      if (isMissingParent(error, path)) {
        await this.makeDirectory(dirname(path));
        return this.makeDirectory(path);
      }
      if (!isDirectory(path)) throw error;
    }
    await this.syncDirectory(dirname(path));
  }

  makeDirectorySync(path: string): void {
    try {
      attempt('make directory', path, () => fs.mkdirSync(path));
    } catch (error) {
      if (isMissingParent(error, path)) {
        this.makeDirectorySync(dirname(path));
        return this.makeDirectorySync(path);
      }
      if (!isDirectory(path)) throw error;
    }
    this.syncDirectorySync(dirname(path));
  }

  rename(from: string, to: string): Promise<void> {
    return later('rename', from, (done: Done<void>) => fs.rename(from, to, done as fs.NoParamCallback));
  }

  renameSync(from: string, to: string): void {
    attempt('rename', from, () => fs.renameSync(from, to));
  }

  link(existing: string, to: string): Promise<void> {
    return later('link', to, (done: Done<void>) => fs.link(existing, to, done as fs.NoParamCallback));
  }

  linkSync(existing: string, to: string): void {
    attempt('link', to, () => fs.linkSync(existing, to));
  }

  remove(path: string): Promise<void> {
    return later('remove', path, (done: Done<void>) => fs.unlink(path, done as fs.NoParamCallback));
  }

  removeSync(path: string): void {
    attempt('remove', path, () => fs.unlinkSync(path));
  }

  async syncDirectory(path: string): Promise<void> {
    if (!canSyncDirectories) return;
    const fd = await later('open', path, (done: Done<number>) => fs.open(path, 'r', done));
    try {
      await later('sync', path, (done: Done<void>) => fs.fsync(fd, done as fs.NoParamCallback));
    } finally {
      await later('close', path, (done: Done<void>) => fs.close(fd, done as fs.NoParamCallback));
    }
  }

  syncDirectorySync(path: string): void {
    if (!canSyncDirectories) return;
    attempt('sync', path, () => {
      const fd = fs.openSync(path, 'r');
      try {
        fs.fsyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
    });
  }

  async freeBytes(directory: string): Promise<number> {
    const stats = await later('measure', directory, (done: Done<fs.StatsFs>) => fs.statfs(directory, done));
    return stats.bavail * stats.bsize;
  }

  freeBytesSync(directory: string): number {
    const stats = attempt('measure', directory, () => fs.statfsSync(directory));
    return stats.bavail * stats.bsize;
  }

  async identity(path: string): Promise<FileIdentity> {
    const stats = await later('identify', path, (done: Done<fs.Stats>) => fs.stat(path, done));
    return { device: stats.dev, inode: stats.ino };
  }

  identitySync(path: string): FileIdentity {
    const stats = attempt('identify', path, () => fs.statSync(path));
    return { device: stats.dev, inode: stats.ino };
  }

  /** A lock is taken once in a store's life, by a handful of small system calls: the async form makes them at once too. */
  async lock(directory: string): Promise<DirectoryLock> {
    return lockDirectory(directory);
  }

  lockSync(directory: string): DirectoryLock {
    return lockDirectory(directory);
  }

  readonly #release = (): void => {
    this.#open--;
  };

  #reserve(path: string): void {
    if (this.#open >= this.#maxOpen) throw systemError('open', path, { osCode: 'EMFILE' });
    this.#open++;
  }
}

type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

function later<T>(action: string, path: string, start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error === null || error === undefined) resolve(value);
      else reject(diskError(action, path, error));
    });
  });
}

function attempt<T>(action: string, path: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    throw diskError(action, path, error);
  }
}

function isAbsence(error: unknown): boolean {
  const code = osCodeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function isMissingParent(error: unknown, path: string): boolean {
  const osCode = (error as { details?: { osCode?: string } }).details?.osCode;
  return osCode === 'ENOENT' && dirname(path) !== path;
}

function isDirectory(path: string): boolean {
  return statsAt(path)?.isDirectory() ?? false;
}

/** `throwIfNoEntry: false` would not do: it still throws for a path below a file. */
function statsAt(path: string): fs.Stats | undefined {
  try {
    return fs.statSync(path);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}
