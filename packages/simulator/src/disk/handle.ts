/** An open file on a simulated disk, in one life of a process. */
import { CoterieError } from '@coterie/env';
import type { FileHandle, OpenMode } from '@coterie/env';
import { later, now } from './access.ts';
import type { DiskUser } from './access.ts';
import type { DiskRequest } from './disk.ts';
import { systemError } from './faults.ts';
import type { FileNode } from './nodes.ts';
import * as requests from './requests.ts';

/** A `FileHandle`; `open` is the set of its life's open handles, which it leaves when it closes. */
export class SimulatedHandle implements FileHandle {
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
