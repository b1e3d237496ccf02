/**
 * An answer to a `PlainRequest`; of node:http's `ServerResponse` as much as handlers use. Several requests of a connection
 * are worked on at a time, and their answers leave in the order of the requests: one that is not in front keeps what it has.
 *
 * ```
 *  made ──writeHead──▶ begun ──end(body)──▶ ended          in one piece, with Content-Length
 *                        └──write(piece)* ──end()──▶ ended  in chunks
 * ```
 */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Bodies up to this length leave in one piece with their head, as Latin-1: with two the system is called with a list, which costs as much as
 * a tenth of a small read. Longer ones are sent as they are.
 */
const joinedBytesMax = 4096;

/** What a response needs of its connection. */
export interface PlainWay {
  readonly socket: Socket;
  /** The header lines that each answer ends with: date, and what becomes of the connection. */
  closingLines(isLast: boolean): string;
  /** A response has something to send, or has ended. */
  ready(response: PlainResponse): void;
}

type Event = 'close' | 'drain' | 'error';

/** One answer. */
export class PlainResponse {
  readonly socket: Socket;
  headersSent = false;
  /** Whether all of it was handed over. */
  hasEnded = false;
  /** Whether the connection ends behind it. */
  isLast = false;
  /** Whether its connection ended, or it has left. */
  destroyed = false;
  /** What waits until it is in front. */
  private pieces: (Uint8Array | string)[] = [];
  private head = '';
  private isInChunks = false;
  private hasLength = false;
  private readonly way: PlainWay;
  private hasBody: boolean;
  private onClose: (() => void)[] | undefined;
  private onDrain: (() => void) | undefined;

  constructor(way: PlainWay, isHead: boolean) {
    this.way = way;
    this.socket = way.socket;
    this.hasBody = !isHead;
  }

  on(event: Event, listener: () => void): this {
    if (event === 'close') (this.onClose ??= []).push(listener);
    else if (event === 'drain') this.onDrain = listener;
    return this;
  }

  off(event: 'close', listener: () => void): this {
    if (event === 'close') this.onClose = this.onClose?.filter((other) => other !== listener);
    return this;
  }

  /** Status and headers (names and values in turn). @throws TypeError for a value that would end its line */
  writeHead(status: number, headers: readonly string[]): void {
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i];
      const value = headers[i + 1];
      if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) throw new TypeError(`the value of ${name} has characters that no header may have`);
      if (name === 'Connection') {
        this.isLast ||= value === 'close';
        continue;
      }
      if (name === 'Content-Length') this.hasLength = true;
      head += `${name}: ${value}\r\n`;
    }
    if (status === 204 || status === 304) this.hasBody = false;
    this.head = head;
    this.headersSent = true;
  }

  /** Sends a piece of a body whose length is not known; `false` when the next had better wait for `drain`. */
  write(piece: Uint8Array | string): boolean {
    if (this.destroyed || this.hasEnded) return false;
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    if (this.head !== '') this.begin();
    if (this.hasBody && bytes.length > 0) {
      if (this.isInChunks) this.pieces.push(`${bytes.length.toString(16)}\r\n`, bytes, '\r\n');
      else this.pieces.push(bytes);
    }
    this.way.ready(this);
    return this.pieces.length === 0 && !this.socket.writableNeedDrain;
  }

  /** Ends the answer; `body` is all of it, where nothing was written before. */
  end(body?: Uint8Array | string): void {
    if (this.destroyed || this.hasEnded) return;
    if (this.head === '') {
      if (this.isInChunks) this.pieces.push('0\r\n\r\n');
    } else this.endWhole(body);
    this.hasEnded = true;
    this.way.ready(this);
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** What is to be sent now. */
  take(): readonly (Uint8Array | string)[] {
    const { pieces } = this;
    this.pieces = [];
    return pieces;
  }

  /** The connection takes more. */
  drained(): void {
    this.onDrain?.();
  }

  /** It has left, or its connection has ended. */
  closed(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.pieces = [];
    const { onClose } = this;
    if (onClose !== undefined) for (const listener of onClose) listener();
  }

  private begin(): void {
    this.isInChunks = this.hasBody && !this.hasLength;
    const framing = this.isInChunks ? 'Transfer-Encoding: chunked\r\n' : '';
    this.pieces.push(`${this.head}${this.way.closingLines(this.isLast)}${framing}\r\n`);
    this.head = '';
  }

  private endWhole(body: Uint8Array | string = ''): void {
    // An answer to HEAD has the length that the one to GET would have, if it is known.
    const length =
      this.hasLength || !this.hasBody ? '' : `Content-Length: ${typeof body === 'string' ? Buffer.byteLength(body) : body.length}\r\n`;
    const head = `${this.head}${length}${this.way.closingLines(this.isLast)}\r\n`;
    this.head = '';
    if (!this.hasBody || body.length === 0) this.pieces.push(head);
    else if (body.length > joinedBytesMax) this.pieces.push(head, body);
    else this.pieces.push(head + latin1(body));
  }
}

/** Text of which each character stands for a byte. */
function latin1(body: Uint8Array | string): string {
  const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.length);
  return bytes.toString('latin1');
}
