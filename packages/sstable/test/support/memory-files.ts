/**
 * Files in memory, as much of `Files` as tables use. Async forms resolve in a microtask, or when the test lets them.
 * Counts what is open, and can fail or shorten opens.
 */
import { CoterieError, type FileHandle, type Files, type OpenMode } from '@coterie/env';

export class MemoryFiles {
  readonly contents = new Map<string, Uint8Array>();
  openHandles = 0;
  mostOpenHandles = 0;
  reads = 0;
  syncs = 0;
  writes: number[] = [];
  /** Opening fails with EMFILE while so many handles are open. */
  descriptors = Number.POSITIVE_INFINITY;
  /** When set, async reads wait for it. */
  gate: Promise<void> | undefined;

  /** As the seam's type; what is missing here throws when called. */
  get files(): Files {
    return this as unknown as Files;
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    await Promise.resolve();
    return this.openSync(path, mode);
  }

  openSync(path: string, mode: OpenMode): FileHandle {
    if (this.openHandles >= this.descriptors)
      throw new CoterieError('DISK_IO', 'too many open files', { details: { file: path, osCode: 'EMFILE' } });
    if (mode === 'create') this.contents.set(path, new Uint8Array(0));
    if (!this.contents.has(path)) throw new CoterieError('DISK_IO', 'no such file', { details: { file: path, osCode: 'ENOENT' } });
    this.openHandles++;
    this.mostOpenHandles = Math.max(this.mostOpenHandles, this.openHandles);
    return new MemoryHandle(this, path);
  }

  /** Changes one byte of a file. */
  flip(path: string, offset: number, mask = 0x01): void {
    const bytes = this.contents.get(path) as Uint8Array;
    bytes[offset] ^= mask;
  }
}

class MemoryHandle implements FileHandle {
  readonly path: string;
  readonly #files: MemoryFiles;
  #open = true;

  constructor(files: MemoryFiles, path: string) {
    this.#files = files;
    this.path = path;
  }

  async read(into: Uint8Array, start: number, end: number, position: number): Promise<number> {
    await (this.#files.gate ?? Promise.resolve());
    return this.readSync(into, start, end, position);
  }

  readSync(into: Uint8Array, start: number, end: number, position: number): number {
    this.#files.reads++;
    const piece = this.#bytes().subarray(position, position + end - start);
    into.set(piece, start);
    return piece.length;
  }

  async write(bytes: Uint8Array, start: number, end: number, position: number): Promise<void> {
    this.writeSync(bytes, start, end, position);
  }

  writeSync(bytes: Uint8Array, start: number, end: number, position: number): void {
    const old = this.#bytes();
    const next = new Uint8Array(Math.max(old.length, position + end - start));
    next.set(old);
    next.set(bytes.subarray(start, end), position);
    this.#files.writes.push(end - start);
    this.#files.contents.set(this.path, next);
  }

  async sync(): Promise<void> {
    this.syncSync();
  }

  syncSync(): void {
    this.#files.syncs++;
  }

  async size(): Promise<number> {
    return this.sizeSync();
  }

  sizeSync(): number {
    return this.#bytes().length;
  }

  async truncate(size: number): Promise<void> {
    this.truncateSync(size);
  }

  truncateSync(size: number): void {
    this.#files.contents.set(this.path, this.#bytes().slice(0, size));
  }

  async close(): Promise<void> {
    this.closeSync();
  }

  closeSync(): void {
    if (!this.#open) throw new Error(`${this.path} closed twice`);
    this.#open = false;
    this.#files.openHandles--;
  }

  #bytes(): Uint8Array {
    if (!this.#open) throw new Error(`${this.path} used after close`);
    return this.#files.contents.get(this.path) as Uint8Array;
  }
}
