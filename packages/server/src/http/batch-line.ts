/**
 * One line of a batch: an operation in JSON in, its result in JSON out. A line answers for itself: whatever is wrong
 * with it becomes its own result, with the status that the same request would have had alone.
 *
 * ```
 *  {"op":"put","bucket":"cart","key":"alice","text":"milk"}      {"status":204,"context":"...","etag":"\"...\"","reached":{...}}
 *  {"op":"put","bucket":"cart","key":"bob","value":"AAE="}       {"status":413,"code":"TOO_LARGE","detail":"...","retryable":false,...}
 *  {"op":"get","bucket":"cart","key":"alice"}                    {"status":200,"context":"...","etag":"...","siblings":[{"value":"bWlsaw==",...}],...}
 *  {"op":"delete","bucket":"cart","key":"alice","context":"..."} {"status":204,...}
 * ```
 *
 * Keys are percent-encoded, `value` is base64, `text` is a value that is UTF-8 text.
 */
import { isUtf8 } from 'node:buffer';
import type { CoterieNode, DeleteRequest, GetRequest, PutRequest } from '@coterie/node';
import * as v from 'valibot';
import { durationExample, parseDuration } from '../amounts.ts';
import type { OperationName } from '../metrics/meters.ts';
import { contentTypeOf } from './content-type.ts';
import { invalid, type Problem } from './problem.ts';
import { decodeKey } from './segments.ts';
import { siblingJson } from './siblings.ts';
import { conditionsOf } from './values.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535));
const address = { bucket: v.string(), key: v.string(), timeout: v.optional(v.string()) };
const writing = {
  ...address,
  context: v.optional(v.string()),
  operation: v.optional(v.string()),
  w: v.optional(count),
  pw: v.optional(count),
  ifNoneMatch: v.optional(v.string()),
  ifMatch: v.optional(v.string()),
};

const lineSchema = v.variant('op', [
  v.strictObject({
    op: v.literal('put'),
    ...writing,
    value: v.optional(v.string()),
    text: v.optional(v.string()),
    contentType: v.optional(v.string()),
    ttl: v.optional(v.string()),
  }),
  v.strictObject({ op: v.literal('get'), ...address, r: v.optional(count), pr: v.optional(count), monotonic: v.optional(v.boolean()) }),
  v.strictObject({ op: v.literal('delete'), ...writing }),
]);

type LineJson = v.InferOutput<typeof lineSchema>;
type PutJson = LineJson & { op: 'put' };
type WriteJson = LineJson & { op: 'put' | 'delete' };

/** A line that was understood: what it does, and to which key. */
export interface BatchOperation {
  readonly operation: OperationName & ('put' | 'get' | 'delete');
  /** Names bucket and key; lines with the same one run in their order. */
  readonly order: string;
  /** Does it; the result is ready to be written as JSON. */
  run(node: CoterieNode): Promise<object>;
}

/** What a line asks for. @throws `INVALID_ARGUMENT` naming the field */
export function parseLine(bytes: Uint8Array): BatchOperation {
  const line = shapeOf(bytes);
  const key = decodeKey(line.key, '"key"');
  const order = `${line.bucket}\0${Buffer.from(key).toString('latin1')}`;
  if (line.op === 'get') {
    const request = getRequest(line, key);
    return { operation: 'get', order, run: (node) => get(node, request) };
  }
  if (line.op === 'delete') {
    const request: DeleteRequest = { bucket: line.bucket, key, ...writeOptions(line) };
    return { operation: 'delete', order, run: async (node) => written(await node.delete(request)) };
  }
  const request = putRequest(line, key);
  return { operation: 'put', order, run: async (node) => written(await node.put(request)) };
}

/** The result of a line that ended in a problem. */
export function problemResult(problem: Problem): object {
  const { status, code, detail, retryable, mayHaveTakenEffect } = problem;
  return { status, code, detail, retryable, mayHaveTakenEffect };
}

function shapeOf(bytes: Uint8Array): LineJson {
  if (!isUtf8(bytes)) throw invalid('the line is not UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    throw invalid('the line is not JSON');
  }
  const parsed = v.safeParse(lineSchema, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  const name = v.getDotPath(issue);
  if (name === 'op') throw invalid('"op" is put, get or delete');
  throw invalid(name === null ? 'a line is one JSON object' : `field ${JSON.stringify(name.slice(0, 64))}: ${issue.message.slice(0, 200)}`);
}

function putRequest(line: PutJson, key: Uint8Array): PutRequest {
  return {
    bucket: line.bucket,
    key,
    value: valueOf(line),
    ...writeOptions(line),
    ...contentType(line),
    ...(line.ttl === undefined ? {} : { ttlMs: duration(line.ttl, 'ttl') }),
  };
}

function valueOf(line: PutJson): Uint8Array {
  if ((line.value === undefined) === (line.text === undefined)) throw invalid('a put has either "value" (base64) or "text"');
  if (line.text !== undefined) return Buffer.from(line.text, 'utf8');
  const value = line.value as string;
  if (value.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) throw invalid('"value" is not base64 (padded, as RFC 4648 has it)');
  return Buffer.from(value, 'base64');
}

function contentType(line: PutJson): Pick<PutRequest, 'contentType'> {
  if (line.contentType !== undefined) return { contentType: contentTypeOf(line.contentType) };
  return line.text === undefined ? {} : { contentType: 'text/plain; charset=utf-8' };
}

function writeOptions(line: WriteJson): Omit<DeleteRequest, 'bucket' | 'key'> {
  const { context, operation, w, pw } = line;
  const conditions = conditionsOf(line.ifNoneMatch, line.ifMatch);
  return {
    ...(context === undefined ? {} : { context }),
    ...(operation === undefined ? {} : { operation }),
    ...(w === undefined ? {} : { w }),
    ...(pw === undefined ? {} : { pw }),
    ...(conditions === undefined ? {} : { conditions }),
    ...(line.timeout === undefined ? {} : { timeoutMs: duration(line.timeout, 'timeout') }),
  };
}

function getRequest(line: LineJson & { op: 'get' }, key: Uint8Array): GetRequest {
  const { bucket, r, pr, monotonic } = line;
  return {
    bucket,
    key,
    ...(r === undefined ? {} : { r }),
    ...(pr === undefined ? {} : { pr }),
    ...(monotonic === undefined ? {} : { monotonic }),
    ...(line.timeout === undefined ? {} : { timeoutMs: duration(line.timeout, 'timeout') }),
  };
}

function duration(text: string, name: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined || milliseconds === 0) throw invalid(`"${name}" is ${durationExample}`);
  return milliseconds;
}

async function get(node: CoterieNode, request: GetRequest): Promise<object> {
  const reply = await node.get(request);
  if (reply.state === 'missing') return { status: 404, code: 'NOT_FOUND', reached: reply.reached };
  if (reply.state === 'deleted') return { status: 404, code: 'DELETED', context: reply.context, reached: reply.reached };
  const { context, etag, reached, siblings } = reply;
  return { status: siblings.length === 1 ? 200 : 300, context, etag, reached, siblings: siblings.map(siblingJson) };
}

function written(reply: { readonly context: string; readonly etag: string; readonly reached: object }): object {
  return { status: 204, context: reply.context, etag: reply.etag, reached: reply.reached };
}
