/** Copies the whole state of a disk: every node once, with names, pending changes and shared structure as they are. */
import { Namespace } from './namespace.ts';
import { DirectoryNode, FileNode } from './nodes.ts';
import type { DiskNode } from './nodes.ts';

/** An independent copy of all names and files. Handles stay behind. */
export function copyDisk(names: Namespace): Namespace {
  const copies = new Map<DiskNode, DiskNode>();
  const root = copyNode(names.root, copies);
  const pending = names.pending.map(({ effects, subjects }) => ({
    subjects,
    effects: effects.map(({ directory, name, node }) => ({
      directory: copyNode(directory, copies),
      name,
      node: node && copyNode(node, copies),
    })),
  }));
  return new Namespace(root, pending);
}

function copyNode<T extends DiskNode>(node: T, copies: Map<DiskNode, DiskNode>): T {
  const known = copies.get(node);
  if (known !== undefined) return known as T;
  return (node instanceof FileNode ? copyFile(node, copies) : copyDirectory(node as DirectoryNode, copies)) as T;
}

function copyFile(file: FileNode, copies: Map<DiskNode, DiskNode>): FileNode {
  const copy = new FileNode(file.id, file.current.clone());
  copy.durable = file.durable.clone();
  copy.pending = file.pending.slice();
  copy.diverged = file.diverged;
  copy.links = file.links;
  copies.set(file, copy);
  return copy;
}

function copyDirectory(directory: DirectoryNode, copies: Map<DiskNode, DiskNode>): DirectoryNode {
  const copy = new DirectoryNode(directory.id);
  copies.set(directory, copy);
  for (const [name, node] of directory.current) copy.current.set(name, copyNode(node, copies));
  for (const [name, node] of directory.durable) copy.durable.set(name, copyNode(node, copies));
  return copy;
}
