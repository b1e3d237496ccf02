/**
 * A connection that sends one HTTP/1.1 request at a time and reads its answer, by hand on node:net: Node's own client
 * costs more than the server that is to be measured. It knows just enough of HTTP for answers of this server: a status
 * line, headers, `Content-Length` or none for 204 and 304.
 */
import { type Socket, connect } from 'node:net';
import { CoterieError } from '@coterie/env';

/** Where to connect. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** What a benchmark needs of an answer. */
export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: Buffer;
}

const nothing = Buffer.alloc(0);

/** A keep-alive connection with at most one request under way. */
export class Wire {
  private readonly socket: Socket;
  private held: Buffer = nothing;
  private waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  private broken: Error | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => this.received(chunk));
    socket.on('error', (error) => this.lost(error));
    socket.on('close', () => this.lost(new Error('the server closed the connection')));
  }

  /** Opens a connection. @throws `CONNECTION_LOST` */
  static open(target: Target): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect({ ...target, noDelay: true });
      socket.once('connect', () => resolve(new Wire(socket)));
      socket.once('error', (error) =>
        reject(new CoterieError('CONNECTION_LOST', `cannot connect to ${target.host}:${target.port}: ${error.message}`, { cause: error })),
      );
    });
  }

  /** Sends a request and resolves with its answer. */
  send(head: string, body?: Uint8Array): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.broken !== undefined) {
        reject(this.broken);
        return;
      }
      this.waiting = { resolve, reject };
      if (body === undefined) {
        this.socket.write(head, 'latin1');
        return;
      }
      this.socket.cork();
      this.socket.write(head, 'latin1');
      this.socket.write(body);
      this.socket.uncork();
    });
  }

  /** Ends the connection. */
  close(): void {
    this.socket.destroy();
  }

  private received(chunk: Buffer): void {
    this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    const headEnd = this.held.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = this.held.toString('latin1', 0, headEnd);
    if (head.includes('\r\nTransfer-Encoding: chunked')) {
      this.lost(new Error('an answer came in chunks, which this load does not read'));
      this.socket.destroy();
      return;
    }
    const bodyStart = headEnd + 4;
    const length = contentLength(head);
    if (this.held.length < bodyStart + length) return;
    const body = this.held.subarray(bodyStart, bodyStart + length);
    this.held = this.held.length === bodyStart + length ? nothing : this.held.subarray(bodyStart + length);
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve({ status: Number(head.slice(9, 12)), head, body });
  }

  private lost(error: Error): void {
    this.broken ??= new CoterieError('CONNECTION_LOST', error.message, { cause: error });
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.reject(this.broken);
  }
}

function contentLength(head: string): number {
  const at = head.indexOf('\r\nContent-Length: ');
  return at < 0 ? 0 : Number.parseInt(head.slice(at + 18), 10);
}
