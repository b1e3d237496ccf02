/**
 * A file written front to back in big chunks. Blocks are composed in place in its buffer, so an entry's bytes are
 * copied once. Invariant: `bytes[0, length)` is what follows the `written` bytes that the file already has.
 */
import type { FileHandle } from '@coterie/env';

/** Bytes handed to the file system at a time. */
const chunkBytes = 256 * 1024;

/** Below this length a byte loop beats `set` of a view, which costs 60 ns for the call alone (100 with `subarray`). */
const loopBelowBytes = 24;

/** An append-only file with its write buffer. */
export class TableOutput {
  readonly #file: FileHandle;
  bytes: Uint8Array = new Uint8Array(chunkBytes + 64 * 1024);
  length = 0;
  written = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Offset in the file of the next byte. */
  get position(): number {
    return this.written + this.length;
  }

  /** Makes room for `extra` more bytes in `bytes`. */
  reserve(extra: number): void {
    const needed = this.length + extra;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length + chunkBytes));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  /** Appends `source[start, end)`. */
  copy(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.reserve(length);
    const bytes = this.bytes;
    const at = this.length;
    if (length < loopBelowBytes) {
      for (let i = 0; i < length; i++) bytes[at + i] = source[start + i];
    } else {
      bytes.set(new Uint8Array(source.buffer, source.byteOffset + start, length), at);
    }
    this.length = at + length;
  }

  /** Hands the buffer to the file once it holds a chunk. Called between blocks. */
  drain(): void {
    if (this.length >= chunkBytes) this.flush();
  }

  /** Hands all of the buffer to the file. */
  flush(): void {
    if (this.length > 0) this.#file.writeSync(this.bytes, 0, this.length, this.written);
    this.written += this.length;
    this.length = 0;
  }

  /** Everything is in the file and survives a crash when it returns. */
  finish(): void {
    this.flush();
    this.#file.syncSync();
  }
}
