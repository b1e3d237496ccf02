/** Finding what an operation is about, or the error that the system would give. */
import type { CoterieError } from '@coterie/env';
import type { SimulatedDisk } from './disk.ts';
import { systemError } from './faults.ts';
import type { DiskOperationKind } from './faults.ts';
import { partsOf } from './namespace.ts';
import { DirectoryNode, FileNode } from './nodes.ts';

/** The file of a path. @throws CoterieError `ENOENT`, `ENOTDIR`, `EISDIR` */
export function existingFile(disk: SimulatedDisk, path: string, kind: DiskOperationKind): FileNode {
  const node = disk.names.find(path);
  if (node === undefined) throw missing(disk, path, kind);
  if (node instanceof DirectoryNode) throw systemError(kind, path, 'EISDIR');
  return node;
}

/** The directory of a path. @throws CoterieError `ENOENT`, `ENOTDIR` */
export function existingDirectory(disk: SimulatedDisk, path: string, kind: DiskOperationKind): DirectoryNode {
  const node = disk.names.find(path);
  if (node === undefined) throw missing(disk, path, kind);
  if (node instanceof FileNode) throw systemError(kind, path, 'ENOTDIR');
  return node;
}

/** Nothing there; or, with a file where a directory should be, no way there. */
export function missing(disk: SimulatedDisk, path: string, kind: DiskOperationKind): CoterieError {
  const parts = partsOf(path);
  const blocked = parts.some((_, i) => i > 0 && disk.names.find(parts.slice(0, i).join('/')) instanceof FileNode);
  return systemError(kind, path, blocked ? 'ENOTDIR' : 'ENOENT');
}
