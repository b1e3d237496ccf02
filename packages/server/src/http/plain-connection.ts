/**
 * A connection on which requests are read without node:http as long as they are plain (`plain-request.ts`). From the first
 * that is not on, the connection is node:http's, with that request and all that follows.
 *
 * ```
 *  bytes ──▶ whole and plain? ──yes──▶ Service.handle ──▶ answers, in order
 *               │ not whole: wait for the rest, shortly and for few bytes
 *               └ no, or waited in vain ──▶ answers under way leave ──▶ hand over
 * ```
 *
 * So everything that is rare keeps node:http's rules and limits: long bodies, bodies in chunks, slow clients, bad requests.
 */
import type { Socket } from 'node:net';
import { httpDate } from './http-date.ts';
import { type PlainHead, PlainRequest, parsePlainHead } from './plain-request.ts';
import { PlainResponse, type PlainWay } from './plain-response.ts';
import type { Service } from './service.ts';

/** What a connection needs of the door. */
export interface PlainDoor {
  readonly service: Service;
  readonly headerBytesMax: number;
  /** The header lines of an answer behind which the connection stays. */
  readonly aliveLines: string;
  /** Gives the socket to node:http, with bytes to be read first. */
  handOver(socket: Socket, rest: Uint8Array): void;
  /** The client's end came in the middle of a request. */
  brokenOff(socket: Socket): void;
}

/** How long the rest of a request is waited for, how much of one, and in how many pieces. */
const waitMs = 20;
const waitBytesMax = 32 * 1024;
const piecesMax = 8;
/** While this many bytes wait for the client to read them, none of its requests are taken up. */
const sendingBytesMax = 64 * 1024;

const nothing: Buffer = Buffer.alloc(0);
const headEnd = Buffer.from('\r\n\r\n');

/** One connection, until it is handed over. */
export class PlainConnection implements PlainWay {
  readonly socket: Socket;
  /** When it last had something to do, or was opened. Monotonic milliseconds. */
  quietSince: number;
  /** Whether anything was ever asked on it. */
  isUsed = false;
  private readonly door: PlainDoor;
  /** Answers under way, in the order of their requests. */
  private responses: PlainResponse[] = [];
  /** What came and was not taken up. */
  private held: Buffer = nothing;
  private pieces = 0;
  private waiting: NodeJS.Timeout | undefined;
  private state: 'open' | 'leaving' | 'ended' | 'left' = 'open';
  private isPaused = false;

  constructor(door: PlainDoor, socket: Socket) {
    this.door = door;
    this.socket = socket;
    this.quietSince = door.service.clock.monotonic();
    socket.on('data', this.onData);
    socket.on('drain', this.onDrain);
    socket.on('end', this.onEnd);
    socket.on('error', this.onError);
    socket.on('close', this.onClose);
  }

  /** Whether nothing is under way on it, nor half sent. */
  get isIdle(): boolean {
    return this.responses.length === 0 && this.held.length === 0 && this.socket.writableLength === 0;
  }

  closingLines(isLast: boolean): string {
    const date = `Date: ${httpDate(this.door.service.clock.now())}\r\n`;
    return isLast ? `${date}Connection: close\r\n` : date + this.door.aliveLines;
  }

  ready(response: PlainResponse): void {
    if (response === this.responses[0]) this.send();
  }

  private readonly onData = (piece: Buffer): void => {
    if (this.state === 'ended') return;
    this.held = this.held.length === 0 ? piece : Buffer.concat([this.held, piece]);
    this.pieces++;
    if (this.state === 'open') this.takeUp();
  };

  /** Takes up what lies there whole. */
  private takeUp(): void {
    let at = 0;
    while (at < this.held.length && this.state === 'open' && this.hasRoom()) {
      const end = this.held.indexOf(headEnd, at);
      const headBytes = (end < 0 ? this.held.length : end) - at;
      if (headBytes > this.door.headerBytesMax) return this.leave(at);
      if (end < 0) break;
      const head = parsePlainHead(this.held.toString('latin1', at, end));
      if (head === undefined) return this.leave(at);
      const next = end + headEnd.length + head.bodyBytes;
      if (next > this.held.length) break;
      this.begin(head, this.held.subarray(end + headEnd.length, next));
      at = next;
    }
    this.keepFrom(at);
  }

