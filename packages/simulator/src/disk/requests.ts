/**
 * What each operation does to the disk, as a request: a value that can be run now (sync forms) or at an event of virtual
 * time (async forms), and that a fault can stop before, in the midst, or after.
 */
import type { CoterieError } from '@coterie/env';
import { CoterieError as TypedError } from '@coterie/env';
import type { FileIdentity, OpenMode } from '@coterie/env';
import type { Life } from '../schedule.ts';
import type { DiskRequest, SimulatedDisk } from './disk.ts';
import { systemError } from './faults.ts';
import type { DiskOperationKind } from './faults.ts';
import type { EntryEffect } from './namespace.ts';
import { partsOf } from './namespace.ts';
import { DirectoryNode, FileNode } from './nodes.ts';

/** Opens a file; the answer is the file, with one more handle on it. */
export function openRequest(disk: SimulatedDisk, path: string, mode: OpenMode): DiskRequest<FileNode> {
  const kind = mode === 'create' ? 'create' : 'open';
  return {
    kind,
    path,
    run() {
      if (disk.openHandles >= disk.maxOpen) throw systemError(kind, path, 'EMFILE');
      if (mode === 'update' && disk.readOnly) throw systemError(kind, path, 'EROFS');
      const file = mode === 'create' ? createFile(disk, path) : existingFile(disk, path, kind);
      file.open++;
      disk.openHandles++;
      return file;
    },
  };
}

/** Reads into `into[start, end)` when it runs, as a real read does. */
export function readRequest(
  file: FileNode,
  path: string,
  span: { into: Uint8Array; start: number; end: number; position: number },
): DiskRequest<number> {
  const { into, start, end, position } = span;
  return { kind: 'read', path, position, length: end - start, run: () => file.current.read(into, start, end, position) };
}

/** Writes what `bytes` hold when it runs: changing them before a write resolved shows here as it does for real. */
export function writeRequest(
  disk: SimulatedDisk,
  target: { file: FileNode; path: string },
  span: { bytes: Uint8Array; position: number },
): DiskRequest<void> {
  const { file, path } = target;
  const { bytes, position } = span;
  return {
    kind: 'write',
    path,
    position,
    bytes,
    run(shortWriteBytes = bytes.length) {
      const wanted = Math.min(bytes.length, shortWriteBytes);
      const fit = disk.fitting(file, position, wanted);
      const written = bytes.slice(0, fit);
      const before = file.current.blocks;
      file.current.write(written, position);
      disk.usedBlocks += file.current.blocks - before;
      if (fit > 0) file.pending.push({ kind: 'write', position, bytes: written });
      if (fit < wanted) throw systemError('write', path, 'ENOSPC');
    },
  };
}

/** Makes a file's bytes durable. */
export function syncRequest(file: FileNode, path: string): DiskRequest<void> {
  return { kind: 'sync', path, syncs: file, run: () => file.sync() };
}

/** Cuts or extends a file. */
export function truncateRequest(disk: SimulatedDisk, target: { file: FileNode; path: string }, size: number): DiskRequest<void> {
  const { file, path } = target;
  return {
    kind: 'truncate',
    path,
    position: size,
    run() {
      const before = file.current.blocks;
      file.current.truncate(size);
      disk.usedBlocks += file.current.blocks - before;
      file.pending.push({ kind: 'truncate', size });
    },
  };
}

/** Gives a handle back. */
export function closeRequest(disk: SimulatedDisk, file: FileNode, path: string): DiskRequest<void> {
  return {
    kind: 'close',
    path,
    run() {
      disk.openHandles--;
      file.open--;
      disk.releaseIfUnused(file);
    },
  };
}

/** Names in a directory, sorted. */
export function listRequest(disk: SimulatedDisk, path: string): DiskRequest<string[]> {
  return { kind: 'list', path, run: () => [...existingDirectory(disk, path, 'list').current.keys()].sort() };
}

/** Makes a directory and its parents, durably. */
export function makeDirectoryRequest(disk: SimulatedDisk, path: string): DiskRequest<void> {
  return {
    kind: 'makeDirectory',
    path,
    run() {
      let directory = disk.names.root;
      for (const name of partsOf(path)) {
        const node = directory.current.get(name);
        if (node instanceof FileNode) throw systemError('makeDirectory', path, name === partsOf(path).at(-1) ? 'EEXIST' : 'ENOTDIR');
        const next = node ?? disk.newDirectory();
        if (node === undefined) disk.names.change([{ directory, name, node: next }], next);
        disk.names.sync(directory);
        directory = next;
      }
    },
  };
}

/** Moves a name. */
export function renameRequest(disk: SimulatedDisk, from: string, to: string): DiskRequest<void> {
  return {
    kind: 'rename',
    path: from,
    to,
    run() {
      const node = disk.names.find(from);
      const source = disk.names.parentOf(from);
      const target = disk.names.parentOf(to);
      if (node === undefined || source.directory === undefined) throw missing(disk, from, 'rename');
      if (target.directory === undefined) throw missing(disk, to, 'rename');
      const replaced = target.directory.current.get(target.name);
      if (replaced === node) return;
      if (replaced instanceof DirectoryNode) throw systemError('rename', to, 'EISDIR');
      if (replaced !== undefined && node instanceof DirectoryNode) throw systemError('rename', to, 'ENOTDIR');
      const taken: EntryEffect = { directory: target.directory, name: target.name, node };
      disk.names.change([taken, { directory: source.directory, name: source.name, node: undefined }], node);
      if (replaced !== undefined) dropName(disk, replaced);
    },
  };
}

