/** Reads fields from untrusted bytes: every step is bounds-checked, and bad data throws `CORRUPTION`, never garbage. */
import { assert, CoterieError } from '@coterie/env';

// The short text that was read last. Media types are most of what is read, and hardly differ; decoding one costs half a microsecond.
const lastBytes = new Uint8Array(64);
let lastLength = -1;
let lastText = '';

function isLast(bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < lastLength; i++) if (bytes[start + i] !== lastBytes[i]) return false;
  return true;
}

/** A cursor over `bytes[start, end)`. */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  offset: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    assert(start >= 0 && start <= end && end <= bytes.length, 'a reader stays inside its bytes');
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  u8(): number {
    return this.bytes[this.#advance(1)];
  }

  u16(): number {
    const at = this.#advance(2);
    return this.bytes[at] | (this.bytes[at + 1] << 8);
  }

  u32(): number {
    const at = this.#advance(4);
    const b = this.bytes;
    return (b[at] | (b[at + 1] << 8) | (b[at + 2] << 16) | (b[at + 3] << 24)) >>> 0;
  }

  u48(): number {
    const low = this.u32();
    return low + this.u16() * 2 ** 32;
  }

  u53(): number {
    const low = this.u32();
    const high = this.u32();
    if (high > 0x1fffff) throw this.#bad('integer above 2^53');
    return low + high * 2 ** 32;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw this.#bad('varint above 2^53');
  }

  /** The next `length` bytes as a view of the input. */
  view(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.bytes.subarray(at, at + length);
  }

  /** A copy of the next byte string: varint length, then the bytes. */
  byteString(): Uint8Array {
    return this.view(this.varint()).slice();
  }

  /** The next string: varint length, then UTF-8; malformed UTF-8 is `CORRUPTION`. */
  string(): string {
    const length = this.varint();
    const at = this.#advance(length);
    if (length === lastLength && isLast(this.bytes, at)) return lastText;
    const bytes = this.bytes.subarray(at, at + length);
    const text = this.#decode(bytes);
    if (length <= lastBytes.length) {
      lastBytes.set(bytes);
      lastLength = length;
      lastText = text;
    }
    return text;
  }

  #decode(bytes: Uint8Array): string {
    try {
      return decoder.decode(bytes);
    } catch {
      throw this.#bad('not UTF-8');
    }
  }

  #advance(length: number): number {
    const at = this.offset;
    if (length > this.end - at) throw this.#bad('ends too early');
    this.offset = at + length;
    return at;
  }

  #bad(what: string): CoterieError {
    return new CoterieError('CORRUPTION', `malformed bytes: ${what} at ${this.offset}`, { details: { offset: this.offset } });
  }
}

// A byte order mark is a character like any other: what was written is read.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
