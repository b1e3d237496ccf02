/**
 * The way to one address: dialled when somebody asks, shared by all who ask, closed when nobody does.
 *
 * ```
 *         request ┌──────────┐ connected ┌──────────┐ welcome ┌───────┐ goodbye, renew ┌─────────┐ all are answered
 *  idle ─────────▶│ dialling │──────────▶│ greeting │────────▶│ ready │───────────────▶│ leaving │──────────▶ idle, or
 *   ▲             └────┬─────┘           └────┬─────┘         └───┬───┘                └─────────┘   dialling for new ones
 *   └─ pause is over ──┴── failed: all who wait fail, pause       └ lost: all fail, what was sent may have worked ──▶ idle
 * ```
 *
 * Only a `ready` connection is written to; while it is anything else, questions wait for the next.
 *
 * During the pause every question fails at once, with the last failure's reason: a coordinator has others to ask. The
 * pause ends early when that peer is heard of (`wake`). The loss of a connection that served is no reason for one: it may
 * have died long ago, while this side or the other stood still, and only the next try tells whether anybody is there.
 */
import { connectionLost, CoterieError, isCoterieError } from '@coterie/env';
import type { Connection } from '@coterie/env';
import { unpackBody } from './body.ts';
import { Channel } from './channel.ts';
import { frameType, protocolError } from './frame.ts';
import type { Frame } from './frame.ts';
import { helloFromBody, helloToBody, judgeHello } from './handshake.ts';
import type { Hello } from './handshake.ts';
import { InFlight } from './in-flight.ts';
import type { Waiting } from './in-flight.ts';
import type { PeerIdentity, RpcAnswer, RpcRequest } from './messages.ts';
import type { EndpointEnvironment, EndpointLimits } from './options.ts';
import { packFrame } from './outgoing-frame.ts';
import { afterFailure, type DialHistory, freshDial } from './redial.ts';
import { errorFromBody } from './wire-error.ts';

/** What a peer needs of its endpoint. */
export interface PeerParts {
  readonly address: string;
  readonly environment: EndpointEnvironment;
  readonly limits: EndpointLimits;
  /** What this side says of itself now. */
  hello(): Hello;
  /** The connection ended. */
  disconnected(): void;
}

type State = { readonly name: 'idle' | 'dialling' | 'greeting' | 'leaving' } | { readonly name: 'ready'; readonly peer: PeerIdentity };

/** Notices that wait for a connection, at most. */
const waitingNoticesMax = 64;

/** One address and what is on its way there. */
export class Peer {
  readonly #parts: PeerParts;
  readonly #inFlight: InFlight;
  #state: State = { name: 'idle' };
  #channel: Channel | undefined;
  #dials = freshDial;
  #lastFailure: CoterieError | undefined;
  #notices: RpcRequest[] = [];
  /** Bytes of values that wait for a connection. */
  #waitingBytes = 0;
  #usedMs = 0;
  #attempts = 0;
  #closed = false;

  constructor(parts: PeerParts) {
    this.#parts = parts;
    this.#inFlight = new InFlight(parts.environment, parts.address);
  }

