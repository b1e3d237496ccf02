/**
 * One connection that a peer opened to this endpoint: its questions are read, handled, answered.
 *
 * ```
 *  new ──hello──▶ known ──requests, notices──▶ … ──closed──▶ answers still being made are dropped
 *   │ nothing within connectTimeoutMs, or a hello that does not fit ──▶ refused
 * ```
 *
 * Bounds: as many requests and bytes as the limits say are handled at a time, and no more are read while that many are,
 * or while the peer does not read its answers: the peer's own queue then fills, and its callers hear `OVERLOADED`.
 */
import { CoterieError, connectionLost, isCoterieError } from '@coterie/env';
import type { Connection } from '@coterie/env';
import { unpackBody } from './body.ts';
import { Channel } from './channel.ts';
import { frameType, protocolError } from './frame.ts';
import type { Frame } from './frame.ts';
import { helloFromBody, helloToBody, judgeHello } from './handshake.ts';
import type { Hello } from './handshake.ts';
import type { Handler, HandlerAnswer, IncomingRequest, MethodOptions, PeerIdentity } from './messages.ts';
import type { EndpointEnvironment, EndpointLimits } from './options.ts';
import type { OutgoingFrame } from './outgoing-frame.ts';
import { errorToBody } from './wire-error.ts';

/** A method on offer. */
export interface Method {
  readonly handler: Handler;
  readonly options: MethodOptions;
}

/** What a visitor needs of its endpoint. */
export interface VisitorParts {
  readonly environment: EndpointEnvironment;
  readonly limits: EndpointLimits;
  readonly methods: ReadonlyMap<string, Method>;
  hello(): Hello;
  /** The cluster of this side, empty while it is not known: asked at every request. */
  clusterId(): string;
  /** A peer said who it is. */
  greeted(peer: PeerIdentity): void;
  closed(visitor: Visitor): void;
}

interface Question {
  readonly method: string;
  readonly epoch: number;
  readonly remainingMs: number;
  readonly body: unknown;
}

/** A question that is being handled. */
interface Asked {
  readonly frame: Frame;
  readonly method: string;
  readonly deadlineMs: number;
}

const noValues: readonly Uint8Array[] = [];

/** An incoming connection. */
export class Visitor {
  readonly #parts: VisitorParts;
  readonly #channel: Channel;
  readonly #greetedByMs: number;
  #peer: PeerIdentity | undefined;
  #handling = 0;
  #handlingBytes = 0;
  #peerReads = true;
  #leaving = false;
  #open = true;

  constructor(connection: Connection, parts: VisitorParts) {
    this.#parts = parts;
    const { environment, limits } = parts;
    this.#greetedByMs = environment.clock.monotonic() + limits.connectTimeoutMs;
    const owner = {
      frame: (frame: Frame) => this.#frame(frame),
      drained: () => this.#drained(),
      tick: () => this.#tick(),
      closed: () => this.#closed(),
    };
    this.#channel = new Channel({ connection, environment, limits, owner });
  }

  /** Who it is, once it said. */
  get peer(): PeerIdentity | undefined {
    return this.#peer;
  }

  /** Requests being handled. */
  get handling(): number {
    return this.#handling;
  }

  /** Bytes of them. */
  get handlingBytes(): number {
    return this.#handlingBytes;
  }

  /** Turns it away. */
  refuse(error: CoterieError): void {
    this.#channel.refuse(error);
  }

