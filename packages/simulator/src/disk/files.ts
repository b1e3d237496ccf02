/**
 * `Files` over a simulated disk, for one life of a process. A sync form asks the disk at once and spends a little virtual
 * time. An async form asks at an event some time later, so operations in flight take effect in seeded order, and those
 * that had not when power failed never do.
 *
 * After the power failed a sync form throws `CrashError`; an async one never answers, as nobody is left to hear it.
 */
import { CoterieError } from '@coterie/env';
import type { DirectoryLock, FileHandle, FileIdentity, Files, OpenMode } from '@coterie/env';
import type { SeededRandom } from '../random.ts';
import type { Life, Schedule } from '../schedule.ts';
import type { DiskRequest, SimulatedDisk } from './disk.ts';
import { CrashError, systemError } from './faults.ts';
import type { DiskOperationKind } from './faults.ts';
import type { FileNode } from './nodes.ts';
import * as requests from './requests.ts';

/** How long operations take: [at least, at most] in milliseconds. */
const latencyMs: Partial<Record<DiskOperationKind, readonly [number, number]>> = {
  read: [0.02, 0.2],
  write: [0.01, 0.1],
  sync: [0.1, 1],
  syncDirectory: [0.1, 1],
};
const otherLatencyMs = [0.01, 0.1] as const;

