/**
 * `GET`, `HEAD`, `PUT` and `DELETE` of one key: the hot path of this door. Headers and query become a request of the
 * node, its reply becomes headers and a raw body; nothing in between copies the value.
 *
 * ```
 *  found, one sibling ──▶ 200 value (304 when the client has it)      missing ──▶ 404 NOT_FOUND
 *  found, several ──────▶ 300 all of them                             deleted ──▶ 404 DELETED, with its context
 * ```
 */
import type { Conditions, DeleteRequest, GetReply, GetRequest, PutRequest, Reached, SiblingValue, WriteReply } from '@coterie/node';
import { declaredLength, readBody, tooLarge } from './body.ts';
import { contentTypeOf } from './content-type.ts';
import type { Exchange } from './exchange.ts';
import { httpDate } from './http-date.ts';
import { invalid, type Problem, problemBody } from './problem.ts';
import { countParameter, durationParameter, parseQuery, switchParameter } from './query.ts';
import { decodeSegment, decodeText } from './segments.ts';
import { answerSiblings } from './siblings.ts';

const putParameters = ['w', 'pw', 'ttl', 'timeout'];
const deleteParameters = ['w', 'pw', 'timeout'];
const getParameters = ['r', 'pr', 'timeout', 'monotonic'];

/** Bodies up to this size are read before their bucket's own limit is looked up; the node holds them to it. */
const uncheckedBytes = 64 * 1024;

const nothing = new Uint8Array(0);

const missing: Problem = { status: 404, code: 'NOT_FOUND', detail: 'this key holds no value', retryable: false };
const missingBody = problemBody(missing);
const deleted: Problem = {
  status: 404,
  code: 'DELETED',
  detail: 'this key was deleted; write with the context to replace that',
  retryable: false,
};
const deletedBody = problemBody(deleted);

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

/** The bucket and key that a path of two segments after its prefix names. @throws `INVALID_ARGUMENT` */
export function addressOf(path: string, prefixLength: number): { bucket: string; key: Uint8Array } {
  const slash = path.indexOf('/', prefixLength);
  if (slash < 0 || slash === prefixLength) throw invalid('the path names a bucket and a key, as in /v1/kv/cart/alice');
  if (path.indexOf('/', slash + 1) >= 0) throw invalid('a slash inside a key is written %2F');
  if (slash === path.length - 1) throw invalid('the key is empty; keys have 1 byte to 2 KiB');
  return { bucket: decodeText(path.slice(prefixLength, slash), 'the bucket'), key: decodeSegment(path.slice(slash + 1), 'the key') };
}

/** `PUT /v1/kv/{bucket}/{key}` */
export async function putValue(exchange: Exchange): Promise<void> {
  const { bucket, key } = addressOf(exchange.path, 7);
  // Spelt out: an object that is spread and then added to has a shape of its own each time, and all who read it are slow.
  const request: Writable<PutRequest> = { bucket, key, value: nothing };
  const query = parseQuery(exchange.query, putParameters);
  if (query.size > 0) {
    const ttlMs = durationParameter(query, 'ttl');
    if (ttlMs !== undefined) request.ttlMs = ttlMs;
  }
  readWriteOptions(exchange, request, query);
  const contentType = exchange.header('content-type');
  if (contentType !== undefined) request.contentType = contentTypeOf(contentType);
  if (exchange.header('content-encoding') !== undefined) throw invalid('bodies are stored as they are: send no Content-Encoding');
  const limit = valueLimit(exchange, bucket);
  request.value = await readBody(exchange, typeof limit === 'number' ? limit : await limit);
  answerWrite(exchange, await exchange.service.node.put(request));
}

/** `DELETE /v1/kv/{bucket}/{key}` */
export async function deleteValue(exchange: Exchange): Promise<void> {
  const request: Writable<DeleteRequest> = addressOf(exchange.path, 7);
  readWriteOptions(exchange, request, parseQuery(exchange.query, deleteParameters));
  if (declaredLength(exchange) !== 0) throw invalid('DELETE takes no body');
  answerWrite(exchange, await exchange.service.node.delete(request));
}

/** `GET` and `HEAD` `/v1/kv/{bucket}/{key}` */
export async function getValue(exchange: Exchange): Promise<void> {
  const request: Writable<GetRequest> = addressOf(exchange.path, 7);
  const query = parseQuery(exchange.query, getParameters);
  if (query.size > 0) readGetOptions(request, query);
  const reply = await exchange.service.node.get(request);
  if (reply.state === 'found') {
    if (reply.siblings.length === 1) answerValue(exchange, reply, reply.siblings[0]);
    else await answerSiblings(exchange, reply);
  } else if (reply.state === 'deleted') {
    const headers = ['Coterie-Context', reply.context, 'Coterie-Reached', reachedText(reply.reached), 'Coterie-Epoch', epochOf(exchange)];
    exchange.refuse(deleted, headers, deletedBody);
  } else {
    exchange.refuse(missing, ['Coterie-Reached', reachedText(reply.reached), 'Coterie-Epoch', epochOf(exchange)], missingBody);
  }
}