  /** Who answers there; `undefined` while there is no connection. */
  get identity(): PeerIdentity | undefined {
    return this.#state.name === 'ready' ? this.#state.peer : undefined;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Whether there is a connection, or one is being made. */
  get isConnected(): boolean {
    return this.#state.name !== 'idle';
  }

  /** Nothing is lost by forgetting it. */
  get isIdle(): boolean {
    return this.#state.name === 'idle' && this.#inFlight.size === 0;
  }

  /** Asks. @throws CoterieError `OVERLOADED`, `TOO_LARGE`, `INVALID_ARGUMENT` · the answer rejects with what went wrong */
  request(request: RpcRequest, timeoutMs: number): Promise<RpcAnswer> {
    const { limits } = this.#parts;
    if (this.#inFlight.size >= limits.inFlightMax) throw this.#overloaded(`${limits.inFlightMax} requests are in flight`);
    const valueBytes = lengthOf(request.values);
    if (this.queuedBytes + valueBytes > limits.queueBytesMax && this.queuedBytes > 0)
      throw this.#overloaded(`${this.queuedBytes} bytes are queued`);
    const pause = this.#pause();
    if (pause !== undefined) throw pause;
    const { waiting, answer } = this.#inFlight.add(request, timeoutMs);
    this.#usedMs = this.#nowMs;
    if (this.#state.name === 'ready') this.#send(waiting, this.#state.peer);
    else this.#wait(valueBytes);
    return answer;
  }

  /** Has what was asked in this turn leave now. */
  flush(): void {
    this.#channel?.flush();
  }

  /** Says something once, if that is possible without waiting long. */
  notify(notice: RpcRequest): void {
    if (this.#pause() !== undefined || this.queuedBytes > this.#parts.limits.noticeQueueBytesMax) return;
    this.#usedMs = this.#nowMs;
    if (this.#state.name === 'ready') return this.#sendNotice(notice, this.#state.peer);
    if (this.#notices.length < waitingNoticesMax) this.#notices.push(notice);
    this.#wait(0);
  }

  /** The peer was heard of: no reason to pause. */
  wake(): void {
    this.#dials = freshDial;
    // An attempt under way may be waiting for a machine that was down when it began; systems ask again only every second.
    if (this.#state.name === 'dialling') this.#dial();
  }

  /** The next question goes over a new connection; the old one ends when what was sent is answered. */
  renew(): void {
    if (this.#state.name === 'greeting') this.#channel?.destroy(this.#lost('the connection is renewed'));
    else this.#leave();
  }

  /** All fail with `reason`, and nothing is sent any more. */
  close(reason: CoterieError): void {
    this.#end(reason);
    this.#channel?.close(reason);
  }

  /** The same, at once. */
  destroy(reason: CoterieError): void {
    this.#end(reason);
    this.#channel?.destroy(reason);
  }

  #end(reason: CoterieError): void {
    this.#closed = true;
    this.#inFlight.failAll(() => reason);
    this.#notices = [];
    if (this.#channel === undefined) this.#state = { name: 'idle' };
  }

  get #nowMs(): number {
    return this.#parts.environment.clock.monotonic();
  }

  /** Bytes that wait to be sent. */
  get queuedBytes(): number {
    return this.#waitingBytes + (this.#channel?.queuedBytes ?? 0);
  }

  #pause(): CoterieError | undefined {
    if (this.#state.name !== 'idle' || this.#nowMs >= this.#dials.notBeforeMs) return undefined;
    return withEffect(this.#lastFailure ?? this.#lost('not reachable'), false);
  }

  #wait(valueBytes: number): void {
    this.#waitingBytes += valueBytes;
    if (this.#state.name === 'idle') this.#dial();
  }

  #dial(): void {
    const { environment, limits, address } = this.#parts;
    this.#state = { name: 'dialling' };
    const attempt = ++this.#attempts;
    environment.network.connect(address, { timeoutMs: limits.connectTimeoutMs }).then(
      (connection) => (this.#isCurrent(attempt) ? this.#greet(connection) : connection.destroy()),
      (error) => {
        if (this.#isCurrent(attempt)) this.#failed(isCoterieError(error) ? error : this.#lost(String(error)), this.#afterFailure());
      },
    );
  }

  #isCurrent(attempt: number): boolean {
    return attempt === this.#attempts && this.#state.name === 'dialling' && !this.#closed;
  }

  #greet(connection: Connection): void {
    const { environment, limits } = this.#parts;
    this.#state = { name: 'greeting' };
    const greetedByMs = this.#nowMs + limits.connectTimeoutMs;
    const owner = {
      frame: (frame: Frame) => this.#frame(frame),
      drained: () => {},
      tick: () => this.#tick(greetedByMs),
      closed: (reason: CoterieError) => this.#disconnected(reason),
    };
    this.#channel = new Channel({ connection, environment, limits, owner });
    this.#channel.send({ type: frameType.hello, id: 0, body: helloToBody(this.#parts.hello()), values: [] });
  }

  #frame(frame: Frame): void {
    const { type, id } = frame;
    const body = unpackBody(frame.bytes, frame.bodyStart, frame.bodyEnd);
    if (type === frameType.refusal) return this.#channel?.close(errorFromBody(body, this.#parts.address));
    if (type === frameType.welcome && this.#state.name === 'greeting') return this.#welcomed(helloFromBody(body));
    if (this.#state.name === 'greeting') throw protocolError(`a frame of type ${type} before the welcome`);
    if (type === frameType.answer) this.#inFlight.take(id)?.resolve({ body, values: frame.values });
    else if (type === frameType.failure) this.#inFlight.fail(id, errorFromBody(body, this.#parts.address));
    else if (type === frameType.goodbye) this.#leave();
    else throw protocolError(`a frame of type ${type} from the side that answers`);
    this.#closeIfLeft();
  }

  #welcomed(hello: Hello): void {
    const problem = judgeHello(this.#parts.hello(), hello);
    if (problem !== undefined) return this.#channel?.close(problem);
    this.#channel?.trust();
    const { versions: _versions, ...peer } = hello;
    this.#state = { name: 'ready', peer };
    this.#dials = freshDial;
    this.#waitingBytes = 0;
    for (const waiting of this.#inFlight.unsent()) this.#send(waiting, peer);
    const notices = this.#notices;
    this.#notices = [];
    for (const notice of notices) this.#sendNotice(notice, peer);
  }

  /** No new questions over this connection. */
  #leave(): void {
    if (this.#state.name !== 'ready') return;
    this.#state = { name: 'leaving' };
    this.#closeIfLeft();
  }

  #closeIfLeft(): void {
    if (this.#state.name === 'leaving' && this.#inFlight.sentSize === 0) this.#channel?.close(this.#lost('the connection is left'));
  }

  #send(waiting: Waiting, { id }: PeerIdentity): void {
    const { request, deadlineMs } = waiting;
    if (request.expect !== undefined && request.expect !== id) return this.#inFlight.fail(waiting.id, this.#stranger(request.expect, id));
    const remainingMs = Math.max(1, Math.ceil(deadlineMs - this.#nowMs));
    const body = [request.method, request.epoch, remainingMs, request.body];
    try {
      const frame = { type: frameType.request, id: waiting.id, body, values: request.values ?? [] };
      const packed = packFrame(frame, this.#parts.limits.frameBytesMax);
      waiting.sent = true;
      this.#channel?.sendPacked(packed);
    } catch (error) {
      this.#inFlight.fail(waiting.id, error as Error);
    }
  }

  #sendNotice({ method, epoch, body, values, expect }: RpcRequest, { id }: PeerIdentity): void {
    if (expect !== undefined && expect !== id) return;
    try {
      this.#channel?.send({ type: frameType.notice, id: 0, body: [method, epoch, 0, body], values: values ?? [] });
    } catch (error) {
      this.#parts.environment.log.error('rpc notice not sent', { method, error: String(error) });
    }
  }

  #tick(greetedByMs: number): void {
    const nowMs = this.#nowMs;
    if (this.#state.name === 'greeting' && nowMs > greetedByMs) this.#channel?.destroy(this.#lost('it does not answer a greeting'));
    if (this.#inFlight.size === 0 && nowMs - this.#usedMs > this.#parts.limits.idleMs) this.#leave();
    this.#closeIfLeft();
  }

  #disconnected(reason: CoterieError): void {
    const was = this.#state.name;
    this.#channel = undefined;
    if (was === 'leaving') this.#left(reason);
    else this.#failed(reason, was === 'ready' ? freshDial : this.#afterFailure());
    this.#parts.disconnected();
  }

  #left(reason: CoterieError): void {
    this.#inFlight.failSent(() => withEffect(reason, true));
    this.#state = { name: 'idle' };
    if ((this.#inFlight.size > 0 || this.#notices.length > 0) && !this.#closed) this.#dial();
  }

  #failed(reason: CoterieError, next: DialHistory): void {
    this.#state = { name: 'idle' };
    this.#waitingBytes = 0;
    this.#notices = [];
    this.#lastFailure = reason;
    this.#dials = next;
    this.#inFlight.failAll((mayHaveTakenEffect) => withEffect(reason, mayHaveTakenEffect));
  }

  #afterFailure(): DialHistory {
    const { environment, limits } = this.#parts;
    return afterFailure(this.#dials, this.#nowMs, { limits, random: environment.random });
  }

  #lost(why: string): CoterieError {
    return connectionLost(this.#parts.address, why);
  }

  #stranger(expected: string, found: string): CoterieError {
    return new CoterieError('CONNECTION_LOST', `${this.#parts.address} is ${found} now, not ${expected}`, {
      details: { reason: 'identity', address: this.#parts.address, expected, found, mayHaveTakenEffect: false },
    });
  }

  #overloaded(why: string): CoterieError {
    return new CoterieError('OVERLOADED', `cannot ask ${this.#parts.address}: ${why}`, {
      details: { address: this.#parts.address, mayHaveTakenEffect: false },
    });
  }
}

function withEffect(error: CoterieError, mayHaveTakenEffect: boolean): CoterieError {
  const { code, message, retryable, details } = error;
  return new CoterieError(code, message, { cause: error, retryable, details: { ...details, mayHaveTakenEffect } });
}

function lengthOf(values: readonly Uint8Array[] | undefined): number {
  let bytes = 0;
  for (const value of values ?? []) bytes += value.length;
  return bytes;
}
