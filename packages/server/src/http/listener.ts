/**
 * The listening socket: connections whose requests are read as they come while they are plain, then node:http with its
 * limits set, and answers for what never becomes a request.
 *
 * ```
 *  connection ──▶ room? ──▶ PlainConnection ──────────────────────────────────────────▶ Service.handle
 *                  │ 503        └▶ node:http ──▶ head within its time and size? ──▶──────▲
 *                                                    │ 408 431 400
 * ```
 *
 * Connections past the limit get a 503 and are closed; past the limit and a margin they are closed unseen, so that
 * answering them cannot become the load.
 */
import { type Server, createServer } from 'node:http';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import { CoterieError } from '@coterie/env';
import type { Address } from '../settings/address.ts';
import { PlainConnection, type PlainDoor } from './plain-connection.ts';
import { type Problem, problemBody } from './problem.ts';
import type { Service } from './service.ts';

/** Limits of connections and of what comes before a body. */
export interface ListenerLimits {
  readonly connectionsMax: number;
  /** Bytes of request line and headers. */
  readonly headerBytesMax: number;
  /** Time for request line and headers. */
  readonly headersTimeoutMs: number;
  /** Time for a whole request, body included. */
  readonly requestTimeoutMs: number;
  /** How long a connection may stay open between requests. */
  readonly keepAliveTimeoutMs: number;
}

const refusalMargin = 256;

/** A server that listens. */
export class Listener {
  readonly server: Server;
  /** Where it listens, with the port that was really taken. */
  address: Address;
  private readonly service: Service;
  private readonly limits: ListenerLimits;
  private readonly sockets = new Set<Socket>();
  /** Those of them that are not node:http's. */
  private readonly plain = new Map<Socket, PlainConnection>();
  private readonly plainDoor: PlainDoor;
  /** Makes a connection node:http's. */
  private readonly adopt: (socket: Socket) => void;
  private sweeping: NodeJS.Timeout | undefined;
  private quietUntil = 0;

  constructor(service: Service, options: { readonly address: Address; readonly limits: ListenerLimits }) {
    this.service = service;
    this.limits = options.limits;
    this.address = options.address;
    this.server = makeServer(service, options.limits);
    // What node:http does with a connection is one listener, which is called here when its time has come.
    const [adopt] = this.server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
    this.adopt = adopt.bind(this.server);
    this.server.removeAllListeners('connection');
    this.server.on('connection', (socket: Socket) => this.connected(socket));
    this.plainDoor = {
      service,
      headerBytesMax: options.limits.headerBytesMax,
      aliveLines: `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(options.limits.keepAliveTimeoutMs / 1000)}\r\n`,
      handOver: (socket, rest) => this.handOver(socket, rest),
      brokenOff: (socket) => this.malformed({ name: 'Error', message: 'the request breaks off' }, socket),
    };
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => this.malformed(error, socket));
    this.server.on('drop', () => this.turnedAway());
    this.server.on('connect', (_request, socket) => endWith(socket as Socket, notTunnelled));
  }

  /** Resolves once it listens. @throws `INVALID_ARGUMENT` when the address cannot be taken, saying why */
  listen(): Promise<void> {
    const { host, port } = this.address;
    return new Promise((resolve, reject) => {
      this.server.once('error', (error) => reject(cannotListen(this.address, error)));
      this.server.on('error', (error) => this.service.log.warn('listening failed', { detail: error.message }));
      this.server.listen({ host, port, backlog: 1024 }, () => {
        this.address = { host, port: (this.server.address() as AddressInfo).port };
        this.sweeping = setInterval(() => this.endQuiet(), lookEveryMs(this.limits)).unref();
        resolve();
      });
    });
  }

  /** Takes no more connections. Not by the HTTP server's own `close`, which also ends connections that it takes for idle. */
  stop(): void {
    NetServer.prototype.close.call(this.server);
  }

  /**
   * Ends connections on which nothing was sent since their last answer, or ever. Does nothing while a client is still
   * taking an answer: the HTTP server calls a connection idle as soon as its answer is written, and would cut it off.
   */
  endIdle(): void {
    for (const socket of this.sockets) if (socket.writableLength > 0) return;
    this.server.closeIdleConnections();
    for (const [socket, { isIdle }] of this.plain) if (isIdle) socket.destroy();
    for (const socket of this.sockets) if (socket.bytesRead === 0) socket.destroy();
  }

  /** Ends what is left. */
  destroy(): void {
    clearInterval(this.sweeping);
    for (const socket of this.plain.keys()) socket.destroy();
    this.server.closeAllConnections();
    this.server.close();
  }

  private connected(socket: Socket): void {
    const { meters } = this.service;
    meters.connections++;
    meters.connectionsTaken++;
    this.sockets.add(socket);
    // Each of the requests that wait on a connection listens for its end; their number has a limit of its own.
    socket.setMaxListeners(0);
    socket.on('close', () => {
      meters.connections--;
      this.sockets.delete(socket);
      this.plain.delete(socket);
    });
    if (meters.connections <= this.limits.connectionsMax) {
      this.plain.set(socket, new PlainConnection(this.plainDoor, socket));
      return;
    }
    this.turnedAway();
    const detail = `this node already has ${this.limits.connectionsMax} connections; try again shortly`;
    endWith(socket, { status: 503, code: 'OVERLOADED', detail, retryable: true });
  }

  private handOver(socket: Socket, rest: Uint8Array): void {
    this.plain.delete(socket);
    socket.unshift(rest);
    this.adopt(socket);
    socket.resume();
  }

  /** Ends connections that have been quiet for too long, as node:http does with its own. */
  private endQuiet(): void {
    const now = this.service.clock.monotonic();
    const { keepAliveTimeoutMs, headersTimeoutMs } = this.limits;
    for (const [socket, { isIdle, isUsed, quietSince }] of this.plain) {
      if (!isIdle || now - quietSince <= (isUsed ? keepAliveTimeoutMs : headersTimeoutMs)) continue;
      if (isUsed) socket.destroy();
      else this.malformed({ name: 'Error', message: 'no request came', code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket);
    }
  }

  /** Counts a refused connection; the log has one line in ten seconds about all of them. */
  private turnedAway(): void {
    const { meters, clock, log } = this.service;
    meters.connectionsRefused++;
    if (clock.monotonic() < this.quietUntil) return;
    this.quietUntil = clock.monotonic() + 10_000;
    log.warn('too many connections; refusing more', { connections: meters.connections, refusedSoFar: meters.connectionsRefused });
  }

  private malformed(error: NodeJS.ErrnoException, socket: Socket): void {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    this.service.meters.malformed++;
    // With an answer half written, or several requests waiting for theirs, one more would be taken for one of those.
    if (this.service.streaming.has(socket) || this.service.workingOn(socket) > 1) socket.destroy();
    else endWith(socket, malformedProblem(error, this.limits));
  }
}