  /** Asks for no more requests; closes when those being handled are answered. */
  leave(): void {
    if (this.#peer === undefined) return this.destroy();
    this.#leaving = true;
    this.#channel.send({ type: frameType.goodbye, id: 0, body: null, values: [] });
    this.#closeIfDone();
  }

  destroy(): void {
    this.#channel.destroy(connectionLost(this.#channel.remoteAddress, 'this side closes'));
  }

  #frame(frame: Frame): void {
    const { type } = frame;
    if (type === frameType.refusal) return this.destroy();
    if (type === frameType.hello && this.#peer === undefined) return this.#greet(helloFromBody(bodyOf(frame)));
    if (this.#peer === undefined) throw protocolError(`a frame of type ${type} before the hello`);
    if (type !== frameType.request && type !== frameType.notice) throw protocolError(`a frame of type ${type} from the side that asks`);
    this.#asked(frame, questionOf(bodyOf(frame)), this.#peer);
  }

  #greet(hello: Hello): void {
    const own = this.#parts.hello();
    const problem = judgeHello(own, hello);
    if (problem !== undefined) return this.refuse(problem);
    const { versions: _versions, ...peer } = hello;
    this.#peer = peer;
    this.#channel.trust();
    this.#channel.send({ type: frameType.welcome, id: 0, body: helloToBody(own), values: [] });
    this.#parts.greeted(peer);
  }

  #asked(frame: Frame, question: Question, from: PeerIdentity): void {
    this.#handling++;
    this.#handlingBytes += frame.frameBytes;
    this.#holdOrRelease();
    const isNotice = frame.type === frameType.notice;
    const nowMs = this.#parts.environment.clock.monotonic();
    const { epoch, body, method } = question;
    const deadlineMs = isNotice ? Infinity : nowMs + question.remainingMs;
    const request = { from, epoch, body, values: frame.values, deadlineMs };
    const asked = { frame, method, deadlineMs };
    // One `then`, not an async function around another: each promise costs as much as reading the question.
    this.#handle(method, request).then(
      (answer) => this.#respond(asked, answer),
      (error: unknown) => this.#respondFailed(asked, error),
    );
  }

  #respond(asked: Asked, answer: HandlerAnswer): void {
    const { frame, deadlineMs } = asked;
    try {
      const { body, values = noValues } = answer;
      if (frame.type === frameType.request) this.#answer({ type: frameType.answer, id: frame.id, body, values }, deadlineMs);
    } catch (error) {
      return this.#respondFailed(asked, error);
    }
    this.#handled(frame.frameBytes);
  }

  #respondFailed({ frame, method, deadlineMs }: Asked, error: unknown): void {
    try {
      if (!isCoterieError(error)) this.#parts.environment.log.error('rpc handler failed', { method, error: String(error) });
      if (frame.type === frameType.request)
        this.#answer({ type: frameType.failure, id: frame.id, body: errorToBody(error), values: noValues }, deadlineMs);
    } finally {
      this.#handled(frame.frameBytes);
    }
  }

  #handle(name: string, request: IncomingRequest): Promise<HandlerAnswer> {
    try {
      const method = this.#parts.methods.get(name);
      if (method === undefined) throw new CoterieError('UNSUPPORTED_FORMAT', `${this.#parts.hello().address} knows no method ${name}`);
      if (method.options.beforeJoin !== true) this.#checkJoined(name, request.from);
      return method.handler(request);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  #checkJoined(name: string, from: PeerIdentity): void {
    if (from.clusterId !== '' && this.#parts.clusterId() !== '') return;
    const { address } = this.#parts.hello();
    throw new CoterieError('NOT_READY', `${name} is for members: ${address} or ${from.address} has not joined yet`);
  }

  /** Nobody waits for what comes after its deadline. */
  #answer(frame: OutgoingFrame, deadlineMs: number): void {
    if (!this.#open || this.#parts.environment.clock.monotonic() > deadlineMs) return;
    if (!this.#channel.send(frame)) this.#peerReads = false;
  }

  #handled(bytes: number): void {
    this.#handling--;
    this.#handlingBytes -= bytes;
    this.#holdOrRelease();
    this.#closeIfDone();
  }

  #holdOrRelease(): void {
    const { handlingMax, handlingBytesMax } = this.#parts.limits;
    const isFull = this.#handling >= handlingMax || this.#handlingBytes >= handlingBytesMax || !this.#peerReads;
    if (isFull) this.#channel.hold();
    else this.#channel.release();
  }

  #drained(): void {
    this.#peerReads = true;
    this.#holdOrRelease();
  }

  #closeIfDone(): void {
    if (this.#leaving && this.#handling === 0) this.#channel.close(connectionLost(this.#channel.remoteAddress, 'this side closes'));
  }

  #tick(): void {
    const isLate = this.#peer === undefined && this.#parts.environment.clock.monotonic() > this.#greetedByMs;
    if (isLate) this.#channel.destroy(connectionLost(this.#channel.remoteAddress, 'it said nothing'));
  }

  #closed(): void {
    this.#open = false;
    this.#parts.closed(this);
  }
}

function bodyOf({ bytes, bodyStart, bodyEnd }: Frame): unknown {
  return unpackBody(bytes, bodyStart, bodyEnd);
}

function questionOf(body: unknown): Question {
  if (!Array.isArray(body) || body.length !== 4) throw protocolError('a question that is none');
  const [method, epoch, remainingMs, inner] = body as readonly unknown[];
  if (typeof method !== 'string' || !isCount(epoch) || !isCount(remainingMs)) throw protocolError('a question that is none');
  return { method, epoch, remainingMs, body: inner };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
