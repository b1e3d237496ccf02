/**
 * `HttpTransport` over node:http with connections that are kept. Per request on loopback (Node 20.20, two shared cores,
 * 32 at once, CPU of the client): node:http 27 µs, undici 7.30 20 µs, its bare dispatcher 15 µs. undici takes 62 ms to
 * load, node:http 2, which a command line pays each time: hence node:http. Whoever needs the rest hands in another transport.
 *
 * A kept connection may have been closed by the server at the moment it is used again; such a failure says `reused`.
 */
import { Agent, type ClientRequest, type IncomingMessage, request as open } from 'node:http';
import {
  CoterieError,
  type ErrorCode,
  type HttpAnswer,
  type HttpRequest,
  type HttpTransport,
  type Placed,
  ShortLivedSet,
} from '@coterie/env';

/** Settings of `createNodeHttp`. */
export interface NodeHttpOptions {
  /** Connections to one server, in use and kept; 64 by default. More requests wait for one, without a limit of their own. */
  readonly connectionsMax?: number;
}

/** A transport with its own connections; `close` ends them. Kept connections do not keep the process alive. */
export function createNodeHttp(options: NodeHttpOptions = {}): HttpTransport {
  return new NodeHttp(options.connectionsMax ?? 64);
}

/** Where a server is, as node:http wants to be told. */
interface Place {
  readonly host: string;
  readonly port: number;
}

/** How a request gets to its server. */
interface Way {
  readonly agent: Agent;
  readonly place: Place;
}

/** Origins whose places are kept, at most; a cluster has far fewer members. */
const placesMax = 1024;

class NodeHttp implements HttpTransport {
  readonly #agent: Agent;
  /** By origin: to take a URL apart costs 320 ns, to find it here 24. */
  readonly #places = new Map<string, Place>();
  readonly #underWay = new ShortLivedSet<Sending>();
  #isClosed = false;

  constructor(connectionsMax: number) {
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: connectionsMax,
      maxFreeSockets: connectionsMax,
      scheduling: 'lifo',
      noDelay: true,
    });
  }

  request(request: HttpRequest): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw new CoterieError('CLOSED', 'this transport is closed', { details: { sent: false } });
      const { signal } = request;
      if (signal?.aborted === true) throw givenUp(signal, false);
      const sending = new Sending(request, { agent: this.#agent, place: this.#placeOf(request.origin) }, (outcome) => {
        this.#underWay.remove(sending);
        if (outcome instanceof CoterieError) reject(outcome);
        else resolve(outcome);
      });
      this.#underWay.add(sending);
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const sending of this.#underWay.list()) sending.fail('CLOSED', 'the transport was closed');
    this.#agent.destroy();
  }

  #placeOf(origin: string): Place {
    const known = this.#places.get(origin);
    if (known !== undefined) return known;
    const { hostname, port } = new URL(origin);
    const place = { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : Number(port) };
    if (this.#places.size >= placesMax) this.#places.clear();
    this.#places.set(origin, place);
    return place;
  }
}

/** One request under way. Settles once, with the first of answer, failure and timeout. */
class Sending implements Placed {
  position = -1;
  readonly #request: HttpRequest;
  readonly #settle: (outcome: HttpAnswer | CoterieError) => void;
  readonly #outgoing: ClientRequest;
  readonly #timer: NodeJS.Timeout;
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;
  /** Whether it had a connection, so that some of it may have arrived. */
  #sent = false;
  #settled = false;

  constructor(request: HttpRequest, to: Way, settle: (outcome: HttpAnswer | CoterieError) => void) {
    this.#request = request;
    this.#settle = settle;
    const { agent, place } = to;
    const { method, path, body } = request;
    const headers = body === undefined ? request.headers : { ...request.headers, 'content-length': String(body.length) };
    this.#outgoing = open({ host: place.host, port: place.port, method, path, headers, agent });
    this.#timer = setTimeout(this.#timedOut, Math.max(1, Math.ceil(request.timeoutMs)));
    request.signal?.addEventListener('abort', this.#abandoned);
    this.#outgoing.on('socket', (socket) => {
      if (socket.connecting) socket.once('connect', () => (this.#sent = true));
      else this.#sent = true;
    });
    this.#outgoing.on('error', (error: NodeJS.ErrnoException) => this.#lost(error));
    this.#outgoing.on('response', (incoming) => this.#answered(incoming));
    this.#outgoing.end(body);
  }

  /** Ends it with an error, unless it ended before. */
  fail(code: ErrorCode, what: string, cause?: NodeJS.ErrnoException): void {
    const { code: osCode } = cause ?? {};
    const details = { sent: this.#sent, reused: this.#outgoing.reusedSocket, ...(osCode === undefined ? {} : { osCode }) };
    this.#end(new CoterieError(code, `${this.#request.origin}: ${what}`, { cause, details }));
    this.#outgoing.destroy();
  }

  #answered(incoming: IncomingMessage): void {
    const { answerBytesMax } = this.#request;
    if (Number(incoming.headers['content-length'] ?? 0) > answerBytesMax) {
      this.#tooLarge();
      return;
    }
    incoming.on('data', (part: Uint8Array) => {
      this.#bytes += part.length;
      if (this.#bytes > answerBytesMax) this.#tooLarge();
      else this.#parts.push(part);
    });
    incoming.on('error', (error) => this.#lost(error));
    incoming.on('end', () => {
      const headers = incoming.headers as HttpAnswer['headers'];
      this.#end({ status: incoming.statusCode as number, headers, body: joined(this.#parts, this.#bytes) });
    });
  }

  #lost(error: NodeJS.ErrnoException): void {
    const what = error.code === 'ECONNREFUSED' ? 'nothing listens there' : error.message || (error.code ?? 'the connection broke');
    this.fail('CONNECTION_LOST', what, error);
  }

  #tooLarge(): void {
    this.fail('TOO_LARGE', `the answer has more than ${this.#request.answerBytesMax} bytes`);
  }

  readonly #timedOut = (): void => {
    const what = this.#sent ? 'no whole answer' : 'no connection';
    this.fail('TIMEOUT', `${what} within ${Math.ceil(this.#request.timeoutMs)} ms`);
  };

  readonly #abandoned = (): void => {
    this.#end(givenUp(this.#request.signal as AbortSignal, this.#sent));
    this.#outgoing.destroy();
  };

  #end(outcome: HttpAnswer | CoterieError): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#request.signal?.removeEventListener('abort', this.#abandoned);
    this.#settle(outcome);
  }
}

function givenUp(signal: AbortSignal, sent: boolean): CoterieError {
  return new CoterieError('CLOSED', 'the caller gave the request up', { cause: signal.reason, details: { sent } });
}

/** All parts in one plain array: views of Buffers share memory when sliced, which nobody expects of a Uint8Array. */
function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  if (parts.length === 1) return new Uint8Array(parts[0].buffer, parts[0].byteOffset, bytes);
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
