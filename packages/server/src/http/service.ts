/**
 * What stands between the wire and the routes: the gate every request passes, and what all handlers share.
 *
 * ```
 *  request ──▶ Host known? ──▶ room? ──▶ route ──▶ handler ──▶ answer
 *                 │ 421          │ 503       │ 404 405     │ thrown: a problem
 * ```
 *
 * Room means: at most `requestsMax` requests being worked on, at most `pipelineMax` of them of one connection. Past
 * that the answer is `OVERLOADED` at once; health and metrics are always answered. Before the node is there, only health
 * and the console are.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock, Log, Timers } from '@coterie/env';
import { CoterieError } from '@coterie/env';
import type { CoterieNode } from '@coterie/node';
import { Meters } from '../metrics/meters.ts';
import { TurnMeter } from '../metrics/turns.ts';
import { whenReceived } from './ending.ts';
import { Exchange } from './exchange.ts';
import type { HostRule } from './hosts.ts';
import { Outbox } from './outbox.ts';
import { PlainRequest } from './plain-request.ts';
import type { PlainResponse } from './plain-response.ts';
import { HttpRefusal, type Problem, invalid } from './problem.ts';
import { type Route, route } from './routes.ts';
import { TransferWatch } from './transfers.ts';
import { Trouble } from './trouble.ts';

/** Bounds that every request meets. */
export interface ServiceLimits {
  /** Most requests being worked on. */
  readonly requestsMax: number;
  /** Most requests of one connection being worked on. */
  readonly pipelineMax: number;
  /** Most body bytes under way, both ways. */
  readonly bodyBytesMax: number;
  /** Slowest average of a body, and how long that is not asked of it. */
  readonly bodyBytesPerSecondMin: number;
  readonly bodyGraceMs: number;
  /** Most bytes read and dropped after a refusal, so that the client sees the answer. */
  readonly discardBytesMax: number;
  /** Batches: how many at once, lines of one at once, bytes in a line. */
  readonly batchesMax: number;
  readonly batchParallel: number;
  readonly batchLineBytesMax: number;
}

/** What the server is doing; `readyz` answers from it. */
export type ServiceState = 'starting' | 'ready' | 'draining' | 'closed';

/** What a service is made of. */
export interface ServiceOptions {
  readonly world: { readonly clock: Clock; readonly timers: Timers; readonly log: Log };
  readonly limits: ServiceLimits;
  readonly hosts: HostRule;
}

const pipelined = Symbol('requests of this connection being worked on');
type CountedSocket = Socket & { [pipelined]?: number };

/** The gate, and what handlers share. */
export class Service {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly limits: ServiceLimits;
  readonly meters: Meters = new Meters();
  readonly turns: TurnMeter;
  readonly transfers: TransferWatch;
  readonly trouble: Trouble;
  readonly outbox: Outbox;
  /** Batches running now. */
  batches = 0;
  /** Connections on which an answer is being written piece by piece. */
  readonly streaming: WeakSet<Socket> = new WeakSet();
  state: ServiceState = 'starting';
  /** What a start waits for, in a sentence. */
  waitingFor = '';
  private opened: CoterieNode | undefined;
  private readonly hosts: HostRule;

  constructor(options: ServiceOptions) {
    const { world, limits } = options;
    this.hosts = options.hosts;
    this.limits = limits;
    this.clock = world.clock;
    this.timers = world.timers;
    this.log = world.log;
    this.turns = new TurnMeter(world);
    this.trouble = new Trouble(world);
    this.outbox = new Outbox(world.timers);
    this.transfers = new TransferWatch(world, {
      bytesMax: limits.bodyBytesMax,
      bytesPerSecondMin: limits.bodyBytesPerSecondMin,
      graceMs: limits.bodyGraceMs,
    });
  }

  /** The node behind the door. @throws `NOT_READY` before it is there */
  get node(): CoterieNode {
    if (this.opened !== undefined) return this.opened;
    throw this.notYet();
  }

