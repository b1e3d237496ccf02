/**
 * One HTTP request of a command. Node's own client, since `fetch` would add 50 ms to every command's start. Whatever
 * goes wrong names the endpoint that was tried, what failed, and the next command to run.
 */
import { type IncomingMessage, request as send } from 'node:http';
import { encodeKey } from '../http/segments.ts';
import { CommandFailure, UsageFailure } from './failure.ts';

/** What to ask. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Statuses that are answers here; others become failures. */
  readonly expect: readonly number[];
  /** How long an answer may take; a minute when absent. */
  readonly patienceMs?: number;
}

/** What came back. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

const usualPatienceMs = 60_000;

/** How long those who only look wait for one node: it is there or it is not. */
export const lookPatienceMs: number = 10_000;

/** Members that were named beside the one that is asked, in their order. */
const othersOf = new WeakMap<URL, readonly URL[]>();

/** Where commands go when nothing else is said. */
export const defaultUrl = 'http://127.0.0.1:7070';

/** Members that one `--url` may name. */
const endpointsMax = 16;
/** How long each of several members may take to say that it is ready. */
const readyPatienceMs = 2000;

/**
 * The node to ask: the one that `--url` names or, of several separated by commas, the first that says it is ready. When none
 * does it is the first, whose failure then says why. `ask` goes on to the others where that can do no harm. @throws UsageFailure
 */
export async function endpointOf(url: string | undefined): Promise<URL> {
  const texts = (url ?? process.env['COTERIE_URL'] ?? defaultUrl).split(',').slice(0, endpointsMax);
  const endpoints = texts.map((text) => parseEndpoint(text.trim()));
  if (endpoints.length === 1) return endpoints[0];
  for (const endpoint of endpoints) {
    const call: Call = { method: 'GET', path: '/readyz', expect: [200], patienceMs: readyPatienceMs };
    const isReady = await ask(endpoint, call).then(
      () => true,
      () => false,
    );
    if (!isReady) continue;
    othersOf.set(
      endpoint,
      endpoints.filter((other) => other !== endpoint),
    );
    return endpoint;
  }
  return endpoints[0];
}

function parseEndpoint(text: string): URL {
  const endpoint = URL.canParse(text) ? new URL(text) : undefined;
  if (endpoint === undefined || endpoint.protocol !== 'http:' || endpoint.pathname !== '/' || endpoint.search !== '') {
    throw new UsageFailure(`${JSON.stringify(text)} is not where a node can be; it is http://HOST:PORT, such as ${defaultUrl}`);
  }
  return endpoint;
}

/** The path of a key: both parts as UTF-8 text, percent-encoded. */
export function keyPath(bucket: string, key: string): string {
  return `${segment(bucket)}/${segment(key)}`;
}

/** A text as one path segment. */
export function segment(text: string): string {
  return encodeKey(Buffer.from(text, 'utf8'));
}

/** Whether several members were named, so that a request may be sent to more than one. */
export function hasOthers(endpoint: URL): boolean {
  return othersOf.has(endpoint);
}

/**
 * Asks the node at `endpoint`, and if that does not answer, or is stopping, the others that were named with it: when
 * nothing was sent, or what was sent may come twice. @throws CommandFailure
 */
export async function ask(endpoint: URL, call: Call): Promise<Reply> {
  const others = othersOf.get(endpoint) ?? [];
  for (const [at, one] of [endpoint, ...others].entries()) {
    const isLast = at === others.length;
    const reply = await exchange(one, call).catch((error: unknown) => {
      if (isLast || !mayGoOn(call, error as NodeJS.ErrnoException)) throw unreachable(one, call, error as NodeJS.ErrnoException);
    });
    if (reply === undefined) continue;
    if (call.expect.includes(reply.status)) return reply;
    if (isLast || reply.status !== 503 || !elsewhere.has(problemIn(reply)?.code ?? '')) throw refused(one, call, reply);
  }
  throw new Error('the last of several is answered for or thrown for');
}

/** Codes of a node that has begun nothing: it is starting, or stopping. */
const elsewhere: ReadonlySet<string> = new Set(['NOT_READY', 'CLOSED']);

