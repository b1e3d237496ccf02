/**
 * The requests behind get, put and delete. A write always carries an operation id, minted once for all its tries, and may
 * therefore be sent as often as it takes.
 */
import { CoterieError } from '@coterie/env';
import { readKeyState, readWritten } from './answers.ts';
import type { CallOptions, DeleteOptions, KeyState, PutOptions, ReadOptions, Written } from './api.ts';
import type { Call } from './caller.ts';
import { type Address, addressOf, type Bytes, bytesOf } from './names.ts';
import { checkOperation, type OperationIds } from './operation-id.ts';
import { type ClientLimits, checkTimeout } from './options.ts';
import type { RingWatch } from './ring-watch.ts';

/** What requests are made of. */
export interface RequestParts {
  readonly limits: ClientLimits;
  readonly ring: RingWatch;
  readonly operations: OperationIds;
}

const countMax = 1000;
const readHeaders = { accept: 'application/json' };

/** `GET` of a key. @throws `INVALID_ARGUMENT` */
export function getCall(parts: RequestParts, at: { readonly bucket: string; readonly key: Bytes }, options: ReadOptions): Call<KeyState> {
  const address = addressOf(at.bucket, at.key);
  const { r, pr, monotonic } = options;
  const query = queryOf({ r: count('r', r), pr: count('pr', pr), monotonic, timeout: timeoutText(parts, options) });
  return {
    ...keyCall(parts, { verb: 'get', address, options, query }),
    method: 'GET',
    headers: readHeaders,
    isWrite: false,
    read: readKeyState,
  };
}

/** `PUT` of a value. @throws `INVALID_ARGUMENT`, `TOO_LARGE` */
export function putCall(
  parts: RequestParts,
  at: { readonly bucket: string; readonly key: Bytes; readonly value: Bytes },
  options: PutOptions,
): Call<Written> {
  const address = addressOf(at.bucket, at.key);
  const body = valueOf(parts, at.value);
  const ttl = options.ttlMs === undefined ? undefined : `${duration('ttlMs', options.ttlMs)}ms`;
  const query = queryOf({ ...writeQuery(parts, options), ttl });
  const headers = writeHeaders(parts, options);
  headers['content-type'] = options.contentType ?? defaultType(at.value);
  if (options.ifNoneMatch !== undefined) headers['if-none-match'] = options.ifNoneMatch;
  return { ...keyCall(parts, { verb: 'put', address, options, query }), method: 'PUT', headers, body, isWrite: true, read: readWritten };
}

/** `DELETE` of a key. @throws `INVALID_ARGUMENT` */
export function deleteCall(
  parts: RequestParts,
  at: { readonly bucket: string; readonly key: Bytes },
  options: DeleteOptions,
): Call<Written> {
  const address = addressOf(at.bucket, at.key);
  const query = queryOf(writeQuery(parts, options));
  const headers = writeHeaders(parts, options);
  return { ...keyCall(parts, { verb: 'delete', address, options, query }), method: 'DELETE', headers, isWrite: true, read: readWritten };
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

interface KeyCall {
  readonly verb: string;
  readonly address: Address;
  readonly options: CallOptions;
  readonly query: string;
}

type CallFrame = Pick<Call<unknown>, 'what' | 'path' | 'timeoutMs' | 'signal' | 'repetition' | 'route'>;

function keyCall({ limits, ring }: RequestParts, { verb, address, options, query }: KeyCall): CallFrame {
  const { bucket, key, bucketText, keyText } = address;
  return {
    what: `${verb} ${bucketText}/${keyText.length > 100 ? `${keyText.slice(0, 100)}...` : keyText}`,
    path: `/v1/kv/${bucketText}/${keyText}${query}`,
    timeoutMs: options.timeoutMs ?? limits.timeoutMs,
    signal: options.signal,
    repetition: 'freely',
    route: () => ring.routeOf(bucket, key),
  };
}

function writeQuery(parts: RequestParts, options: DeleteOptions): Query {
  return { w: count('w', options.w), pw: count('pw', options.pw), timeout: timeoutText(parts, options) };
}

function writeHeaders({ operations }: RequestParts, { context, operation, ifMatch }: DeleteOptions): Record<string, string> {
  const headers: Record<string, string> = {
    'coterie-operation': operation === undefined ? operations.mint() : checkOperation(operation),
  };
  if (context !== undefined) headers['coterie-context'] = context;
  if (ifMatch !== undefined) headers['if-match'] = ifMatch;
  return headers;
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

function queryOf(parameters: Query): string {
  let text = '';
  for (const name in parameters) {
    const value = parameters[name];
    if (value !== undefined) text += `${text === '' ? '?' : '&'}${name}=${value}`;
  }
  return text;
}

function refuse(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message, { details: { mayHaveTakenEffect: false } });
}
