/**
 * What each operation on an open file does to the disk, as a request: a value that can be run now (sync forms) or at an
 * event of virtual time (async forms), and that a fault can stop before, in the midst, or after.
 */
import type { OpenMode } from '@coterie/env';
import type { DiskRequest, SimulatedDisk } from './disk.ts';
import { systemError } from './faults.ts';
import { existingFile, missing } from './lookup.ts';
import type { FileNode } from './nodes.ts';

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

function createFile(disk: SimulatedDisk, path: string): FileNode {
  const { directory, name } = disk.names.parentOf(path);
  if (directory === undefined) throw missing(disk, path, 'create');
  if (directory.current.has(name)) throw systemError('create', path, 'EEXIST');
  const file = disk.newFile();
  disk.names.change([{ directory, name, node: file }], file);
  file.links++;
  return file;
}
