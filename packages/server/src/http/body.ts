/**
 * Request bodies, whole and bounded. The limit is held against `Content-Length` before the first byte is read and
 * against what arrives after. A body whose length is known goes into one allocation, so each byte is copied once (not
 * at all when it came in one piece); one sent in chunks is joined once at its end.
 *
 * ```
 *  declared > limit ──▶ TOO_LARGE, nothing read        budget spent ──▶ OVERLOADED, nothing read
 *  otherwise ──▶ 100 Continue if asked ──▶ data … ──▶ end ──▶ bytes
 *                                           ├─▶ past the limit   TOO_LARGE
 *                                           ├─▶ too slow         TIMEOUT, connection ended
 *                                           └─▶ client gone      ClientGone
 * ```
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CoterieError } from '@coterie/env';
import type { Exchange } from './exchange.ts';
import { PlainRequest } from './plain-request.ts';
import { ClientGone, HttpRefusal } from './problem.ts';
import type { Transfer, TransferOwner } from './transfers.ts';

const nothing = new Uint8Array(0);

/** Bytes that the request declares, or `undefined` for a body in chunks. A request without a body declares 0. */
export function declaredLength(exchange: Exchange): number | undefined {
  const length = exchange.header('content-length');
  if (length !== undefined) return Number(length);
  return exchange.header('transfer-encoding') === undefined ? 0 : undefined;
}

/**
 * The whole body. @throws `TOO_LARGE` past `limitBytes`, `OVERLOADED` when too many bytes are under way, `TIMEOUT` for
 * a client that is too slow, `ClientGone`
 */
export function readBody(exchange: Exchange, limitBytes: number): Promise<Uint8Array> {
  const declared = declaredLength(exchange);
  if (declared !== undefined && declared > limitBytes) throw tooLarge(limitBytes);
  if (declared === 0) return Promise.resolve(nothing);
  const { request } = exchange;
  if (!(request instanceof PlainRequest)) return new BodyReader(exchange, request, { declared, limitBytes }).read();
  exchange.service.meters.bytesIn += request.body.length;
  return Promise.resolve(request.body);
}

/** Lets a client that waits for it send its body. */
export function continueBody(exchange: Exchange): void {
  if (!exchange.awaitsContinue) return;
  exchange.awaitsContinue = false;
  // Only node:http takes requests that expect something.
  (exchange.response as ServerResponse).writeContinue();
}

/** The refusal of a body over its limit. */
export function tooLarge(limitBytes: number): CoterieError {
  return new CoterieError('TOO_LARGE', `the body is larger than the ${limitBytes} bytes allowed here`, {
    details: { mayHaveTakenEffect: false },
  });
}

/** The refusal of a body when the budget is spent. */
export function overloaded(): CoterieError {
  return new CoterieError('OVERLOADED', 'too many bytes are under way; try again shortly', { details: { mayHaveTakenEffect: false } });
}

class BodyReader implements TransferOwner {
  private readonly exchange: Exchange;
  private readonly request: IncomingMessage;
  private readonly declared: number | undefined;
  private readonly limitBytes: number;
  private readonly transfer: Transfer;
  private whole: Uint8Array | undefined;
  private chunks: Uint8Array[] = [];
  private received = 0;
  private settled = false;
  private resolve!: (body: Uint8Array) => void;
  private reject!: (error: Error) => void;

  constructor(exchange: Exchange, request: IncomingMessage, size: { readonly declared: number | undefined; readonly limitBytes: number }) {
    this.exchange = exchange;
    this.request = request;
    this.declared = size.declared;
    this.limitBytes = size.limitBytes;
    const transfer = exchange.service.transfers.begin(size.declared ?? 0, this);
    if (transfer === undefined) throw overloaded();
    this.transfer = transfer;
  }

  moved(): number {
    return this.received;
  }

  stalled(): void {
    const refusal = new HttpRefusal('TIMEOUT', 'the body arrives too slowly', { status: 408, headers: ['Connection', 'close'] });
    this.settle(() => this.reject(refusal));
  }

  read(): Promise<Uint8Array> {
    const { request } = this;
    if (request.destroyed || request.socket.destroyed) {
      this.transfer.end();
      return Promise.reject(new ClientGone('the client went away'));
    }
    continueBody(this.exchange);
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
      request.on('data', this.onData);
      request.on('end', this.onEnd);
      request.on('close', this.onGone);
      // An error comes with a close.
      request.on('error', ignored);
    });
  }

  private readonly onData = (chunk: Uint8Array): void => {
    if (this.settled) return;
    const { declared, received } = this;
    this.received += chunk.length;
    if (declared === undefined) {
      this.keepChunk(chunk);
    } else if (chunk.length === declared) {
      this.whole = chunk;
    } else {
      this.whole ??= Buffer.allocUnsafeSlow(declared);
      this.whole.set(chunk, received);
    }
  };

  private keepChunk(chunk: Uint8Array): void {
    if (this.received > this.limitBytes) {
      this.settle(() => this.reject(tooLarge(this.limitBytes)));
    } else if (!this.transfer.grow(chunk.length)) {
      this.settle(() => this.reject(overloaded()));
    } else {
      this.chunks.push(chunk);
    }
  }

  private readonly onEnd = (): void => {
    if (this.settled) return;
    this.exchange.service.meters.bytesIn += this.received;
    this.settle(() => this.resolve(this.declared === undefined ? Buffer.concat(this.chunks) : (this.whole ?? nothing)));
  };

  private readonly onGone = (): void => {
    this.settle(() => this.reject(new ClientGone('the client went away')));
  };

  /**
   * Tells the outcome, once. The bytes are the caller's from here on and no longer under way. Listeners stay on and do
   * nothing more: taking off four of them costs as much as the rest of a small body.
   */
  private settle(tell: () => void): void {
    if (this.settled) return;
    this.settled = true;
    this.transfer.end();
    tell();
    this.whole = undefined;
    this.chunks = [];
  }
}

function ignored(): void {}