  /** Whether one more request may be taken up: else reading waits until answers have left. */
  private hasRoom(): boolean {
    // As many again as are worked on, for those are told that they are too many.
    const most = 2 * this.door.service.limits.pipelineMax;
    if (this.responses.length < most && this.socket.writableLength <= sendingBytesMax) return true;
    if (!this.isPaused) {
      this.isPaused = true;
      this.socket.pause();
    }
    return false;
  }

  private begin(head: PlainHead, body: Uint8Array): void {
    this.pieces = 1;
    this.isUsed = true;
    const response = new PlainResponse(this, head.method === 'HEAD');
    this.responses.push(response);
    this.door.service.handle(new PlainRequest(this.socket, head, body), response);
  }

  private keepFrom(at: number): void {
    this.held = at === this.held.length ? nothing : this.held.subarray(at);
    if (this.held.length === 0 || this.isPaused) {
      this.stopWaiting();
      return;
    }
    if (this.held.length > waitBytesMax || this.pieces > piecesMax) this.leave(0);
    else this.waiting ??= setTimeout(this.onWaited, waitMs);
  }

  private readonly onWaited = (): void => {
    this.waiting = undefined;
    if (this.state === 'open') this.leave(0);
  };

  private stopWaiting(): void {
    if (this.waiting === undefined) return;
    clearTimeout(this.waiting);
    this.waiting = undefined;
  }

  /** From `at` on it is node:http's, as soon as the answers under way have left. */
  private leave(at: number): void {
    this.held = this.held.subarray(at);
    this.stopWaiting();
    this.state = 'leaving';
    this.socket.pause();
    if (this.responses.length === 0) this.handOver();
  }

  private handOver(): void {
    this.state = 'left';
    const { socket } = this;
    socket.off('data', this.onData);
    socket.off('drain', this.onDrain);
    socket.off('end', this.onEnd);
    socket.off('error', this.onError);
    socket.off('close', this.onClose);
    this.door.handOver(socket, this.held);
  }

  /** Sends what the answers in front have. */
  private send(): void {
    while (this.responses.length > 0 && !this.socket.writableEnded) {
      const [front] = this.responses;
      const pieces = front.take();
      if (pieces.length > 1) this.socket.cork();
      for (const piece of pieces) this.socket.write(piece, 'latin1');
      if (pieces.length > 1) this.socket.uncork();
      if (!front.hasEnded) return;
      this.responses.shift();
      front.closed();
      if (front.isLast) return this.endBehind();
      this.responses[0]?.drained();
    }
    this.quietSince = this.door.service.clock.monotonic();
    this.goOn();
  }

  /** Nothing is under way any more, or less than before. */
  private goOn(): void {
    if (this.state === 'leaving') return this.handOver();
    if (!this.isPaused || this.state !== 'open') return;
    this.isPaused = false;
    this.socket.resume();
    this.takeUp();
  }

  /** The answer that was sent is the last one here. */
  private endBehind(): void {
    this.state = 'ended';
    this.held = nothing;
    this.stopWaiting();
    this.socket.destroySoon();
  }

  private readonly onDrain = (): void => {
    this.responses[0]?.drained();
    if (this.responses.length === 0) this.goOn();
  };

  /** The client sends no more. Most have gone: as on connections of node:http, answers that are not there yet are not waited for. */
  private readonly onEnd = (): void => {
    if (this.state !== 'open') return;
    this.state = 'ended';
    this.stopWaiting();
    if (this.held.length > 0 && this.responses.length === 0) this.door.brokenOff(this.socket);
    else this.socket.end();
  };

  private readonly onError = (): void => {
    this.socket.destroy();
  };

  private readonly onClose = (): void => {
    this.state = 'ended';
    this.stopWaiting();
    this.held = nothing;
    const { responses } = this;
    this.responses = [];
    for (const response of responses) response.closed();
  };
}