  /** From now on `node` answers. */
  begin(node: CoterieNode): void {
    this.opened = node;
    this.state = 'ready';
  }

  /** Answers one request, whatever happens. */
  handle(request: IncomingMessage | PlainRequest, response: ServerResponse | PlainResponse, expect?: 'continue' | 'impossible'): void {
    const exchange = new Exchange(this, request, response);
    exchange.awaitsContinue = expect === 'continue';
    response.on('error', ignored);
    try {
      this.enter(exchange);
      if (expect === 'impossible') throw new HttpRefusal('INVALID_ARGUMENT', 'only "Expect: 100-continue" can be met', { status: 417 });
      const found = route(exchange);
      exchange.operation = found.operation;
      this.checkRoom(exchange, found);
      const pending = found.handler(exchange);
      if (pending !== undefined) pending.catch((error: unknown) => exchange.fail(error));
    } catch (error) {
      exchange.fail(error);
    }
  }

  /** The problem with members called by their names, as people know them. */
  withMemberNames(problem: Problem): Problem {
    if (this.opened === undefined || !/\b[0-9a-f]{16}\b/.test(problem.detail)) return problem;
    const { members } = this.opened.ring();
    return { ...problem, detail: members.reduce((text, { id, name }) => text.replaceAll(id, name), problem.detail) };
  }

  /** An exchange is counted and no longer being worked on. */
  leave(exchange: Exchange): void {
    this.meters.inFlight--;
    const socket = exchange.request.socket as CountedSocket;
    socket[pipelined] = (socket[pipelined] ?? 1) - 1;
  }

  /** How many requests of a connection are being worked on. */
  workingOn(socket: Socket): number {
    return (socket as CountedSocket)[pipelined] ?? 0;
  }

  /** Reads what is left of a refused request without keeping it, up to a limit, so that its answer is seen. */
  discardRest(exchange: Exchange): void {
    const { request } = exchange;
    if (request instanceof PlainRequest || request.complete || request.destroyed || request.socket.destroyed) return;
    let dropped = 0;
    const transfer = this.transfers.begin(0, { moved: () => dropped, stalled: () => request.destroy() });
    request.on('error', ignored);
    whenReceived(request, () => transfer?.end());
    request.on('data', (chunk: Uint8Array) => {
      dropped += chunk.length;
      if (dropped > this.limits.discardBytesMax) request.destroy();
    });
  }

  /** Stops all timers. */
  stop(): void {
    this.turns.stop();
    this.transfers.stop();
    this.trouble.stop();
  }

  private notYet(): CoterieError {
    return new CoterieError('NOT_READY', `the node is starting: ${this.waitingFor}`, { details: { mayHaveTakenEffect: false } });
  }

  private enter(exchange: Exchange): void {
    this.meters.inFlight++;
    const socket = exchange.request.socket as CountedSocket;
    socket[pipelined] = (socket[pipelined] ?? 0) + 1;
    const host = exchange.header('host');
    if (host === undefined && exchange.request.httpVersion === '1.1') throw invalid('an HTTP/1.1 request names its Host');
    if (host !== undefined && !this.hosts.accepts(host)) throw this.hosts.refusal(host);
  }

  private checkRoom(exchange: Exchange, found: Route): void {
    if (found.operation === 'health') return;
    if (this.opened === undefined && found.operation !== 'console') throw this.notYet();
    const ofConnection = this.workingOn(exchange.request.socket);
    if (this.meters.inFlight <= this.limits.requestsMax && ofConnection <= this.limits.pipelineMax) return;
    const where = ofConnection > this.limits.pipelineMax ? 'on this connection' : 'at once';
    throw new CoterieError('OVERLOADED', `too many requests ${where}; try again shortly`, { details: { mayHaveTakenEffect: false } });
  }
}

function ignored(): void {}
