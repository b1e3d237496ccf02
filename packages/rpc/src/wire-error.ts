/**
 * Errors that cross the wire: `[code, message, retryable, [name, value, name, value, …]]`. Details are plain values with
 * plain names, a few of them; a code that this version does not know becomes `REMOTE`, and so does anything that a handler
 * throws and that is no `CoterieError`.
 */
import { CoterieError, errorCodes, isCoterieError } from '@coterie/env';
import type { ErrorCode, ErrorDetails } from '@coterie/env';
import { protocolError } from './frame.ts';

const messageMax = 1024;
const textMax = 512;
const detailsMax = 16;
const detailName = /^[a-z][A-Za-z]{0,31}$/;

type Plain = string | number | boolean;

/** An error as a body. */
export function errorToBody(error: unknown): unknown {
  if (!isCoterieError(error)) {
    const message = error instanceof Error ? error.message : String(error);
    return ['REMOTE', cut(`the handler failed: ${message}`, messageMax), false, []];
  }
  const details: Plain[] = [];
  for (const [name, value] of Object.entries(error.details)) {
    if (details.length === 2 * detailsMax || !detailName.test(name) || !isPlain(value)) continue;
    details.push(name, typeof value === 'string' ? cut(value, textMax) : value);
  }
  return [error.code, cut(error.message, messageMax), error.retryable, details];
}

/** The error in a body, with the address it came from as `details.peer`. @throws CoterieError `PROTOCOL` */
export function errorFromBody(body: unknown, address: string): CoterieError {
  if (!Array.isArray(body)) throw protocolError('a failure without an error');
  const [code, message, retryable, details] = body as readonly unknown[];
  if (typeof code !== 'string' || typeof message !== 'string' || typeof retryable !== 'boolean' || !Array.isArray(details))
    throw protocolError('a failure without an error');
  const read = { ...readDetails(details), peer: address };
  if (Object.hasOwn(errorCodes, code)) return new CoterieError(code as ErrorCode, message, { retryable, details: read });
  return new CoterieError('REMOTE', `${cut(code, 40)}: ${message}`, { retryable, details: { ...read, remoteCode: cut(code, 40) } });
}

function readDetails(flat: readonly unknown[]): ErrorDetails {
  const entries: [string, Plain][] = [];
  for (let i = 0; i + 1 < flat.length && entries.length < detailsMax; i += 2) {
    const [name, value] = [flat[i], flat[i + 1]];
    if (typeof name === 'string' && detailName.test(name) && isPlain(value)) entries.push([name, value]);
  }
  return Object.fromEntries(entries);
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length);
}
