/**
 * The door of a member on a stage: requests in bytes go to the HTTP server itself, without a socket, and come back as
 * answers. One request at a time.
 */
import { Duplex } from 'node:stream';
import { Listener, type ListenerLimits } from '../http/listener.ts';
import type { Service } from '../http/service.ts';

/** A request as a client would send it. */
export interface StageRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: string;
}

/** As much of an answer as a rehearsal looks at. */
export interface StageAnswer {
  readonly status: number;
  /** The `Coterie-Context` header, if there is one. */
  readonly context: string | undefined;
}

const address = { host: '127.0.0.1', port: 0 };

/** One connection to a server that listens nowhere. */
export class StageDoor {
  readonly #line: Line;

  constructor(service: Service, limits: ListenerLimits) {
    const { server } = new Listener(service, { address, limits });
    this.#line = new Line();
    server.emit('connection', this.#line);
  }

  /** Sends a request; resolves when its answer has come whole. */
  ask({ method, path, headers, body }: StageRequest): Promise<StageAnswer> {
    const lines = [`${method} ${path} HTTP/1.1`, 'Host: localhost', ...headers];
    if (method === 'PUT') lines.push(`Content-Length: ${body.length}`);
    return this.#line.ask(`${lines.join('\r\n')}\r\n\r\n${body}`);
  }
}

/** The server's end of a connection, and what is at the other. */
class Line extends Duplex {
  #heard = '';
  #answered: (answer: StageAnswer) => void = () => {};

  ask(text: string): Promise<StageAnswer> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.push(Buffer.from(text, 'latin1'));
    });
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#heard += chunk.toString('latin1');
    const headEnd = this.#heard.indexOf('\r\n\r\n');
    const bodyBytes = Number(/\r\nContent-Length: (\d+)/i.exec(this.#heard)?.[1] ?? 0);
    if (headEnd >= 0 && this.#heard.length >= headEnd + 4 + bodyBytes) this.#hear();
    done();
  }

  #hear(): void {
    const status = Number(this.#heard.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
    const context = /\r\nCoterie-Context: ([^\r]*)/i.exec(this.#heard)?.[1];
    this.#heard = '';
    this.#answered({ status, context });
  }
}
