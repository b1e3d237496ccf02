/**
 * The answer to a read that found concurrent values: `300 Multiple Choices` with all of them, and the context that a
 * write needs to replace them. As `multipart/mixed` each part is raw; as JSON (`Accept: application/json`) values are
 * base64. Both are written one sibling at a time.
 *
 * ```
 *  --boundary                                     {"context":"...","etag":"...","siblings":[
 *  Content-Type: text/plain                         {"value":"YQ==","contentType":"text/plain",
 *  ETag: "..."                                       "writtenAt":"2026-11-21T03:00:00.000Z","etag":"\"...\""},
 *  Last-Modified: ...                               ...
 *                                                 ]}
 *  <value>
 * ```
 */
import { randomUUID } from 'node:crypto';
import type { GetReply, SiblingValue } from '@coterie/node';
import { AnswerStream } from './answer-stream.ts';
import type { Exchange } from './exchange.ts';
import { httpDate } from './http-date.ts';
import { epochOf, reachedText } from './values.ts';

type Found = GetReply & { state: 'found' };

/** One sibling in JSON. */
export interface SiblingJson {
  /** Base64. */
  readonly value: string;
  readonly contentType: string;
  /** ISO 8601. */
  readonly writtenAt: string;
  readonly expiresAt?: string;
  readonly etag: string;
}

/** The JSON form of a sibling. */
export function siblingJson(sibling: SiblingValue): SiblingJson {
  const json: SiblingJson = {
    value: asBuffer(sibling.value).toString('base64'),
    contentType: sibling.contentType,
    writtenAt: new Date(sibling.writtenAt).toISOString(),
    etag: sibling.etag,
  };
  return sibling.expiresAt === undefined ? json : { ...json, expiresAt: new Date(sibling.expiresAt).toISOString() };
}

/** Answers `300` with all siblings of `reply`. */
export async function answerSiblings(exchange: Exchange, reply: Found): Promise<void> {
  const wantsJson = exchange.header('accept')?.includes('application/json') === true;
  const boundary = randomUUID();
  const contentType = wantsJson ? 'application/json' : `multipart/mixed; boundary="${boundary}"`;
  const headers = ['Content-Type', contentType, 'ETag', reply.etag, 'Coterie-Context', reply.context];
  headers.push('Coterie-Reached', reachedText(reply.reached), 'Coterie-Epoch', epochOf(exchange));
  headers.push('Cache-Control', 'no-cache', 'Vary', 'Accept');
  if (exchange.isHead) {
    exchange.answer(300, headers);
    return;
  }
  let bytes = 0;
  for (const sibling of reply.siblings) bytes += sibling.value.length;
  const stream = new AnswerStream(exchange, { status: 300, headers, reserveBytes: bytes });
  if (wantsJson) await writeJson(stream, reply);
  else await writeParts(stream, reply, boundary);
  stream.end();
}

async function writeJson(stream: AnswerStream, reply: Found): Promise<void> {
  let before = `{"context":${JSON.stringify(reply.context)},"etag":${JSON.stringify(reply.etag)},"siblings":[`;
  for (const sibling of reply.siblings) {
    await stream.write(before + JSON.stringify(siblingJson(sibling)));
    before = ',';
  }
  await stream.write(']}\n');
}

async function writeParts(stream: AnswerStream, reply: Found, boundary: string): Promise<void> {
  for (const sibling of reply.siblings) {
    const expires = sibling.expiresAt === undefined ? '' : `Coterie-Expires: ${new Date(sibling.expiresAt).toISOString()}\r\n`;
    const head = `Content-Type: ${sibling.contentType}\r\nETag: ${sibling.etag}\r\nLast-Modified: ${httpDate(sibling.writtenAt)}\r\n${expires}`;
    await stream.write(`--${boundary}\r\n${head}\r\n`);
    await stream.write(sibling.value);
    await stream.write('\r\n');
  }
  await stream.write(`--${boundary}--\r\n`);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
