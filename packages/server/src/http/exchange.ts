/**
 * One request and its answer. Handlers read the request through it and answer exactly once; it keeps what is counted
 * (operation, outcome, latency, bytes) and makes problems of whatever was thrown.
 *
 * ```
 *  begun ──answer()/refuse()──▶ answered ──▶ counted
 *    └──────stream()──────────▶ streaming ──finish()──▶ counted
 *    └──────client gone───────▶ counted as CLIENT_GONE, nothing is sent
 * ```
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OperationName, Outcome } from '../metrics/meters.ts';
import { overloaded } from './body.ts';
import { whenEnded } from './ending.ts';
import { ClientGone, type Problem, problemBody, problemHeaders, problemOf } from './problem.ts';
import type { PlainRequest } from './plain-request.ts';
import type { PlainResponse } from './plain-response.ts';
import type { Service } from './service.ts';

/** Answers above this many bytes take part in the budget and are watched while they are sent. */
const watchedBytes = 64 * 1024;

/** A request being answered. */
export class Exchange {
  readonly service: Service;
  readonly request: IncomingMessage | PlainRequest;
  readonly response: ServerResponse | PlainResponse;
  /** Raw path, still percent-encoded, without the query. */
  readonly path: string;
  /** Raw query, without `?`. */
  readonly query: string;
  /** What it is counted as. */
  operation: OperationName = 'unknown';
  /** Whether the client waits for `100 Continue` before it sends its body. */
  awaitsContinue = false;
  private readonly startedAt: number;
  private counted = false;

  constructor(service: Service, request: IncomingMessage | PlainRequest, response: ServerResponse | PlainResponse) {
    this.service = service;
    this.request = request;
    this.response = response;
    this.startedAt = service.clock.monotonic();
    const target = originForm(request.url as string);
    const question = target.indexOf('?');
    this.path = question < 0 ? target : target.slice(0, question);
    this.query = question < 0 ? '' : target.slice(question + 1);
  }

  /** Value of a request header (lower-case name), or `undefined`. */
  header(name: string): string | undefined {
    return this.request.headers[name] as string | undefined;
  }

  /** Whether this is a `HEAD` request, whose answers have no body. */
  get isHead(): boolean {
    return this.request.method === 'HEAD';
  }

  /** Sends a whole answer; `headers` are names and values in turn, and this call's to change. */
  answer(status: number, headers: string[], body?: Uint8Array | string): void {
    if (body !== undefined && body.length > watchedBytes && !this.isHead && !this.watchSending(body.length)) {
      this.fail(overloaded());
      return;
    }
    this.finish('OK');
    this.send(status, headers, body);
  }

  /** Sends a JSON answer. */
  answerJson(status: number, value: unknown, headers: readonly string[] = []): void {
    this.answer(status, ['Content-Type', 'application/json', 'Cache-Control', 'no-store', ...headers], `${JSON.stringify(value)}\n`);
  }

  /** Answers with whatever was thrown, as a problem; when the answer has begun already, ends the connection instead. */
  fail(error: unknown): void {
    if (error instanceof ClientGone) {
      this.finish('CLIENT_GONE');
      this.response.destroy();
      return;
    }
    const problem = this.service.withMemberNames(problemOf(error));
    this.service.trouble.note(problem, error, this);
    if (this.response.headersSent) {
      this.finish(problem.code);
      this.response.destroy();
      return;
    }
    this.refuse(problem, problemHeaders(error, problem));
  }

  /** Sends a problem, and reads what is left of the request without keeping it. `body`: its body, where it was made before. */
  refuse(problem: Problem, headers: readonly string[] = [], body: string = problemBody(problem)): void {
    this.finish(problem.code);
    const all = ['Content-Type', 'application/problem+json', 'Cache-Control', 'no-store', ...headers];
    // A client that was not told to continue may or may not send its body: only a new connection is unambiguous.
    if (this.awaitsContinue) all.push('Connection', 'close');
    else this.service.discardRest(this);
    this.send(problem.status, all, body);
  }

  /** Counts the exchange as ended so; only the first call counts. */
  finish(outcome: Outcome): void {
    if (this.counted) return;
    this.counted = true;
    this.service.meters.record(this.operation, outcome, (this.service.clock.monotonic() - this.startedAt) * 1000);
    this.service.leave(this);
  }

  private send(status: number, headers: string[], body: Uint8Array | string | undefined): void {
    const { response } = this;
    if (response.destroyed) return;
    if (body !== undefined) {
      const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
      headers.push('Content-Length', String(length));
      if (!this.isHead) this.service.meters.bytesOut += length;
    }
    if (this.service.state === 'draining') headers.push('Connection', 'close');
    response.writeHead(status, headers);
    this.service.outbox.put(response, this.isHead ? undefined : body);
  }

  /** Watches that the client takes the answer fast enough; `false` when too many bytes are under way. */
  private watchSending(bytes: number): boolean {
    const { response, service } = this;
    if (this.request.socket.destroyed) return true;
    const transfer = service.transfers.begin(bytes, {
      moved: () => bytes - (response.socket?.writableLength ?? 0),
      stalled: () => response.destroy(),
    });
    if (transfer === undefined) return false;
    whenEnded(this, () => transfer.end());
    return true;
  }
}

/** The request target without `http://authority`, which proxies may send in front. */
function originForm(target: string): string {
  if (target.charCodeAt(0) === 0x2f) return target;
  const authority = /^https?:\/\/[^/?]*/i.exec(target);
  if (authority === null) return target;
  const rest = target.slice(authority[0].length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}
