/**
 * A cluster that says what a test tells it to, in virtual time, and what was said. Each request is a line of the
 * conversation; operation ids are shown as the order in which they were first seen.
 *
 * ```
 *  0ms a PUT /v1/kv/cart/alice op1 -> 503 OVERLOADED
 * ```
 */
import { CoterieError, errorCodes, type ErrorCode, type HttpAnswer, type HttpRequest, type HttpTransport } from '@coterie/env';
import { createSimulation, type Simulation } from '@coterie/simulator';
import type { ConnectOptions, Database } from '../../src/index.ts';
import { openDatabase } from '../../src/open.ts';

/** An answer, an error of the way, or nothing at all until the request's time is over. */
export type Reply = HttpAnswer | CoterieError | 'silence';

export interface Asked extends HttpRequest {
  /** `a` for `http://a:7070`. */
  readonly node: string;
}

const utf8 = new TextEncoder();
const travelMs = 1;

export class ScriptedCluster implements HttpTransport {
  readonly simulation: Simulation;
  /** The conversation, without the fetches of the ring. */
  readonly said: string[] = [];
  readonly asked: Asked[] = [];
  ringFetches = 0;
  isClosed = false;
  /** Documents of the ring; none by default. */
  ring: unknown = { partitions: 1024, ranges: [] };
  cluster: unknown = { members: [] };
  /** What a node answers. */
  answer: (asked: Asked) => Reply = () => written();
  underWay = 0;
  underWayMost = 0;
  readonly #operations: string[] = [];

  constructor(seed = 1) {
    this.simulation = createSimulation({ seed });
  }

  /** A database on this cluster; the conversation begins after it has connected. */
  async connect(urls: string | readonly string[] = 'http://a:7070', options: ConnectOptions = {}): Promise<Database> {
    const { environment } = this.simulation;
    const nowhere = (): never => {
      throw new Error('this test hands the world in');
    };
    const opening = openDatabase(urls, { environment, transport: this, ...options }, { environment: nowhere, transport: nowhere });
    const database = await this.run(opening);
    this.said.length = 0;
    this.ringFetches = 0;
    return database;
  }

  /** Drives virtual time until the work is done. */
  run<T>(work: Promise<T>): Promise<T> {
    return this.simulation.run(work);
  }

  get nowMs(): number {
    return this.simulation.clock.monotonic();
  }

  async request(request: HttpRequest): Promise<HttpAnswer> {
    const asked: Asked = { ...request, node: new URL(request.origin).hostname };
    this.underWayMost = Math.max(this.underWayMost, ++this.underWay);
    const at = Math.round(this.nowMs);
    const reply = this.#replyTo(asked);
    try {
      await this.#travel(reply === 'silence' ? request.timeoutMs : travelMs);
      if (!this.#isAboutRing(asked)) this.said.push(`${at}ms ${this.#show(asked)} -> ${show(reply)}`);
      if (reply === 'silence') throw new CoterieError('TIMEOUT', `no answer within ${request.timeoutMs} ms`, { details: { sent: true } });
      if (reply instanceof CoterieError) throw reply;
      return reply;
    } finally {
      this.underWay--;
    }
  }

  close(): void {
    this.isClosed = true;
  }

  #replyTo(asked: Asked): Reply {
    if (!this.#isAboutRing(asked)) this.asked.push(asked);
    else if (asked.path === '/v1/ring') this.ringFetches++;
    if (this.#isAboutRing(asked)) {
      const special = this.answer(asked);
      if (special === 'silence' || special instanceof CoterieError || special.status !== 204) return special;
      return json(200, asked.path === '/v1/ring' ? this.ring : this.cluster);
    }
    return this.answer(asked);
  }

  #isAboutRing({ path }: HttpRequest): boolean {
    return path === '/v1/ring' || path === '/v1/cluster';
  }

  #show({ node, method, path, headers }: Asked): string {
    const operation = headers['coterie-operation'];
    if (operation === undefined) return `${node} ${method} ${path}`;
    if (!this.#operations.includes(operation)) this.#operations.push(operation);
    return `${node} ${method} ${path} op${this.#operations.indexOf(operation) + 1}`;
  }

