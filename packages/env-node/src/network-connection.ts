/**
 * A connection over a socket.
 *
 * What is sent in one turn of the event loop goes to the system in one write: pieces are collected until all that the
 * system had to tell in this turn is handled (an immediate comes next, before the loop could sleep), small ones are copied
 * together, large ones go as they are. A system call, and waking who reads, cost more than copying a few kilobytes.
 *
 * What comes is read into one buffer where Node offers that, which is on the side that dialled, and copied from there: for
 * each read Node would take 64 KiB and give most of them back, and lead what came through a stream.
 */
import type { OnReadOpts, Socket } from 'node:net';
import { CoterieError, connectionLost, formatAddress, sendQueueMaxBytes, sendQueueWiseBytes } from '@coterie/env';
import type { Connection, ConnectionHandlers } from '@coterie/env';
import { networkError } from './network-error.ts';

/** A piece from this length on is written by itself. */
const copyBelowBytes = 16_384;

/** Most bytes that one read takes. Of the buffer only what was ever filled takes memory. */
const readBytesMax = 65_536;

/** What a dialled socket reads into. */
export class Inbox {
  /** Gets a copy of all that comes. */
  deliver: (bytes: Uint8Array) => void = () => {};
  /** For `net.connect`. */
  readonly onread: OnReadOpts = {
    buffer: new Uint8Array(readBytesMax),
    callback: (length, buffer) => {
      const copy = Buffer.allocUnsafe(length);
      copy.set(length === buffer.length ? buffer : buffer.subarray(0, length));
      this.deliver(plain(copy));
      return true;
    },
  };
}

/** A `Connection` over a connected, paused socket, which it owns. */
export class NodeConnection implements Connection {
  readonly remoteAddress: string;
  readonly #socket: Socket;
  readonly #inbox: Inbox | undefined;
  #handlers: ConnectionHandlers | undefined;
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #flushing = false;
  #wantsDrain = false;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #reason: CoterieError | undefined;

  /** `inbox`: what the socket reads into, if it does not read as a stream. */
  constructor(socket: Socket, inbox?: Inbox) {
    this.#socket = socket;
    this.#inbox = inbox;
    this.remoteAddress = formatAddress(socket.remoteAddress ?? 'unknown', socket.remotePort ?? 0);
    socket.on('error', (error) => {
      const reason = networkError('lost the connection to', this.remoteAddress, error);
      this.#reason ??= reason instanceof CoterieError ? reason : connectionLost(this.remoteAddress, reason.message);
    });
    socket.on('close', () => this.#closed());
  }

  get queuedBytes(): number {
    return this.#pieceBytes + this.#socket.writableLength;
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    if (this.#state === 'closed') return queueMicrotask(() => handlers.closed(this.#reason));
    const take = (bytes: Uint8Array): void => {
      if (this.#state === 'open') handlers.data(bytes);
    };
    if (this.#inbox === undefined) this.#socket.on('data', (bytes) => take(plain(bytes)));
    else this.#inbox.deliver = take;
    this.#socket.on('drain', () => this.#drained());
    this.#socket.resume();
  }

  send(bytes: Uint8Array): boolean {
    if (this.#state !== 'open') return true;
    this.#pieces.push(bytes);
    this.#pieceBytes += bytes.length;
    if (!this.#flushing) {
      this.#flushing = true;
      setImmediate(this.#flush);
    }
    const queued = this.queuedBytes;
    if (queued > sendQueueMaxBytes) this.#lose(`the peer does not read; ${queued} bytes wait for it`);
    if (queued <= sendQueueWiseBytes) return true;
    this.#wantsDrain = true;
    return false;
  }

  /** An immediate that is set within one comes a turn later: what is sent at the end of a turn would wait for the next. */
  flush(): void {
    // The immediate that was set stays: it finds what is sent from here on.
    if (this.#pieces.length > 0) this.#handOver();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    if (this.#state !== 'open') return;
    this.#flush();
    this.#state = 'closing';
    this.#socket.end();
    // Bytes nobody wants still have to be read, or the peer's end never arrives.
    this.#socket.resume();
  }

  destroy(): void {
    this.#lose('this side gave up the connection');
  }

  #lose(why: string): void {
    if (this.#state === 'closed') return;
    this.#reason ??= connectionLost(this.remoteAddress, why);
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#state = 'closing';
    this.#socket.resetAndDestroy();
  }

  #closed(): void {
    this.#state = 'closed';
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#handlers?.closed(this.#reason);
  }

  #drained(): void {
    if (!this.#wantsDrain || this.#state !== 'open') return;
    this.#wantsDrain = false;
    this.#handlers?.drain();
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    this.#handOver();
  };

  #handOver(): void {
    if (this.#pieces.length === 0 || this.#state !== 'open') return;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#pieceBytes = 0;
    if (pieces.length === 1) this.#write(pieces[0]);
    else this.#writeMany(pieces);
    if (this.#socket.writableLength === 0) this.#drained();
  }

  #writeMany(pieces: readonly Uint8Array[]): void {
    this.#socket.cork();
    let first = 0;
    let bytes = 0;
    for (let i = 0; i <= pieces.length; i++) {
      const isSmall = i < pieces.length && pieces[i].length < copyBelowBytes;
      if (isSmall) {
        bytes += pieces[i].length;
        continue;
      }
      if (i > first) this.#write(i - first === 1 ? pieces[first] : Buffer.concat(pieces.slice(first, i), bytes));
      if (i < pieces.length) this.#write(pieces[i]);
      first = i + 1;
      bytes = 0;
    }
    this.#socket.uncork();
  }

  #write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }
}

/** The same bytes as a plain array: a Buffer's `slice` is no copy. */
function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
