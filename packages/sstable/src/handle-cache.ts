/**
 * Open files, at most `maxOpen` of them. A handle is counted by the reads in flight on it and closed only when idle, the
 * one idle for longest first.
 *
 * ```
 *  acquire ─▶ open ─▶ busy (reads ≥ 1) ─release─▶ idle ─▶ closed, to make room
 *     └─ all busy: async waits for a release; sync opens one more, closed at its release
 * ```
 *
 * When the process runs out of descriptors, `maxOpen` shrinks, so that logs and new tables find some.
 *
 * Invariants: only idle handles are closed; a file is open at most once here, except while its async opening is overtaken
 * by a sync one; handles beyond `maxOpen` exist only within sync reads.
 */
import { CoterieError, type FileHandle, type Files, letGo } from '@coterie/env';

/** Most async reads that wait for a handle; past it `OVERLOADED`. */
const waitersMax = 65_536;

/** A file that a read may use until it releases it. */
export interface OpenFile {
  readonly path: string;
  readonly handle: FileHandle;
  /** Reads in flight. */
  reads: number;
}

/** Shares open files between tables. */
export class HandleCache {
  readonly #files: Files;
  #maxOpen: number;
  /** Files by path, the one used longest ago first. */
  readonly #open = new Map<string, OpenFile>();
  readonly #opening = new Map<string, Promise<OpenFile>>();
  readonly #waiters: (() => void)[] = [];
  #closed = false;
  /** Handles open or being opened now. */
  openCount = 0;

  constructor(files: Files, options: { readonly maxOpen: number }) {
    this.#files = files;
    this.#maxOpen = Math.max(1, options.maxOpen);
  }

  /** An open file, held until `release`. Waits while `maxOpen` files are all busy. @throws CoterieError `DISK_IO`, `OVERLOADED`, `CLOSED` */
  async acquire(path: string): Promise<OpenFile> {
    for (;;) {
      this.#checkOpen();
      const open = this.#take(path);
      if (open !== undefined) return open;
      const opening = this.#opening.get(path);
      if (opening !== undefined) {
        await opening;
      } else if (this.#makeRoom()) {
        return this.#start(path);
      } else {
        await this.#released();
      }
    }
  }

  /** The sync form: opens one more file than `maxOpen` rather than wait. @throws CoterieError `DISK_IO`, `CLOSED` */
  acquireSync(path: string): OpenFile {
    this.#checkOpen();
    const open = this.#take(path);
    if (open !== undefined) return open;
    this.#makeRoom();
    const handle = this.#openSync(path);
    this.openCount++;
    const file = { path, handle, reads: 1 };
    this.#open.set(path, file);
    return file;
  }

  /** Gives a file back. */
  release(file: OpenFile): void {
    file.reads--;
    if (file.reads > 0) return;
    const isShared = this.#open.get(file.path) === file;
    if (!isShared || this.#closed || this.openCount > this.#maxOpen) this.#close(file);
    this.#waiters.shift()?.();
  }

  /** The file was or will be removed: its handle is closed as soon as it is idle. */
  forget(path: string): void {
    const file = this.#open.get(path);
    if (file === undefined) return;
    this.#open.delete(path);
    if (file.reads === 0) this.#close(file);
  }

  /** The process is short of handles: a quarter of those held here are given back, for good, as far as they are idle. */
  shrink(): void {
    this.#maxOpen = Math.max(1, Math.min(this.#maxOpen, Math.floor(this.openCount * 0.75)));
    while (this.openCount > this.#maxOpen && this.#closeOldestIdle());
  }

  /** Closes idle handles now and busy ones when they are released; nothing can be acquired any more. */
  close(): void {
    this.#closed = true;
    for (const file of [...this.#open.values()]) if (file.reads === 0) this.#close(file);
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  #take(path: string): OpenFile | undefined {
    const file = this.#open.get(path);
    if (file === undefined) return undefined;
    file.reads++;
    // Last in the map: used latest.
    this.#open.delete(path);
    this.#open.set(path, file);
    return file;
  }

  async #start(path: string): Promise<OpenFile> {
    this.openCount++;
    const opening = this.#openAsync(path);
    this.#opening.set(path, opening);
    try {
      const file = await opening;
      if (this.#closed) this.release(file);
      this.#checkOpen();
      // If a sync read has opened the same file meanwhile, this handle is private and closed at its release.
      if (!this.#open.has(path)) this.#open.set(path, file);
      return file;
    } finally {
      this.#opening.delete(path);
    }
  }

  async #openAsync(path: string): Promise<OpenFile> {
    for (;;) {
      try {
        return { path, handle: await this.#files.open(path, 'read'), reads: 1 };
      } catch (error) {
        if (isOutOfHandles(error) && (this.#giveUpIdle() || (await this.#ownReleased()))) continue;
        this.openCount--;
        this.#waiters.shift()?.();
        throw error;
      }
    }
  }

  #openSync(path: string): FileHandle {
    for (;;) {
      try {
        return this.#files.openSync(path, 'read');
      } catch (error) {
        if (!isOutOfHandles(error) || !this.#giveUpIdle()) throw error;
      }
    }
  }

  /** Whether one more file may be opened, having closed an idle one if need be. */
  #makeRoom(): boolean {
    return this.openCount < this.#maxOpen || this.#closeOldestIdle();
  }

  #closeOldestIdle(): boolean {
    for (const file of this.#open.values()) {
      if (file.reads > 0) continue;
      this.#close(file);
      return true;
    }
    return false;
  }

  #close(file: OpenFile): void {
    if (this.#open.get(file.path) === file) this.#open.delete(file.path);
    this.openCount--;
    // Nothing was written through it, so the sync form returns at once.
    // Read only: a failed close loses nothing, and must not look like a failure of whatever let the file go.
    letGo(file.handle);
  }

  /** One of ours will do, and others in the process need some too. Whether any was closed. */
  #giveUpIdle(): boolean {
    if (!this.#closeOldestIdle()) return false;
    this.shrink();
    return true;
  }

  /** Waits until a read gives a file back; false at once if no file is open here, so that nobody will. */
  async #ownReleased(): Promise<boolean> {
    if (this.#open.size === 0 || this.#closed) return false;
    await this.#released();
    return true;
  }

  #released(): Promise<void> {
    if (this.#waiters.length >= waitersMax) throw new CoterieError('OVERLOADED', `${waitersMax} reads wait for a file handle`);
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  #checkOpen(): void {
    if (this.#closed) throw new CoterieError('CLOSED', 'table files are closed');
  }
}

function isOutOfHandles(error: unknown): boolean {
  const osCode = error instanceof CoterieError ? error.details.osCode : undefined;
  return osCode === 'EMFILE' || osCode === 'ENFILE';
}