  #travel(ms: number): Promise<void> {
    return new Promise((resolve) => this.simulation.environment.timers.after(ms, resolve));
  }
}

function show(reply: Reply): string {
  if (reply === 'silence') return 'silence';
  if (reply instanceof CoterieError) return reply.code;
  const { status, headers, body } = reply;
  if (headers['content-type'] !== 'application/problem+json') return String(status);
  return `${status} ${/"code":"(\w+)"/.exec(new TextDecoder().decode(body))?.[1]}`;
}

/** The answer to a write. */
export function written(context = 'c1'): HttpAnswer {
  const headers = { 'coterie-context': context, etag: `"${context}"`, 'coterie-reached': 'primaries=1, fallbacks=0, synced=1' };
  return { status: 204, headers, body: new Uint8Array() };
}

/** The answer to a read that finds one value. */
export function value(text: string, context = 'c1'): HttpAnswer {
  const headers = {
    'content-type': 'text/plain',
    'coterie-context': context,
    etag: `"${context}"`,
    'last-modified': 'Sat, 21 Nov 2026 04:34:53 GMT',
    'coterie-reached': 'primaries=1, fallbacks=0, synced=0',
  };
  return { status: 200, headers, body: utf8.encode(text) };
}

/** The answer to a read that finds several values. */
export function siblings(texts: readonly string[], context = 'c1'): HttpAnswer {
  const all = texts.map((text) => ({
    value: Buffer.from(text).toString('base64'),
    contentType: 'text/plain',
    writtenAt: '2026-11-21T04:34:53.079Z',
    etag: `"${text}"`,
  }));
  return json(300, { context, etag: `"${context}"`, siblings: all });
}

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: utf8.encode(JSON.stringify(body)) };
}

/** A refusal, as nodes word it. */
export function problem(code: ErrorCode | 'NOT_FOUND' | 'DELETED', over: Partial<Record<string, unknown>> = {}): HttpAnswer {
  const status = statuses[code] ?? 500;
  const retryable = code in errorCodes && errorCodes[code as ErrorCode].retryable;
  const body = { code, detail: `the detail of ${code}`, status, retryable, mayHaveTakenEffect: false, ...over };
  const headers = { 'content-type': 'application/problem+json', ...(status === 503 ? { 'retry-after': '1' } : {}) };
  return { status, headers: { ...headers, ...(over['headers'] as object) }, body: utf8.encode(JSON.stringify(body)) };
}

const statuses: Readonly<Record<string, number>> = {
  NOT_FOUND: 404,
  DELETED: 404,
  INVALID_ARGUMENT: 400,
  PRECONDITION_FAILED: 412,
  TOO_LARGE: 413,
  TOO_MANY_SIBLINGS: 409,
  OVERLOADED: 503,
  NOT_READY: 503,
  CLOSED: 503,
  STALE_RING: 503,
  QUORUM_NOT_MET: 503,
  TIMEOUT: 504,
  DISK_FULL: 507,
};

/** Nothing listens there. */
export function refused(): CoterieError {
  return new CoterieError('CONNECTION_LOST', 'nothing listens there', { details: { sent: false, osCode: 'ECONNREFUSED' } });
}

/** The connection broke after the request had gone out. */
export function broken(reused = false): CoterieError {
  return new CoterieError('CONNECTION_LOST', 'the connection broke', { details: { sent: true, reused } });
}

/** Documents of a cluster in which `nodes` hold every partition, the order turned by one from partition to partition. */
export function ringOf(nodes: readonly string[], epoch = 1): { ring: unknown; cluster: unknown } {
  const members = nodes.map((name) => ({ id: `id-${name}`, name }));
  const replicas = Array.from({ length: 64 }, (_, partition) => nodes.map((_, i) => (partition + i) % nodes.length));
  const inCluster = nodes.map((name) => ({ nodeId: `id-${name}`, name, state: 'alive', httpAddress: `${name}:7070` }));
  return { ring: { epoch, partitions: 64, members, replicas }, cluster: { members: inCluster } };
}
