/**
 * The requests behind get, put and delete. A write always carries an operation id, minted once for all its tries, and may
 * therefore be sent as often as it takes.
 */
import { CoterieError, type HttpAnswer } from '@coterie/env';
import { readKeyState, readWritten } from './answers.ts';
import type { CallOptions, DeleteOptions, KeyState, PutOptions, ReadOptions, Written } from './api.ts';
import type { Call } from './caller.ts';
import { type Address, addressOf, type Bytes, bytesOf } from './names.ts';
import { checkOperation, type OperationIds } from './operation-id.ts';
import { type ClientLimits, checkTimeout } from './options.ts';
import type { RingWatch } from './ring-watch.ts';
import type { Route } from './route.ts';

/** What requests are made of. */
export interface RequestParts {
  readonly limits: ClientLimits;
  readonly ring: RingWatch;
  readonly operations: OperationIds;
}

const countMax = 1000;
const readHeaders = { accept: 'application/json' };

/** `GET` of a key. @throws `INVALID_ARGUMENT` */
export function getCall(parts: RequestParts, at: KeyName, options: ReadOptions): Call<KeyState> {
  const { r, pr, monotonic } = options;
  const query: Query = [
    ['r', count('r', r)],
    ['pr', count('pr', pr)],
    ['monotonic', monotonic],
    ['timeout', timeoutText(parts, options)],
  ];
  return new KeyCall({ parts, verb: 'GET', at, options, query, headers: readHeaders, body: undefined, read: readKeyState });
}

/** `PUT` of a value. @throws `INVALID_ARGUMENT`, `TOO_LARGE` */
export function putCall(parts: RequestParts, at: KeyName & { readonly value: Bytes }, options: PutOptions): Call<Written> {
  const body = valueOf(parts, at.value);
  const { ttlMs, contentType, ifNoneMatch } = options;
  const ttl = ttlMs === undefined ? undefined : `${duration('ttlMs', ttlMs)}ms`;
  const headers = writeHeaders(parts, options);
  headers['content-type'] = contentType === undefined ? defaultType(at.value) : headerValue('contentType', contentType);
  if (ifNoneMatch !== undefined) headers['if-none-match'] = headerValue('ifNoneMatch', ifNoneMatch);
  const query: Query = [...writeQuery(parts, options), ['ttl', ttl]];
  return new KeyCall({ parts, verb: 'PUT', at, options, query, headers, body, read: readWritten });
}

/** `DELETE` of a key. @throws `INVALID_ARGUMENT` */
export function deleteCall(parts: RequestParts, at: KeyName, options: DeleteOptions): Call<Written> {
  const headers = writeHeaders(parts, options);
  const query = writeQuery(parts, options);
  return new KeyCall({ parts, verb: 'DELETE', at, options, query, headers, body: undefined, read: readWritten });
}

/** The content type of a value that names none. */
export function defaultType(value: Bytes): string {
  return typeof value === 'string' ? 'text/plain; charset=utf-8' : 'application/octet-stream';
}

/** A value's bytes. @throws `TOO_LARGE`, `INVALID_ARGUMENT` */
export function valueOf({ limits }: RequestParts, value: Bytes): Uint8Array {
  const bytes = bytesOf(value, 'the value');
  if (bytes.length <= limits.valueBytesMax) return bytes;
  throw new CoterieError('TOO_LARGE', `the value has ${bytes.length} bytes, and this client sends at most ${limits.valueBytesMax}`, {
    details: { mayHaveTakenEffect: false },
  });
}

/** A whole number of stores, or `undefined`. @throws `INVALID_ARGUMENT` */
export function count(name: string, value: number | undefined): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= 0 && value <= countMax)) return value;
  throw refuse(`${name} is a whole number of stores from 0 to ${countMax}, not ${value}`);
}

/** Whole milliseconds. @throws `INVALID_ARGUMENT` */
export function duration(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw refuse(`${name} is a whole number of milliseconds from 1, not ${value}`);
}

/** The time that a node is given for one try, when the program limits the operation. */
export function timeoutText({ limits }: RequestParts, { timeoutMs }: CallOptions): string | undefined {
  return timeoutMs === undefined ? undefined : `${Math.min(checkTimeout(timeoutMs), limits.tryTimeoutMs)}ms`;
}

/** Where a key is. */
interface KeyName {
  readonly bucket: string;
  readonly key: Bytes;
}

type Query = readonly (readonly [name: string, value: string | number | boolean | undefined])[];

interface KeyCallParts<T> {
  readonly parts: RequestParts;
  readonly verb: 'GET' | 'PUT' | 'DELETE';
  readonly at: KeyName;
  readonly options: CallOptions;
  readonly query: Query;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  readonly read: (answer: HttpAnswer) => T | undefined;
}

/** A class, so that all calls have one shape. Assembled by spreading, they cost the client a tenth of its time. */
class KeyCall<T> implements Call<T> {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly repetition = 'freely';
  readonly isWrite: boolean;
  readonly read: (answer: HttpAnswer) => T | undefined;
  readonly #address: Address;
  readonly #ring: RingWatch;

  constructor({ parts, verb, at, options, query, headers, body, read }: KeyCallParts<T>) {
    this.#address = addressOf(at.bucket, at.key);
    this.#ring = parts.ring;
    this.method = verb;
    this.path = `/v1/kv/${this.#address.bucketText}/${this.#address.keyText}${queryText(query)}`;
    this.headers = headers;
    this.body = body;
    this.timeoutMs = options.timeoutMs ?? parts.limits.timeoutMs;
    this.signal = options.signal;
    this.isWrite = verb !== 'GET';
    this.read = read;
  }

  get what(): string {
    const { bucketText, keyText } = this.#address;
    return `${this.method.toLowerCase()} ${bucketText}/${keyText.length > 100 ? `${keyText.slice(0, 100)}...` : keyText}`;
  }

  route(): Route {
    return this.#ring.routeOf(this.#address.bucket, this.#address.key);
  }
}

function writeQuery(parts: RequestParts, options: DeleteOptions): Query {
  return [
    ['w', count('w', options.w)],
    ['pw', count('pw', options.pw)],
    ['timeout', timeoutText(parts, options)],
  ];
}

function writeHeaders({ operations }: RequestParts, { context, operation, ifMatch }: DeleteOptions): Record<string, string> {
  const headers: Record<string, string> = {
    'coterie-operation': operation === undefined ? operations.mint() : checkOperation(operation),
  };
  if (context !== undefined) headers['coterie-context'] = headerValue('context', context);
  if (ifMatch !== undefined) headers['if-match'] = headerValue('ifMatch', ifMatch);
  return headers;
}

/** What can stand in a header. @throws `INVALID_ARGUMENT` */
function headerValue(name: string, value: string): string {
  if (typeof value === 'string' && /^[\x20-\x7e]{1,8192}$/.test(value)) return value;
  throw refuse(`${name} is 1 to 8192 printable ASCII characters`);
}

function queryText(query: Query): string {
  let text = '';
  for (const [name, value] of query) {
    if (value !== undefined) text += `${text === '' ? '?' : '&'}${name}=${value}`;
  }
  return text;
}

function refuse(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message, { details: { mayHaveTakenEffect: false } });
}
