/** Files that are in memory and durable as soon as they are written: for one process, and as long as somebody holds them. */
import { CoterieError, type DirectoryLock, type FileHandle, type FileIdentity, type Files, type OpenMode } from '@coterie/env';

interface Content {
  bytes: Uint8Array;
  size: number;
  readonly inode: number;
}

const spaceBytes = 2 ** 30;

/** A file system of its own. */
export class StageFiles implements Files {
  readonly #files = new Map<string, Content>();
  readonly #directories = new Set<string>();
  #inodes = 0;

  openSync(path: string, mode: OpenMode): FileHandle {
    if (mode !== 'create') return new StageFile(path, this.#find(path));
    if (this.existsSync(path)) throw refusal(path, 'EEXIST');
    const content: Content = { bytes: new Uint8Array(0), size: 0, inode: ++this.#inodes };
    this.#files.set(path, content);
    return new StageFile(path, content);
  }

  existsSync(path: string): boolean {
    return this.#files.has(path) || this.#directories.has(path);
  }

  listSync(directory: string): string[] {
    const inside = `${directory}/`;
    const names = [...this.#files.keys(), ...this.#directories].filter((path) => path.startsWith(inside));
    return names
      .map((path) => path.slice(inside.length))
      .filter((name) => !name.includes('/'))
      .sort();
  }

  makeDirectorySync(path: string): void {
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) this.#directories.add(path.slice(0, end));
  }

  renameSync(from: string, to: string): void {
    this.#files.set(to, this.#find(from));
    this.#files.delete(from);
  }

  linkSync(existing: string, to: string): void {
    if (this.existsSync(to)) throw refusal(to, 'EEXIST');
    this.#files.set(to, this.#find(existing));
  }

  removeSync(path: string): void {
    this.#find(path);
    this.#files.delete(path);
  }

  syncDirectorySync(): void {}

  freeBytesSync(): number {
    return spaceBytes;
  }

  identitySync(path: string): FileIdentity {
    return { device: 1, inode: this.#find(path).inode };
  }

  lockSync(): DirectoryLock {
    return { release: async () => {}, releaseSync() {} };
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    return this.openSync(path, mode);
  }

  async exists(path: string): Promise<boolean> {
    return this.existsSync(path);
  }

  async list(directory: string): Promise<string[]> {
    return this.listSync(directory);
  }

  async makeDirectory(path: string): Promise<void> {
    this.makeDirectorySync(path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.renameSync(from, to);
  }

  async link(existing: string, to: string): Promise<void> {
    this.linkSync(existing, to);
  }

  async remove(path: string): Promise<void> {
    this.removeSync(path);
  }

  async syncDirectory(): Promise<void> {}

  async freeBytes(): Promise<number> {
    return this.freeBytesSync();
  }

  async identity(path: string): Promise<FileIdentity> {
    return this.identitySync(path);
  }

  async lock(): Promise<DirectoryLock> {
    return this.lockSync();
  }

  #find(path: string): Content {
    const content = this.#files.get(path);
    if (content === undefined) throw refusal(path, 'ENOENT');
    return content;
  }
}

function refusal(file: string, osCode: string): CoterieError {
  return new CoterieError('DISK_IO', `${osCode}: ${file}`, { details: { file, osCode } });
}

class StageFile implements FileHandle {
  readonly path: string;
  readonly #content: Content;

  constructor(path: string, content: Content) {
    this.path = path;
    this.#content = content;
  }

  readSync(into: Uint8Array, start: number, end: number, position: number): number {
    const { bytes, size } = this.#content;
    const count = Math.max(0, Math.min(end - start, size - position));
    into.set(bytes.subarray(position, position + count), start);
    return count;
  }

  writeSync(bytes: Uint8Array, start: number, end: number, position: number): void {
    this.#reach(position + end - start);
    this.#content.bytes.set(bytes.subarray(start, end), position);
  }

  syncSync(): void {}

  sizeSync(): number {
    return this.#content.size;
  }

  truncateSync(size: number): void {
    const { bytes, size: before } = this.#content;
    bytes.fill(0, Math.min(size, before), before);
    this.#content.size = Math.min(size, before);
    this.#reach(size);
  }

  closeSync(): void {}

  async read(into: Uint8Array, start: number, end: number, position: number): Promise<number> {
    return this.readSync(into, start, end, position);
  }

  async write(bytes: Uint8Array, start: number, end: number, position: number): Promise<void> {
    this.writeSync(bytes, start, end, position);
  }

  async sync(): Promise<void> {}

  async size(): Promise<number> {
    return this.sizeSync();
  }

  async truncate(size: number): Promise<void> {
    this.truncateSync(size);
  }

  async close(): Promise<void> {}

  /** Lets the file be at least so long. */
  #reach(size: number): void {
    const content = this.#content;
    if (size > content.bytes.length) {
      const longer = new Uint8Array(Math.max(size, 2 * content.bytes.length));
      longer.set(content.bytes);
      content.bytes = longer;
    }
    content.size = Math.max(content.size, size);
  }
}
