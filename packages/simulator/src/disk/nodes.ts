/**
 * Files and directories of the simulated disk, each in two versions: what a process sees now, and what is safe on the
 * platter. Between them lie the changes not synced yet, in order, from which a crash chooses.
 *
 * ```
 *  file       durable ──(pending writes and truncations, in order)──▶ current
 *  directory  durable ──(pending entry changes of the whole disk)───▶ current
 * ```
 */
import { Content } from './content.ts';

/** A change of a file's bytes that is not synced. `bytes` are never written to again. */
export type FileChange =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly size: number };

/** A file. */
export class FileNode {
  readonly id: number;
  current: Content;
  durable: Content;
  pending: FileChange[] = [];
  /** After a failed sync `current` shows bytes that no later sync will write. */
  diverged = false;
  /** Names that it has now. */
  links = 0;
  /** Handles open on it now. */
  open = 0;

  constructor(id: number, content: Content = new Content()) {
    this.id = id;
    this.current = content;
    this.durable = content.clone();
  }

  /** Everything pending becomes durable. */
  sync(): void {
    if (this.diverged) for (const change of this.pending) applyChange(this.durable, change);
    else if (this.pending.length > 0) this.durable = this.current.clone();
    this.pending = [];
  }

  /** A sync failed: as Linux does, what was pending is marked clean, can still be read, and is never written. */
  dropPending(): void {
    if (this.pending.length === 0) return;
    this.pending = [];
    this.diverged = true;
  }

  /** After a crash this is all there is. */
  reset(content: Content): void {
    this.current = content;
    this.durable = content.clone();
    this.pending = [];
    this.diverged = false;
    this.open = 0;
  }
}

/** A directory. */
export class DirectoryNode {
  readonly id: number;
  current: Map<string, DiskNode> = new Map();
  durable: Map<string, DiskNode> = new Map();

  constructor(id: number) {
    this.id = id;
  }
}

/** What a name can stand for. */
export type DiskNode = FileNode | DirectoryNode;

/** Makes one change to a content. */
export function applyChange(content: Content, change: FileChange): void {
  if (change.kind === 'write') content.write(change.bytes, change.position);
  else content.truncate(change.size);
}
