/**
 * A file written front to back in big chunks. Blocks are composed in place in its buffer, so an entry's bytes are
 * copied once. Invariant: `bytes[0, length)` is what follows the `written` bytes that the file already has.
 */
import type { FileHandle } from '@coterie/env';

/** Bytes handed to the file system at a time. */
const chunkBytes = 256 * 1024;

/** Below this length a byte loop is quickest. */
const loopBelowBytes = 24;
/** From this length on `set` of a view is quickest: it costs 60 ns for the call alone, and the view is garbage. */
const setFromBytes = 512;

/** An append-only file with its write buffer. */
export class TableOutput {
  readonly #file: FileHandle;
  bytes: Uint8Array = new Uint8Array(chunkBytes + 64 * 1024);
  #view = new DataView(this.bytes.buffer);
  /** The array last copied from by words, and a view of it: entries mostly come out of one array for long. */
  #source: Uint8Array = this.bytes;
  #sourceView = this.#view;
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
    this.#view = new DataView(grown.buffer);
  }

  /** Appends `source[start, end)`. */
  copy(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.reserve(length);
    const bytes = this.bytes;
    const at = this.length;
    if (length < loopBelowBytes) {
      for (let i = 0; i < length; i++) bytes[at + i] = source[start + i];
    } else if (length < setFromBytes) {
      this.#copyWords(source, start, end);
    } else {
      bytes.set(new Uint8Array(source.buffer, source.byteOffset + start, length), at);
    }
    this.length = at + length;
  }

  /** Copies a word at a time, at any offset; the last one laps over the one before, so there must be four bytes. */
  #copyWords(source: Uint8Array, start: number, end: number): void {
    if (source !== this.#source) {
      this.#source = source;
      this.#sourceView = new DataView(source.buffer, source.byteOffset, source.length);
    }
    const from = this.#sourceView;
    const to = this.#view;
    const shift = this.length - start;
    const last = end - 4;
    let i = start;
    // Two words a step. Integers: as floating-point numbers some patterns of bits would not stay what they are.
    for (; i < last - 4; i += 8) {
      to.setInt32(i + shift, from.getInt32(i, true), true);
      to.setInt32(i + shift + 4, from.getInt32(i + 4, true), true);
    }
    if (i < last) to.setInt32(i + shift, from.getInt32(i, true), true);
    to.setInt32(last + shift, from.getInt32(last, true), true);
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