/** Reading twice is harmless, and a write with an operation id happens once. */
function mayGoOn({ method, headers = {} }: Call, error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNREFUSED' || method === 'GET' || headers['coterie-operation'] !== undefined;
}

/** Asks for JSON. @throws CommandFailure */
export async function askJson<Answer>(endpoint: URL, path: string, patienceMs: number = usualPatienceMs): Promise<Answer> {
  const reply = await ask(endpoint, { method: 'GET', path, expect: [200], patienceMs });
  return parseJson(endpoint, reply.body) as Answer;
}

/** A body that should be JSON. @throws CommandFailure */
export function parseJson(endpoint: URL, body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new CommandFailure(
      `${endpoint.origin} did not answer as a Coterie node does`,
      `curl -i ${endpoint.origin}/livez   shows what listens there`,
    );
  }
}

/** One request to one node. Rejects with what was wrong with the connection. */
function exchange(endpoint: URL, call: Call): Promise<Reply> {
  const { method, path, headers, body, patienceMs = usualPatienceMs } = call;
  const length = body === undefined ? {} : { 'content-length': String(body.length) };
  return new Promise((resolve, reject) => {
    const lost = (error: NodeJS.ErrnoException): void => reject(error);
    const request = send(
      {
        host: endpoint.hostname.replace(/^\[|\]$/g, ''),
        port: endpoint.port || 80,
        method,
        path,
        headers: { ...headers, ...length },
        agent: false,
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', lost);
        response.on('end', () => resolve({ status: response.statusCode as number, headers: response.headers, body: Buffer.concat(parts) }));
      },
    );
    request.setTimeout(patienceMs, () =>
      request.destroy(Object.assign(new Error(`no answer in ${patienceMs / 1000} s`), { code: 'ETIMEDOUT' })),
    );
    request.on('error', lost);
    request.end(body);
  });
}

function unreachable(endpoint: URL, call: Call, error: NodeJS.ErrnoException): CommandFailure {
  const what = `${call.method} ${endpoint.origin}${call.path} failed`;
  if (error.code === 'ECONNREFUSED')
    return new CommandFailure(
      `${what}: nothing listens at ${endpoint.host}`,
      'coterie start   starts a node; --url names one that listens elsewhere',
    );
  if (error.code === 'ENOTFOUND') return new CommandFailure(`${what}: the host ${endpoint.hostname} is not known`, 'check --url');
  const effect = call.method === 'GET' ? '' : '; it may have taken effect all the same';
  if (error.code === 'ETIMEDOUT')
    return new CommandFailure(
      `${what}: ${error.message}${effect}`,
      'that process is stopped, or has too much to do; --url asks another member, or the first that is ready of several',
    );
  return new CommandFailure(`${what}: ${error.message || String(error.code)}${effect}`, `coterie status --url ${endpoint.origin}`);
}

function refused(endpoint: URL, call: Call, reply: Reply): CommandFailure {
  const problem = problemIn(reply);
  const what = `${call.method} ${endpoint.origin}${call.path} was refused: ${reply.status}`;
  if (problem === undefined) return new CommandFailure(what, `curl -i ${endpoint.origin}/livez   shows what listens there`);
  const isUntold = problem.mayHaveTakenEffect === true && !problem.detail.includes('taken effect');
  const effect = isUntold ? '; the write may have taken effect all the same' : '';
  const next = problem.retryable ? `try again; coterie status --url ${endpoint.origin} shows how the node is` : undefined;
  return new CommandFailure(`${what} ${problem.code}: ${problem.detail}${effect}`, next);
}

interface ProblemJson {
  readonly code: string;
  readonly detail: string;
  readonly retryable: boolean;
  readonly mayHaveTakenEffect?: boolean;
}

function problemIn(reply: Reply): ProblemJson | undefined {
  if (reply.headers['content-type'] !== 'application/problem+json') return undefined;
  try {
    return JSON.parse(reply.body.toString('utf8')) as ProblemJson;
  } catch {
    return undefined;
  }
}
