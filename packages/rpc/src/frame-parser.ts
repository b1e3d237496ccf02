/**
 * Cuts what arrives into frames, however it is cut into pieces. A frame that lies in one piece is not copied; one that
 * does not is put together when its last byte is there, so memory grows with what arrived, not with what was announced.
 *
 * ```
 *  feed(piece)* ─▶ next() ─▶ Frame | undefined (more bytes are needed)
 * ```
 */
import type { Frame } from './frame.ts';
import { headerBytes, openFrame, payloadLength, preamble, protocolError } from './frame.ts';

/** The frames of one stream. */
export class FrameParser {
  /** Longest frame that is allowed now: little before the peer has said who it is. */
  frameBytesMax: number;
  #pieces: Uint8Array[] = [];
  /** Bytes of the first piece that are used up. */
  #offset = 0;
  #available = 0;
  #preambleSeen = false;

  constructor(frameBytesMax: number) {
    this.frameBytesMax = frameBytesMax;
  }

  /** Bytes that are waiting to become frames. */
  get bufferedBytes(): number {
    return this.#available;
  }

  feed(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#available += piece.length;
  }

  /** The next whole frame. @throws CoterieError `PROTOCOL`, after which the stream is useless */
  next(): Frame | undefined {
    if (!this.#preambleSeen && !this.#readPreamble()) return undefined;
    if (this.#available < headerBytes || !this.#gather(headerBytes)) return undefined;
    const payload = payloadLength(this.#pieces[0], this.#offset);
    const length = headerBytes + payload;
    if (length > this.frameBytesMax) throw protocolError(`a frame of ${length} bytes, where ${this.frameBytesMax} are allowed`);
    if (this.#available < length || !this.#gather(length)) return undefined;
    const frame = openFrame(this.#pieces[0], this.#offset, length);
    this.#consume(length);
    return frame;
  }

  #readPreamble(): boolean {
    const got = Math.min(this.#available, preamble.length);
    if (got === 0 || !this.#gather(got)) return false;
    for (let i = 0; i < got; i++) {
      if (this.#pieces[0][this.#offset + i] !== preamble[i]) throw protocolError('it does not speak this protocol at all');
    }
    if (got < preamble.length) return false;
    this.#consume(got);
    this.#preambleSeen = true;
    return true;
  }

  /** Makes the next `length` bytes, which are there, lie in the first piece. */
  #gather(length: number): boolean {
    const [first] = this.#pieces;
    if (first.length - this.#offset >= length) return true;
    const whole = new Uint8Array(this.#gatheredBytes(length));
    let at = 0;
    let used = 0;
    for (const piece of this.#pieces) {
      if (at >= length) break;
      const from = used === 0 ? this.#offset : 0;
      whole.set(from === 0 ? piece : piece.subarray(from), at);
      at += piece.length - from;
      used++;
    }
    this.#pieces.splice(0, used, whole);
    this.#offset = 0;
    return true;
  }

  /** Bytes of as many whole pieces as hold the next `length`. */
  #gatheredBytes(length: number): number {
    let bytes = -this.#offset;
    for (const piece of this.#pieces) {
      bytes += piece.length;
      if (bytes >= length) break;
    }
    return bytes;
  }

  #consume(length: number): void {
    this.#available -= length;
    this.#offset += length;
    if (this.#offset < this.#pieces[0].length) return;
    this.#pieces.shift();
    this.#offset = 0;
  }
}
