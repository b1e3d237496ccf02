/** What operations on names and directories do to the disk, as requests: values that `access.ts` runs. */
import { CoterieError } from '@coterie/env';
import type { FileIdentity } from '@coterie/env';
import type { Life } from '../schedule.ts';
import type { DiskRequest, SimulatedDisk } from './disk.ts';
import { systemError } from './faults.ts';
import { existingDirectory, existingFile, missing } from './lookup.ts';
import type { EntryEffect } from './namespace.ts';
import { partsOf } from './namespace.ts';
import { DirectoryNode, FileNode } from './nodes.ts';

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

function dropName(disk: SimulatedDisk, node: FileNode | DirectoryNode): void {
  if (node instanceof DirectoryNode) return;
  node.links--;
  disk.releaseIfUnused(node);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function locked(path: string, life: Life): CoterieError {
  return new CoterieError('LOCKED', `${path} is held by this same process, life ${life.number}`, { details: { file: path } });
}
