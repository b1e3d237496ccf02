/** Writes fields into bytes that grow as needed. Little-endian; the twin of `ByteReader`. */
import { varintLength, writeVarint } from './varint.ts';

/** An append-only byte buffer. */
export class ByteWriter {
  bytes: Uint8Array;
  length = 0;

  /** `room`: how many bytes to begin with, or the array to begin in. */
  constructor(room: number | Uint8Array = 256) {
    this.bytes = typeof room === 'number' ? new Uint8Array(room) : room;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.bytes[at] = value;
    this.bytes[at + 1] = value >>> 8;
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    const b = this.bytes;
    b[at] = value;
    b[at + 1] = value >>> 8;
    b[at + 2] = value >>> 16;
    b[at + 3] = value >>> 24;
    return this;
  }

  u48(value: number): this {
    return this.u32(value % 2 ** 32).u16(Math.floor(value / 2 ** 32));
  }

  u53(value: number): this {
    return this.u32(value % 2 ** 32).u32(Math.floor(value / 2 ** 32));
  }

  varint(value: number): this {
    const at = this.#grow(varintLength(value));
    writeVarint(this.bytes, at, value);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.bytes.set(bytes, at);
    return this;
  }

  /** Varint length, then the bytes. */
  byteString(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  /** Varint length, then UTF-8; a surrogate without its partner becomes U+FFFD. */
  string(text: string): this {
    if (text.length <= shortTextMax && this.#shortAscii(text)) return this;
    return this.byteString(encoder.encode(text));
  }

  /** Forgets what was written and keeps the buffer. */
  restart(): this {
    this.length = 0;
    return this;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  /** Names, ids and content types are short and ASCII: a loop takes 40 ns where the encoder and its new array take 500. */
  #shortAscii(text: string): boolean {
    const start = this.length;
    const at = this.#grow(1 + text.length);
    this.bytes[at] = text.length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) {
        this.length = start;
        return false;
      }
      this.bytes[at + 1 + i] = code;
    }
    return true;
  }

  #grow(extra: number): number {
    const at = this.length;
    this.length = at + extra;
    if (this.length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.length, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, at));
      this.bytes = grown;
    }
    return at;
  }
}

const encoder = new TextEncoder();
/** Longest text whose length is a varint of one byte. */
const shortTextMax = 127;