/** How often connections are looked at. */
function lookEveryMs({ headersTimeoutMs, keepAliveTimeoutMs }: ListenerLimits): number {
  return Math.max(50, Math.min(5000, headersTimeoutMs / 4, keepAliveTimeoutMs / 4));
}

function makeServer(service: Service, limits: ListenerLimits): Server {
  const server = createServer({
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    // Node refuses a request timeout below the one for headers.
    requestTimeout: Math.max(limits.requestTimeoutMs, limits.headersTimeoutMs),
    connectionsCheckingInterval: lookEveryMs(limits),
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    requireHostHeader: false,
    noDelay: true,
  });
  server.maxConnections = limits.connectionsMax + refusalMargin;
  server.on('request', (request, response) => service.handle(request, response));
  server.on('checkContinue', (request, response) => service.handle(request, response, 'continue'));
  server.on('checkExpectation', (request, response) => service.handle(request, response, 'impossible'));
  return server;
}

const notTunnelled: Problem = { status: 405, code: 'METHOD_NOT_ALLOWED', detail: 'this server is no proxy', retryable: false };

function malformedProblem(error: NodeJS.ErrnoException, limits: ListenerLimits): Problem {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return {
        status: 431,
        code: 'TOO_LARGE',
        detail: `request line and headers take more than ${limits.headerBytesMax} bytes`,
        retryable: false,
      };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: 413, code: 'TOO_LARGE', detail: 'chunk extensions take too many bytes', retryable: false };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, code: 'TIMEOUT', detail: 'the request did not arrive in time', retryable: true };
    default:
      return { status: 400, code: 'INVALID_ARGUMENT', detail: 'this is not a whole and valid HTTP/1.1 request', retryable: false };
  }
}

const phrases: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
};

/** Answers outside of any request and ends the connection. */
function endWith(socket: Socket, problem: Problem): void {
  const body = problemBody(problem);
  const retry = problem.retryable ? 'Retry-After: 1\r\n' : '';
  const head = `HTTP/1.1 ${problem.status} ${phrases[problem.status]}\r\nContent-Type: application/problem+json\r\n${retry}Connection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  socket.on('error', () => socket.destroy());
  socket.end(head + body, () => socket.destroySoon());
}

function cannotListen(address: Address, error: NodeJS.ErrnoException): CoterieError {
  const at = `${address.host}:${address.port}`;
  const advice =
    error.code === 'EADDRINUSE'
      ? 'something else listens there; choose another with --http HOST:PORT, or port 0 for any free one'
      : error.message;
  return new CoterieError('INVALID_ARGUMENT', `cannot listen on ${at}: ${advice}`, {
    cause: error,
    details: error.code === undefined ? {} : { osCode: error.code },
  });
}
