/**
 * An open file on a descriptor, with explicit positions. Short reads and writes of the system are continued until the
 * request is whole. Callback forms of `fs` wrapped in a promise are the quickest async path Node has: `fs/promises`
 * costs an object and two more turns a call.
 *
 * ```
 *  open ──close()──▶ closing (no new operations; those in flight finish) ──last one done──▶ closed, descriptor free
 * ```
 *
 * Invariant: the descriptor is given back only when no operation on it is in flight. The system hands its number to the
 * next open at once, and a late write would land in a stranger's file.
 */
import * as fs from 'node:fs';
import { CoterieError } from '@coterie/env';
import type { FileHandle } from '@coterie/env';
import { diskError, systemError } from './disk-error.ts';

type Done<T> = (error: Error | null, value: T) => void;

/** A `FileHandle` over a file descriptor, which it owns. */
export class NodeFileHandle implements FileHandle {
  readonly path: string;
  readonly #fd: number;
  readonly #released: () => void;
  #inFlight = 0;
  #closing = false;
  #whenClosed: Done<void> | undefined;

  /** `released` is called once, when the descriptor is given back. */
  constructor(path: string, fd: number, released: () => void) {
    this.path = path;
    this.#fd = fd;
    this.#released = released;
  }

  read(into: Uint8Array, start: number, end: number, position: number): Promise<number> {
    return this.#start('read', (done: Done<number>) => {
      const step = (at: number): void => {
        fs.read(this.#fd, into, at, end - at, position + at - start, (error, count) => {
          if (error !== null) done(error, 0);
          else if (count === 0 || at + count === end) done(null, at + count - start);
          else step(at + count);
        });
      };
      step(start);
    });
  }

  readSync(into: Uint8Array, start: number, end: number, position: number): number {
    this.#assertOpen('read');
    try {
      let at = start;
      while (at < end) {
        const count = fs.readSync(this.#fd, into, at, end - at, position + at - start);
        if (count === 0) break;
        at += count;
      }
      return at - start;
    } catch (error) {
      throw diskError('read', this.path, error);
    }
  }

  write(bytes: Uint8Array, start: number, end: number, position: number): Promise<void> {
    return this.#start('write', (done: Done<void>) => {
      const step = (at: number): void => {
        if (at === end) return done(null);
        fs.write(this.#fd, bytes, at, end - at, position + at - start, (error, count) => {
          if (error !== null) done(error);
          else if (count === 0) done(this.#stuck());
          else step(at + count);
        });
      };
      step(start);
    });
  }

  writeSync(bytes: Uint8Array, start: number, end: number, position: number): void {
    this.#assertOpen('write');
    try {
      let at = start;
      while (at < end) {
        const count = fs.writeSync(this.#fd, bytes, at, end - at, position + at - start);
        if (count === 0) throw this.#stuck();
        at += count;
      }
    } catch (error) {
      throw diskError('write', this.path, error);
    }
  }

  sync(): Promise<void> {
    return this.#start('sync', (done: Done<void>) => fs.fdatasync(this.#fd, done as fs.NoParamCallback));
  }

  syncSync(): void {
    this.#sync('sync', () => fs.fdatasyncSync(this.#fd));
  }

  size(): Promise<number> {
    return this.#start('measure', (done: Done<number>) =>
      fs.fstat(this.#fd, (error, stats) => done(error, error === null ? stats.size : 0)),
    );
  }

  sizeSync(): number {
    return this.#sync('measure', () => fs.fstatSync(this.#fd).size);
  }

  truncate(size: number): Promise<void> {
    return this.#start('truncate', (done: Done<void>) => fs.ftruncate(this.#fd, size, done as fs.NoParamCallback));
  }

  truncateSync(size: number): void {
    this.#sync('truncate', () => fs.ftruncateSync(this.#fd, size));
  }

  /** Resolves when the operations in flight are over and the descriptor is given back. Closing twice is harmless. */
  close(): Promise<void> {
    if (this.#closing) return Promise.resolve();
    this.#closing = true;
    return new Promise((resolve, reject) => {
      this.#whenClosed = (error) => (error === null ? resolve() : reject(diskError('close', this.path, error)));
      this.#closeIfIdle();
    });
  }

  /** With operations in flight the descriptor is given back after the last of them. */
  closeSync(): void {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#inFlight > 0) return;
    this.#released();
    try {
      fs.closeSync(this.#fd);
    } catch (error) {
      throw diskError('close', this.path, error);
    }
  }

  #start<T>(action: string, operation: (done: Done<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#assertOpen(action);
      this.#inFlight++;
      operation((error, value) => {
        this.#inFlight--;
        if (error === null || error === undefined) resolve(value);
        else reject(diskError(action, this.path, error));
        if (this.#closing) this.#closeIfIdle();
      });
    });
  }

  #sync<T>(action: string, operation: () => T): T {
    this.#assertOpen(action);
    try {
      return operation();
    } catch (error) {
      throw diskError(action, this.path, error);
    }
  }

  #closeIfIdle(): void {
    if (this.#inFlight > 0) return;
    fs.close(this.#fd, (error) => {
      this.#released();
      this.#whenClosed?.(error ?? null);
    });
  }

  #assertOpen(action: string): void {
    if (this.#closing)
      throw new CoterieError('CLOSED', `cannot ${action} ${this.path}: its handle is closed`, { details: { file: this.path } });
  }

  #stuck(): CoterieError {
    return systemError('write', this.path, { osCode: 'EIO' });
  }
}
