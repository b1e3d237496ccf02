/**
 * What answers say. Each reader gives `undefined` for an answer that is none to its question: a refusal, or something that
 * no Coterie node would send.
 *
 * ```
 *  200 raw value ──────────┐                                     404 DELETED ───▶ deleted, with a context
 *  300 JSON, all of them ──┴─▶ found: siblings, context, etag    404 NOT_FOUND ─▶ missing
 * ```
 *
 * Siblings are asked for as JSON: base64 is a third longer than `multipart/mixed`, but several values at once are rare and
 * soon merged, and the usual single value comes raw either way.
 */
import type { HttpAnswer } from '@coterie/env';
import { type KeyState, type Reached, Sibling, type Written } from './api.ts';
import { parseTime } from './times.ts';

type Fields = Readonly<Record<string, unknown>>;

const text = new TextDecoder();

/** The state of a key, from the answer to a `GET`. */
export function readKeyState(answer: HttpAnswer): KeyState | undefined {
  const { status, headers } = answer;
  const reached = reachedIn(headers['coterie-reached']);
  if (status === 200) return onlyValue(answer, reached);
  if (status !== 300 && status !== 404) return undefined;
  const json = parseFields(answer.body);
  if (json === undefined) return undefined;
  if (status === 300) return foundIn({ reached, ...json });
  return absentIn({ reached, context: headers['coterie-context'], ...json });
}

/** The state of a key, from a line of a batch. */
export function readStateLine(line: Fields): KeyState | undefined {
  return line['status'] === 404 ? absentIn(line) : foundIn(line);
}

/** What a write made true. */
export function readWritten({ status, headers }: HttpAnswer): Written | undefined {
  if (status !== 204) return undefined;
  return writtenIn({ context: headers['coterie-context'], etag: headers['etag'], reached: reachedIn(headers['coterie-reached']) });
}

/** What a write made true, from a line of a batch. */
export function readWrittenLine(line: Fields): Written | undefined {
  return line['status'] === 204 ? writtenIn(line) : undefined;
}

/** A JSON object. */
export function parseFields(body: Uint8Array): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text.decode(body));
    return typeof value === 'object' && value !== null ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

function onlyValue({ headers, body }: HttpAnswer, reached: Reached | undefined): KeyState | undefined {
  const { etag, 'coterie-context': context, 'content-type': contentType, 'coterie-expires': expires } = headers;
  const writtenAt = parseTime(headers['last-modified']);
  const expiresAt = parseTime(expires);
  if (etag === undefined || context === undefined || contentType === undefined || writtenAt === undefined) return undefined;
  const sibling = new Sibling({ value: body, contentType, writtenAt, etag, ...(expiresAt === undefined ? {} : { expiresAt }) });
  return { state: 'found', siblings: [sibling], context, etag, ...(reached === undefined ? {} : { reached }) };
}

function foundIn({ context, etag, siblings, reached }: Fields): KeyState | undefined {
  if (typeof context !== 'string' || typeof etag !== 'string' || !Array.isArray(siblings) || siblings.length === 0) return undefined;
  const values = siblings.map((one: unknown) => siblingIn(one as Fields | null));
  if (!values.every((value) => value !== undefined)) return undefined;
  return { state: 'found', siblings: values, context, etag, ...(isReached(reached) ? { reached } : {}) };
}

function absentIn({ code, context, reached }: Fields): KeyState | undefined {
  const known = isReached(reached) ? { reached } : {};
  if (code === 'NOT_FOUND') return { state: 'missing', ...known };
  return code === 'DELETED' && typeof context === 'string' ? { state: 'deleted', context, ...known } : undefined;
}

function siblingIn(json: Fields | null): Sibling | undefined {
  const { value, contentType, writtenAt, expiresAt, etag } = json ?? {};
  const time = parseTime(typeof writtenAt === 'string' ? writtenAt : undefined);
  if (typeof value !== 'string' || typeof contentType !== 'string' || typeof etag !== 'string' || time === undefined) return undefined;
  const expires = parseTime(typeof expiresAt === 'string' ? expiresAt : undefined);
  const fields = { value: fromBase64(value), contentType, writtenAt: time, etag };
  return new Sibling(expires === undefined ? fields : { ...fields, expiresAt: expires });
}

function writtenIn({ context, etag, reached }: Fields): Written | undefined {
  return typeof context === 'string' && typeof etag === 'string' && isReached(reached) ? { context, etag, reached } : undefined;
}

function reachedIn(header: string | undefined): Reached | undefined {
  const match = /^primaries=(\d+), fallbacks=(\d+), synced=(\d+)$/.exec(header ?? '');
  return match === null ? undefined : { primaries: Number(match[1]), fallbacks: Number(match[2]), synced: Number(match[3]) };
}

function isReached(value: unknown): value is Reached {
  const { primaries, fallbacks, synced } = (value ?? {}) as Fields;
  return [primaries, fallbacks, synced].every((count) => typeof count === 'number');
}

/** A plain array of its own: a view of a Buffer would share Node's pool. */
function fromBase64(value: string): Uint8Array {
  return new Uint8Array(Buffer.from(value, 'base64'));
}