/** Who asks, of which disk, in which time. */
export interface DiskUser {
  readonly disk: SimulatedDisk;
  readonly schedule: Schedule;
  readonly random: SeededRandom;
  readonly life: Life;
  /** Called before each operation; what it throws is thrown instead. Jobs die here. */
  readonly gate?: (kind: DiskOperationKind, path: string) => void;
}

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
    return later(this.#user, requests.listRequest(this.#user.disk, directory));
  }

  listSync(directory: string): string[] {
    return now(this.#user, requests.listRequest(this.#user.disk, directory));
  }

  makeDirectory(path: string): Promise<void> {
    return later(this.#user, requests.makeDirectoryRequest(this.#user.disk, path));
  }

  makeDirectorySync(path: string): void {
    now(this.#user, requests.makeDirectoryRequest(this.#user.disk, path));
  }

  rename(from: string, to: string): Promise<void> {
    return later(this.#user, requests.renameRequest(this.#user.disk, from, to));
  }

  renameSync(from: string, to: string): void {
    now(this.#user, requests.renameRequest(this.#user.disk, from, to));
  }

  link(existing: string, to: string): Promise<void> {
    return later(this.#user, requests.linkRequest(this.#user.disk, existing, to));
  }

  linkSync(existing: string, to: string): void {
    now(this.#user, requests.linkRequest(this.#user.disk, existing, to));
  }

  remove(path: string): Promise<void> {
    return later(this.#user, requests.removeRequest(this.#user.disk, path));
  }

  removeSync(path: string): void {
    now(this.#user, requests.removeRequest(this.#user.disk, path));
  }

  syncDirectory(path: string): Promise<void> {
    return later(this.#user, requests.syncDirectoryRequest(this.#user.disk, path));
  }

  syncDirectorySync(path: string): void {
    now(this.#user, requests.syncDirectoryRequest(this.#user.disk, path));
  }

  freeBytes(directory: string): Promise<number> {
    return later(this.#user, this.#freeBytesRequest(directory));
  }

  freeBytesSync(directory: string): number {
    return now(this.#user, this.#freeBytesRequest(directory));
  }

  identity(path: string): Promise<FileIdentity> {
    return later(this.#user, requests.identityRequest(this.#user.disk, path));
  }

  identitySync(path: string): FileIdentity {
    return now(this.#user, requests.identityRequest(this.#user.disk, path));
  }

  async lock(directory: string): Promise<DirectoryLock> {
    const { disk, life } = this.#user;
    return this.#directoryLock(directory, await later(this.#user, requests.lockRequest(disk, directory, life)));
  }

  lockSync(directory: string): DirectoryLock {
    const { disk, life } = this.#user;
    return this.#directoryLock(directory, now(this.#user, requests.lockRequest(disk, directory, life)));
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
      return requests.unlockRequest(this.#user.disk, directory, file);
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

class SimulatedHandle implements FileHandle {
  readonly path: string;
  readonly #user: DiskUser;
  readonly #file: FileNode;
  readonly #mode: OpenMode;
  readonly #open: Set<SimulatedHandle>;
  #closing = false;
  #inFlight = 0;
  #whenIdle: (() => void) | undefined;

  constructor(user: DiskUser, opened: { file: FileNode; path: string; mode: OpenMode }, open: Set<SimulatedHandle>) {
    this.#user = user;
    this.path = opened.path;
    this.#file = opened.file;
    this.#mode = opened.mode;
    this.#open = open;
  }

  read(into: Uint8Array, start: number, end: number, position: number): Promise<number> {
    return this.#later(requests.readRequest(this.#file, this.path, { into, start, end, position }));
  }

  readSync(into: Uint8Array, start: number, end: number, position: number): number {
    return this.#now(requests.readRequest(this.#file, this.path, { into, start, end, position }));
  }

  write(bytes: Uint8Array, start: number, end: number, position: number): Promise<void> {
    return this.#later(this.#writeRequest(bytes.subarray(start, end), position));
  }

  writeSync(bytes: Uint8Array, start: number, end: number, position: number): void {
    this.#now(this.#writeRequest(bytes.subarray(start, end), position));
  }

  sync(): Promise<void> {
    return this.#later(requests.syncRequest(this.#file, this.path));
  }

  syncSync(): void {
    this.#now(requests.syncRequest(this.#file, this.path));
  }

  size(): Promise<number> {
    return this.#later(this.#sizeRequest());
  }

  sizeSync(): number {
    return this.#now(this.#sizeRequest());
  }

  truncate(size: number): Promise<void> {
    return this.#later(this.#truncateRequest(size));
  }

  truncateSync(size: number): void {
    this.#now(this.#truncateRequest(size));
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    await later(this.#user, this.#closeRequest());
  }

  closeSync(): void {
    if (this.#closing) return;
    this.#closing = true;
    now(this.#user, this.#closeRequest());
  }

  abandon(): void {
    this.#closing = true;
    this.#closeRequest().run();
  }

  #writeRequest(bytes: Uint8Array, position: number): DiskRequest<void> {
    return this.#writing(requests.writeRequest(this.#user.disk, { file: this.#file, path: this.path }, { bytes, position }));
  }

  #truncateRequest(size: number): DiskRequest<void> {
    return this.#writing(requests.truncateRequest(this.#user.disk, { file: this.#file, path: this.path }, size));
  }

  #sizeRequest(): DiskRequest<number> {
    return { kind: 'size', path: this.path, run: () => this.#file.current.size };
  }

  #closeRequest(): DiskRequest<void> {
    const request = requests.closeRequest(this.#user.disk, this.#file, this.path);
    return {
      ...request,
      run: () => {
        if (this.#open.delete(this)) request.run();
      },
    };
  }

  #writing(request: DiskRequest<void>): DiskRequest<void> {
    if (this.#mode !== 'read') return request;
    return {
      ...request,
      run: () => {
        throw systemError(request.kind, this.path, 'EBADF');
      },
    };
  }

  #now<T>(request: DiskRequest<T>): T {
    this.#assertOpen(request.kind);
    return now(this.#user, request);
  }

  async #later<T>(request: DiskRequest<T>): Promise<T> {
    this.#assertOpen(request.kind);
    this.#inFlight++;
    try {
      return await later(this.#user, request);
    } finally {
      if (--this.#inFlight === 0) this.#whenIdle?.();
    }
  }

  #assertOpen(kind: string): void {
    if (this.#closing)
      throw new CoterieError('CLOSED', `cannot ${kind} ${this.path}: its handle is closed`, { details: { file: this.path } });
  }
}

function now<T>(user: DiskUser, request: DiskRequest<T>): T {
  const { disk, schedule, life } = user;
  user.gate?.(request.kind, request.path);
  const fault = disk.announce(life, request);
  schedule.spend(latencyOf(user, request.kind) + delayOf(fault));
  return disk.execute(life, request, fault);
}

function later<T>(user: DiskUser, request: DiskRequest<T>): Promise<T> {
  const { disk, schedule, life } = user;
  return new Promise((resolve, reject) => {
    const attempt = (action: () => void): void => {
      try {
        action();
      } catch (error) {
        if (!(error instanceof CrashError)) reject(error);
      }
    };
    schedule.after(latencyOf(user, request.kind), life, () =>
      attempt(() => {
        user.gate?.(request.kind, request.path);
        const fault = disk.announce(life, request);
        const finish = (): void => attempt(() => resolve(disk.execute(life, request, fault)));
        if (delayOf(fault) > 0) schedule.after(delayOf(fault), life, finish);
        else finish();
      }),
    );
  });
}

function latencyOf({ random }: DiskUser, kind: DiskOperationKind): number {
  const [least, most] = latencyMs[kind] ?? otherLatencyMs;
  return least + (most - least) * random.fraction();
}

function delayOf(fault: ReturnType<SimulatedDisk['announce']>): number {
  return fault === undefined || fault === 'crash' ? 0 : (fault.delayMs ?? 0);
}
