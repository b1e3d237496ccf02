/** `Files` over a simulated disk, for one life of a process. When and whether the disk answers is `access.ts`. */
import type { DirectoryLock, FileHandle, FileIdentity, Files, OpenMode } from '@coterie/env';
import { later, now } from './access.ts';
import type { DiskUser } from './access.ts';
import type { DiskRequest } from './disk.ts';
import { SimulatedHandle } from './handle.ts';
import type { FileNode } from './nodes.ts';
import * as nameRequests from './name-requests.ts';
import * as requests from './requests.ts';

/** The file system that one life sees. */
export class SimulatedFiles implements Files {
  readonly #user: DiskUser;
  /** Handles not closed, so that a dead worker's can be taken from it. */
  readonly #open = new Set<SimulatedHandle>();

  constructor(user: DiskUser) {
    this.#user = user;
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    return this.#handle(await later(this.#user, requests.openRequest(this.#user.disk, path, mode)), path, mode);
  }

  openSync(path: string, mode: OpenMode): FileHandle {
    return this.#handle(now(this.#user, requests.openRequest(this.#user.disk, path, mode)), path, mode);
  }

  exists(path: string): Promise<boolean> {
    return later(this.#user, this.#existsRequest(path));
  }

  existsSync(path: string): boolean {
    return now(this.#user, this.#existsRequest(path));
  }

  list(directory: string): Promise<string[]> {
    return later(this.#user, nameRequests.listRequest(this.#user.disk, directory));
  }

  listSync(directory: string): string[] {
    return now(this.#user, nameRequests.listRequest(this.#user.disk, directory));
  }

  makeDirectory(path: string): Promise<void> {
    return later(this.#user, nameRequests.makeDirectoryRequest(this.#user.disk, path));
  }

  makeDirectorySync(path: string): void {
    now(this.#user, nameRequests.makeDirectoryRequest(this.#user.disk, path));
  }

  rename(from: string, to: string): Promise<void> {
    return later(this.#user, nameRequests.renameRequest(this.#user.disk, from, to));
  }

  renameSync(from: string, to: string): void {
    now(this.#user, nameRequests.renameRequest(this.#user.disk, from, to));
  }

  link(existing: string, to: string): Promise<void> {
    return later(this.#user, nameRequests.linkRequest(this.#user.disk, existing, to));
  }

  linkSync(existing: string, to: string): void {
    now(this.#user, nameRequests.linkRequest(this.#user.disk, existing, to));
  }

  remove(path: string): Promise<void> {
    return later(this.#user, nameRequests.removeRequest(this.#user.disk, path));
  }

  removeSync(path: string): void {
    now(this.#user, nameRequests.removeRequest(this.#user.disk, path));
  }

  syncDirectory(path: string): Promise<void> {
    return later(this.#user, nameRequests.syncDirectoryRequest(this.#user.disk, path));
  }

  syncDirectorySync(path: string): void {
    now(this.#user, nameRequests.syncDirectoryRequest(this.#user.disk, path));
  }

  freeBytes(directory: string): Promise<number> {
    return later(this.#user, this.#freeBytesRequest(directory));
  }

  freeBytesSync(directory: string): number {
    return now(this.#user, this.#freeBytesRequest(directory));
  }

  identity(path: string): Promise<FileIdentity> {
    return later(this.#user, nameRequests.identityRequest(this.#user.disk, path));
  }

  identitySync(path: string): FileIdentity {
    return now(this.#user, nameRequests.identityRequest(this.#user.disk, path));
  }

  async lock(directory: string): Promise<DirectoryLock> {
    const { disk, life } = this.#user;
    return this.#directoryLock(directory, await later(this.#user, nameRequests.lockRequest(disk, directory, life)));
  }

  lockSync(directory: string): DirectoryLock {
    const { disk, life } = this.#user;
    return this.#directoryLock(directory, now(this.#user, nameRequests.lockRequest(disk, directory, life)));
  }

  /** Gives all open handles back, as the system does when a thread dies. Not an operation. */
  abandon(): void {
    for (const handle of this.#open) handle.abandon();
  }

  #handle(file: FileNode, path: string, mode: OpenMode): FileHandle {
    const handle = new SimulatedHandle(this.#user, { file, path, mode }, this.#open);
    this.#open.add(handle);
    return handle;
  }

  #directoryLock(directory: string, file: FileNode): DirectoryLock {
    let held = true;
    const request = (): DiskRequest<void> => {
      held = false;
      return nameRequests.unlockRequest(this.#user.disk, directory, file);
    };
    return {
      release: () => (held ? later(this.#user, request()) : Promise.resolve()),
      releaseSync: () => (held ? now(this.#user, request()) : undefined),
    };
  }

  #existsRequest(path: string): DiskRequest<boolean> {
    return { kind: 'exists', path, run: () => this.#user.disk.names.find(path) !== undefined };
  }

  #freeBytesRequest(path: string): DiskRequest<number> {
    return { kind: 'freeBytes', path, run: () => this.#user.disk.freeBytes };
  }
}
