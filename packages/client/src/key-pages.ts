/** The keys of a bucket, page by page as they are asked for: never more than one page in memory. */
import type { HttpAnswer } from '@coterie/env';
import { parseFields } from './answers.ts';
import type { CallOptions } from './api.ts';
import type { Call, Runner } from './caller.ts';
import { bucketSegment, type Bytes, bytesOf, decode, encode } from './names.ts';
import type { RequestParts } from './requests.ts';

/** Options of `keys`. */
export interface KeysOptions extends CallOptions {
  /** Only keys that begin so. */
  readonly prefix?: Bytes | undefined;
  /** Keys in one trip, 1 to 1000; 1000 by default. `timeoutMs` is for each trip. */
  readonly pageSize?: number | undefined;
}

interface Page {
  readonly keys: readonly Uint8Array[];
  readonly cursor: string | undefined;
}

/** The keys, in the order of their tokens. Those written or deleted meanwhile may be among them or not; all others come once. */
export async function* keysOf(
  bucket: string,
  options: KeysOptions,
  by: { readonly caller: Runner; readonly parts: RequestParts },
): AsyncGenerator<Uint8Array, void, void> {
  const path = `/v1/kv/${bucketSegment(bucket)}`;
  const prefix = options.prefix === undefined ? '' : `&prefix=${encode(bytesOf(options.prefix, 'the prefix')).replaceAll('&', '%26')}`;
  let cursor: string | undefined;
  do {
    const after: string = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: Page = await by.caller.run(pageCall(by.parts, options, `${path}?limit=${options.pageSize ?? 1000}${prefix}${after}`));
    yield* page.keys;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

function pageCall({ limits, ring }: RequestParts, options: KeysOptions, path: string): Call<Page> {
  const { timeoutMs = limits.timeoutMs, signal } = options;
  return {
    what: `list ${path.slice('/v1/kv/'.length, path.indexOf('?'))}`,
    method: 'GET',
    path,
    headers: {},
    isWrite: false,
    repetition: 'freely',
    timeoutMs,
    signal,
    route: () => ring.anyRoute(),
    read: readPage,
  };
}

function readPage({ status, body }: HttpAnswer): Page | undefined {
  const { keys, cursor } = (status === 200 ? parseFields(body) : undefined) ?? {};
  if (!Array.isArray(keys) || (cursor !== undefined && typeof cursor !== 'string')) return undefined;
  const decoded = keys.map((key: unknown) => (typeof key === 'string' ? decode(key) : undefined));
  return decoded.every((key) => key !== undefined) ? { keys: decoded, cursor } : undefined;
}
