/**
 * Buckets as JSON: list, show, set, drop. Properties travel under the names that the node uses; durations are whole
 * milliseconds. The shape is checked here, what the values mean together is checked by the node.
 */
import type { Bucket, BucketProperties } from '@coterie/node';
import * as v from 'valibot';
import { readBody } from './body.ts';
import type { Exchange } from './exchange.ts';
import { HttpRefusal, invalid } from './problem.ts';
import { parseQuery } from './query.ts';
import { decodeText } from './segments.ts';

const bodyBytesMax = 16 * 1024;

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const quorum = v.union([count, v.literal('majority')]);

/** Properties as they may come in a body: all optional, no others. */
const propertiesSchema = v.strictObject({
  n: v.optional(count),
  r: v.optional(quorum),
  w: v.optional(quorum),
  pr: v.optional(count),
  pw: v.optional(count),
  conflict: v.optional(v.picklist(['siblings', 'lww'])),
  token: v.optional(v.picklist(['hash'])),
  ttlMs: v.optional(count),
  valueBytesMax: v.optional(count),
  siblingsMax: v.optional(count),
  clockEntriesMax: v.optional(count),
});

/** `GET /v1/buckets` */
export async function listBuckets(exchange: Exchange): Promise<void> {
  parseQuery(exchange.query, []);
  const buckets = await exchange.service.node.buckets();
  exchange.answerJson(200, { buckets: buckets.map(bucketJson) });
}

/** `GET /v1/buckets/{bucket}` */
export async function showBucket(exchange: Exchange): Promise<void> {
  exchange.answerJson(200, bucketJson(await exchange.service.node.bucket(bucketName(exchange))));
}

/** `PUT /v1/buckets/{bucket}`: sets the properties that the body names, keeps the others. */
export async function setBucket(exchange: Exchange): Promise<void> {
  const name = bucketName(exchange);
  const type = exchange.header('content-type');
  if (type === undefined || !/^application\/json\s*(;|$)/i.test(type)) {
    throw new HttpRefusal('INVALID_ARGUMENT', 'bucket properties come as Content-Type: application/json', { status: 415 });
  }
  const properties = parseProperties(await readBody(exchange, bodyBytesMax));
  exchange.answerJson(200, bucketJson(await exchange.service.node.setBucket(name, properties)));
}

/** `DELETE /v1/buckets/{bucket}`: drops it whole. */
export async function dropBucket(exchange: Exchange): Promise<void> {
  await exchange.service.node.dropBucket(bucketName(exchange));
  exchange.answer(204, []);
}

/** Bucket properties in a JSON body. @throws `INVALID_ARGUMENT` naming the property */
export function parseProperties(body: Uint8Array): Partial<BucketProperties> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch (error) {
    throw invalid(`the body is not JSON: ${(error as Error).message}`);
  }
  if (Array.isArray(value)) throw invalid('bucket properties are one JSON object, not a list');
  const parsed = v.safeParse(propertiesSchema, value);
  if (parsed.success) return parsed.output as Partial<BucketProperties>;
  const issue = parsed.issues[0];
  const name = v.getDotPath(issue);
  throw invalid(
    name === null ? `bucket properties are one JSON object: ${issue.message}` : `bucket property "${name.slice(0, 64)}": ${issue.message}`,
  );
}

function bucketName(exchange: Exchange): string {
  parseQuery(exchange.query, []);
  const raw = exchange.path.slice('/v1/buckets/'.length);
  if (raw.includes('/')) throw invalid('a slash inside a bucket name is written %2F');
  if (raw === '') throw invalid('the path names a bucket, as in /v1/buckets/cart');
  return decodeText(raw, 'the bucket');
}

function bucketJson(bucket: Bucket): Bucket {
  const { name, generation, exists, properties } = bucket;
  return { name, generation, exists, properties };
}