/** The `Coterie-Reached` header's text. */
export function reachedText(reached: Reached): string {
  return `primaries=${reached.primaries}, fallbacks=${reached.fallbacks}, synced=${reached.synced}`;
}

/** The `Coterie-Epoch` header's text: a client whose ring is older fetches it again. */
export function epochOf(exchange: Exchange): string {
  return String(exchange.service.node.epoch);
}

function valueLimit(exchange: Exchange, bucket: string): number | Promise<number> {
  const declared = declaredLength(exchange);
  if (declared !== undefined && declared <= uncheckedBytes) return uncheckedBytes;
  return limitOfBucket(exchange, bucket, declared);
}

async function limitOfBucket(exchange: Exchange, bucket: string, declared: number | undefined): Promise<number> {
  const { properties } = await exchange.service.node.bucket(bucket);
  if (declared !== undefined && declared > properties.valueBytesMax) throw tooLarge(properties.valueBytesMax);
  return properties.valueBytesMax;
}

type WriteOptions = Pick<Writable<PutRequest>, 'context' | 'operation' | 'conditions' | 'w' | 'pw' | 'timeoutMs'>;

function readWriteOptions(exchange: Exchange, request: WriteOptions, query: ReadonlyMap<string, string>): void {
  const context = exchange.header('coterie-context');
  if (context !== undefined) request.context = context;
  const operation = exchange.header('coterie-operation');
  if (operation !== undefined) request.operation = operation;
  const conditions = conditionsOf(exchange.header('if-none-match'), exchange.header('if-match'));
  if (conditions !== undefined) request.conditions = conditions;
  if (query.size === 0) return;
  const w = countParameter(query, 'w');
  if (w !== undefined) request.w = w;
  const pw = countParameter(query, 'pw');
  if (pw !== undefined) request.pw = pw;
  const timeoutMs = durationParameter(query, 'timeout');
  if (timeoutMs !== undefined) request.timeoutMs = timeoutMs;
}

function readGetOptions(request: Writable<GetRequest>, query: ReadonlyMap<string, string>): void {
  const r = countParameter(query, 'r');
  if (r !== undefined) request.r = r;
  const pr = countParameter(query, 'pr');
  if (pr !== undefined) request.pr = pr;
  const timeoutMs = durationParameter(query, 'timeout');
  if (timeoutMs !== undefined) request.timeoutMs = timeoutMs;
  const monotonic = switchParameter(query, 'monotonic');
  if (monotonic !== undefined) request.monotonic = monotonic;
}

/** Preconditions of a write, from the header values. @throws `INVALID_ARGUMENT` for forms that cannot be checked */
export function conditionsOf(ifNoneMatch: string | undefined, ifMatch: string | undefined): Conditions | undefined {
  if (ifNoneMatch === undefined && ifMatch === undefined) return undefined;
  if (ifNoneMatch !== undefined && ifMatch !== undefined) throw invalid('If-None-Match and If-Match exclude each other');
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch !== '*') throw invalid('a write takes only "If-None-Match: *"');
    return { ifNoneMatch: '*' };
  }
  if (!/^"[0-9A-Za-z+/=_.:-]{1,128}"$/.test(ifMatch as string))
    throw invalid('If-Match takes one ETag, in its quotes, as an earlier answer gave it');
  return { ifMatch: ifMatch as string };
}

function answerWrite(exchange: Exchange, reply: WriteReply): void {
  const { context, etag, reached } = reply;
  exchange.answer(204, [
    'Coterie-Context',
    context,
    'ETag',
    etag,
    'Coterie-Reached',
    reachedText(reached),
    'Coterie-Epoch',
    epochOf(exchange),
  ]);
}

function answerValue(exchange: Exchange, reply: GetReply & { state: 'found' }, sibling: SiblingValue): void {
  const headers = [
    'ETag',
    reply.etag,
    'Coterie-Context',
    reply.context,
    'Coterie-Reached',
    reachedText(reply.reached),
    'Coterie-Epoch',
    epochOf(exchange),
    'Cache-Control',
    'no-cache',
  ];
  if (exchange.header('if-none-match') === reply.etag) {
    exchange.answer(304, headers);
    return;
  }
  // Stored content must not run as a page of this origin, where the console is.
  headers.push('Content-Type', sibling.contentType, 'Last-Modified', httpDate(sibling.writtenAt));
  headers.push('X-Content-Type-Options', 'nosniff', 'Content-Security-Policy', 'sandbox');
  if (sibling.expiresAt !== undefined) headers.push('Coterie-Expires', new Date(sibling.expiresAt).toISOString());
  exchange.answer(200, headers, sibling.value);
}
