/**
 * `GET /v1/kv/{bucket}?prefix&limit&cursor`: the keys of a bucket, a page at a time. Keys are percent-encoded as in
 * paths, so each can be put behind `/v1/kv/{bucket}/` as it stands, and any bytes come through. The cursor is opaque;
 * a page without one is the last.
 */
import type { KeyPageRequest } from '@coterie/node';
import { AnswerStream } from './answer-stream.ts';
import type { Exchange } from './exchange.ts';
import { invalid } from './problem.ts';
import { countParameter, parseQuery, textParameter } from './query.ts';
import { decodeSegment, decodeText, encodeKey } from './segments.ts';

const parameters = ['prefix', 'limit', 'cursor'];
const defaultLimit = 100;
const largestLimit = 1000;
const headers = ['Content-Type', 'application/json', 'Cache-Control', 'no-store'];

/** `GET /v1/kv/{bucket}` */
export async function listKeys(exchange: Exchange): Promise<void> {
  const query = parseQuery(exchange.query, parameters);
  const bucket = decodeText(exchange.path.slice('/v1/kv/'.length), 'the bucket');
  const limit = countParameter(query, 'limit') ?? defaultLimit;
  if (limit < 1 || limit > largestLimit) throw invalid(`query parameter "limit" is 1 to ${largestLimit}`);
  const prefix = query.get('prefix');
  const cursor = textParameter(query, 'cursor');
  const request: KeyPageRequest = {
    bucket,
    limit,
    ...(prefix === undefined ? {} : { prefix: decodeSegment(prefix, 'query parameter "prefix"') }),
    ...(cursor === undefined ? {} : { cursor }),
  };
  const page = await exchange.service.node.listKeys(request);
  if (exchange.isHead) {
    exchange.answer(200, [...headers]);
    return;
  }
  await writePage(new AnswerStream(exchange, { status: 200, headers, reserveBytes: 0 }), page);
}

async function writePage(stream: AnswerStream, page: { readonly keys: readonly Uint8Array[]; readonly cursor?: string }): Promise<void> {
  let text = '{"keys":[';
  let between = '';
  for (const key of page.keys) {
    // Encoded keys hold neither quotes nor backslashes, so they need no escaping in JSON.
    text += `${between}"${encodeKey(key)}"`;
    between = ',';
    if (text.length >= 16 * 1024) {
      await stream.write(text);
      text = '';
    }
  }
  const cursor = page.cursor === undefined ? '' : `,"cursor":${JSON.stringify(page.cursor)}`;
  await stream.write(`${text}]${cursor}}\n`);
  stream.end();
}