/** Gives a file a second name. */
export function linkRequest(disk: SimulatedDisk, existing: string, to: string): DiskRequest<void> {
  return {
    kind: 'link',
    path: existing,
    to,
    run() {
      const file = existingFile(disk, existing, 'link');
      const { directory, name } = disk.names.parentOf(to);
      if (directory === undefined) throw missing(disk, to, 'link');
      if (directory.current.has(name)) throw systemError('link', to, 'EEXIST');
      disk.names.change([{ directory, name, node: file }], file);
      file.links++;
    },
  };
}

/** Removes a file's name. */
export function removeRequest(disk: SimulatedDisk, path: string): DiskRequest<void> {
  return {
    kind: 'remove',
    path,
    run() {
      const file = existingFile(disk, path, 'remove');
      const { directory, name } = disk.names.parentOf(path);
      if (directory === undefined) throw missing(disk, path, 'remove');
      disk.names.change([{ directory, name, node: undefined }], file);
      dropName(disk, file);
    },
  };
}

/** Makes the names in a directory durable. */
export function syncDirectoryRequest(disk: SimulatedDisk, path: string): DiskRequest<void> {
  return { kind: 'syncDirectory', path, run: () => disk.names.sync(existingDirectory(disk, path, 'syncDirectory')) };
}

/** Device and inode. */
export function identityRequest(disk: SimulatedDisk, path: string): DiskRequest<FileIdentity> {
  return {
    kind: 'identity',
    path,
    run() {
      const node = disk.names.find(path);
      if (node === undefined) throw missing(disk, path, 'identity');
      return { device: 1, inode: node.id };
    },
  };
}

/** Takes the lock of a directory for a life. One of an earlier life is stale, and so is one that says nothing. */
export function lockRequest(disk: SimulatedDisk, directoryPath: string, life: Life): DiskRequest<FileNode> {
  const path = `${directoryPath}/LOCK`;
  return {
    kind: 'lock',
    path,
    run() {
      const directory = existingDirectory(disk, directoryPath, 'lock');
      const holder = directory.current.get('LOCK');
      const text = new TextEncoder().encode(`life ${life.number}`);
      if (holder instanceof FileNode && sameBytes(holder.current.toBytes(), text)) throw locked(path, life);
      const file = disk.newFile();
      disk.names.change([{ directory, name: 'LOCK', node: file }], file);
      file.links++;
      file.current.write(text, 0);
      file.pending.push({ kind: 'write', position: 0, bytes: text });
      disk.usedBlocks += file.current.blocks;
      if (holder instanceof FileNode) dropName(disk, holder);
      return file;
    },
  };
}

/** Gives a lock up, if its file is still the one that was taken. */
export function unlockRequest(disk: SimulatedDisk, directoryPath: string, lock: FileNode): DiskRequest<void> {
  const path = `${directoryPath}/LOCK`;
  return {
    kind: 'unlock',
    path,
    run() {
      if (disk.names.find(path) === lock) removeRequest(disk, path).run();
    },
  };
}

function createFile(disk: SimulatedDisk, path: string): FileNode {
  const { directory, name } = disk.names.parentOf(path);
  if (directory === undefined) throw missing(disk, path, 'create');
  if (directory.current.has(name)) throw systemError('create', path, 'EEXIST');
  const file = disk.newFile();
  disk.names.change([{ directory, name, node: file }], file);
  file.links++;
  return file;
}

function existingFile(disk: SimulatedDisk, path: string, kind: DiskOperationKind): FileNode {
  const node = disk.names.find(path);
  if (node === undefined) throw missing(disk, path, kind);
  if (node instanceof DirectoryNode) throw systemError(kind, path, 'EISDIR');
  return node;
}

function existingDirectory(disk: SimulatedDisk, path: string, kind: DiskOperationKind): DirectoryNode {
  const node = disk.names.find(path);
  if (node === undefined) throw missing(disk, path, kind);
  if (node instanceof FileNode) throw systemError(kind, path, 'ENOTDIR');
  return node;
}

/** Nothing there; or, with a file where a directory should be, no way there. */
function missing(disk: SimulatedDisk, path: string, kind: DiskOperationKind): CoterieError {
  const parts = partsOf(path);
  const blocked = parts.some((_, i) => i > 0 && disk.names.find(parts.slice(0, i).join('/')) instanceof FileNode);
  return systemError(kind, path, blocked ? 'ENOTDIR' : 'ENOENT');
}

function dropName(disk: SimulatedDisk, node: FileNode | DirectoryNode): void {
  if (node instanceof DirectoryNode) return;
  node.links--;
  disk.releaseIfUnused(node);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function locked(path: string, life: Life): CoterieError {
  return new TypedError('LOCKED', `${path} is held by this same process, life ${life.number}`, { details: { file: path } });
}
