/**
 * Key listing: one page of a bucket's keys, in key order, from the index. A page reads a bounded number of entries, so a
 * stretch of deleted keys gives short pages, even empty ones, with a cursor to go on from; only a page without a cursor
 * is the last.
 *
 * ```
 *  cursor = base64url of: version u8 = 1 │ the last key that was looked at
 * ```
 */
import type { KeyPage, KeyPageRequest } from './api.ts';
import { type Core, invalid } from './core.ts';
import { showsValue } from './key-index.ts';
import { afterPrefix, indexKey, indexPrefixLength, successor } from './layout.ts';
import { keyBytesMax } from './limits.ts';

const limitMax = 1000;
/** Entries that a page reads at most. */
const scannedMax = 4000;
const cursorVersion = 1;

/** A page of keys that show a value. @throws `INVALID_ARGUMENT` */
export async function listKeys(core: Core, request: KeyPageRequest): Promise<KeyPage> {
  const { limit, prefix = new Uint8Array() } = request;
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= limitMax))
    throw invalid(`limit is an integer from 1 to ${limitMax}, not ${limit}`);
  if (prefix.length > keyBytesMax) throw invalid(`prefixes have at most ${keyBytesMax} bytes`);
  const bucket = core.buckets.get(request.bucket);
  const scope = { bucket: bucket.name, bucketBytes: bucket.nameBytes, generation: bucket.generation };
  const first = indexKey({ ...scope, key: prefix });
  const from = request.cursor === undefined ? first : successor(indexKey({ ...scope, key: openCursor(request.cursor, prefix) }));
  const keyAt = indexPrefixLength(bucket.nameBytes);
  const now = core.environment.clock.now();
  const keys: Uint8Array[] = [];
  let last: Uint8Array | undefined;
  let scanned = 0;
  for await (const [entryKey, entry] of core.store.range({ gte: from, lt: afterPrefix(first), limit: scannedMax + 1 })) {
    if (keys.length === limit || scanned === scannedMax) return { keys, cursor: makeCursor(last) };
    last = entryKey.slice(keyAt);
    scanned += 1;
    if (showsValue(entry, now)) keys.push(last);
  }
  return { keys };
}

function makeCursor(last: Uint8Array | undefined): string {
  return Buffer.concat([Uint8Array.of(cursorVersion), last ?? new Uint8Array()]).toString('base64url');
}

function openCursor(cursor: string, prefix: Uint8Array): Uint8Array {
  const bytes = Buffer.from(cursor.slice(0, 2 * keyBytesMax), 'base64url');
  const key = bytes.subarray(1);
  const ours = bytes.toString('base64url') === cursor && bytes[0] === cursorVersion && key.length >= 1 && key.length <= keyBytesMax;
  if (!ours || Buffer.compare(key.subarray(0, prefix.length), prefix) !== 0) {
    throw invalid('the cursor is not one that this listing gave; start again without it');
  }
  return key;
}
