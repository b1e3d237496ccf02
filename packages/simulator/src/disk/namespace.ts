/**
 * The names of the simulated disk. Every change of entries (create, rename, link, remove) shows at once and is durable
 * only after its directory is synced; until then a crash keeps or loses it.
 *
 * A change is atomic: a rename takes the new name and leaves the old, or neither. Changes of the same file or the same
 * name depend on one another: who keeps the later keeps the earlier, so a rename never survives the loss of the creation
 * before it, and no name comes back that a durable change took away. Unrelated changes survive in any combination; a
 * journaling file system is kinder than that.
 */
import type { SeededRandom } from '../random.ts';
import { DirectoryNode, FileNode } from './nodes.ts';
import type { DiskNode } from './nodes.ts';

/** A name gets a node, or loses it. */
export interface EntryEffect {
  readonly directory: DirectoryNode;
  readonly name: string;
  readonly node: DiskNode | undefined;
}

/** One atomic change of entries. */
export interface EntryChange {
  readonly effects: readonly EntryEffect[];
  /** What the change depends on and what depends on it: node ids, and names within directory ids. */
  readonly subjects: readonly string[];
}

/** The tree of names, now and durable. */
export class Namespace {
  readonly root: DirectoryNode;
  pending: EntryChange[];

  constructor(root: DirectoryNode, pending: EntryChange[] = []) {
    this.root = root;
    this.pending = pending;
  }

  /** The node of a path, now. */
  find(path: string): DiskNode | undefined {
    let node: DiskNode | undefined = this.root;
    for (const part of partsOf(path)) {
      if (!(node instanceof DirectoryNode)) return undefined;
      node = node.current.get(part);
    }
    return node;
  }

  /** The directory that holds a path's last name, now, and that name. */
  parentOf(path: string): { directory: DirectoryNode | undefined; name: string } {
    const parts = partsOf(path);
    const name = parts.pop() ?? '';
    const directory = this.find(parts.join('/'));
    return { directory: directory instanceof DirectoryNode ? directory : undefined, name };
  }

  /** Makes a change, not durable yet. `about` is the node that it is about. */
  change(effects: readonly EntryEffect[], about: DiskNode): void {
    for (const effect of effects) applyEffect(effect.directory.current, effect);
    this.pending.push({ effects, subjects: [String(about.id), ...effects.map(({ directory, name }) => `${directory.id}/${name}`)] });
  }

  /** Makes the changes in a directory durable, and the earlier ones that they depend on. */
  sync(directory: DirectoryNode): void {
    const subjects = new Set<string>();
    const chosen = new Set<EntryChange>();
    for (const change of this.pending.toReversed()) {
      const isHere = change.effects.some((effect) => effect.directory === directory);
      if (!isHere && !change.subjects.some((subject) => subjects.has(subject))) continue;
      chosen.add(change);
      for (const subject of change.subjects) subjects.add(subject);
    }
    for (const change of this.pending) if (chosen.has(change)) applyDurably(change);
    this.pending = this.pending.filter((change) => !chosen.has(change));
  }

  /** Power fails: each pending change is kept with this probability, unless one that it depends on is lost. */
  crash(random: SeededRandom, keepProbability: number): void {
    const lost = new Set<string>();
    for (const change of this.pending) {
      const keep = random.chance(keepProbability) && !change.subjects.some((subject) => lost.has(subject));
      if (keep) applyDurably(change);
      else for (const subject of change.subjects) lost.add(subject);
    }
    this.pending = [];
    forgetUnsynced(this.root);
  }

  /** A name, and everything under it, is gone for good, with whatever was pending there. */
  erase(path: string): void {
    const { directory, name } = this.parentOf(path);
    const node = directory?.current.get(name);
    if (directory === undefined || node === undefined) return;
    const gone = new Set(directoriesUnder(node));
    directory.current.delete(name);
    directory.durable.delete(name);
    const stays = (effect: EntryEffect): boolean =>
      !gone.has(effect.directory) && !(effect.directory === directory && effect.name === name);
    this.pending = this.pending.flatMap(({ effects, subjects }) => {
      const left = effects.filter(stays);
      return left.length === 0 ? [] : [{ effects: left, subjects }];
    });
  }

  /** Every file that has a name now, with the paths, sorted. */
  files(): { path: string; file: FileNode }[] {
    return filesUnder(this.root, '');
  }
}

/** The names along a path. `.` and empty ones mean nothing, `..` goes up. */
export function partsOf(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts;
}

function applyEffect(entries: Map<string, DiskNode>, { name, node }: EntryEffect): void {
  if (node === undefined) entries.delete(name);
  else entries.set(name, node);
}

function applyDurably(change: EntryChange): void {
  for (const effect of change.effects) applyEffect(effect.directory.durable, effect);
}

function forgetUnsynced(directory: DirectoryNode): void {
  directory.current = new Map(directory.durable);
  for (const node of directory.current.values()) if (node instanceof DirectoryNode) forgetUnsynced(node);
}

function directoriesUnder(node: DiskNode): DirectoryNode[] {
  if (!(node instanceof DirectoryNode)) return [];
  const children = new Set([...node.current.values(), ...node.durable.values()]);
  return [node, ...[...children].flatMap(directoriesUnder)];
}

function filesUnder(directory: DirectoryNode, prefix: string): { path: string; file: FileNode }[] {
  const found: { path: string; file: FileNode }[] = [];
  for (const name of [...directory.current.keys()].sort()) {
    const node = directory.current.get(name);
    const path = `${prefix}/${name}`;
    if (node instanceof FileNode) found.push({ path, file: node });
    else if (node !== undefined) found.push(...filesUnder(node, path));
  }
  return found;
}
