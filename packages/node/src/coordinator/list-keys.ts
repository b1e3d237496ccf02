/**
 * Key listing: one page of a bucket's keys, in key order, from the indexes of all members that can be asked. Each lists
 * the keys whose first reachable owner it is, so every key comes once. A page reads a bounded number of entries, so a
 * stretch of deleted keys gives short pages, even empty ones, with a cursor to go on from; only a page without a cursor
 * is the last. Like a read of r = 1: what only others know of a key is not asked.
 *
 * ```
 *  cursor = base64url of: version u8 = 1 │ the last key that was looked at
 * ```
 */
import { compareBytes } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { tokenOf } from '@coterie/ring';
import type { KeyPage, KeyPageRequest } from '../api.ts';
import type { KnownBucket } from '../buckets/buckets.ts';
import { type Core, invalid } from '../core.ts';
import { showsValue } from '../replica/key-index.ts';
import { afterPrefix, indexKey, indexPrefixLength, successor } from '../store/layout.ts';
import { keyBytesMax } from '../limits.ts';

const limitMax = 1000;
/** Entries that a page reads at most. */
const scannedMax = 4000;
const cursorVersion = 1;

/** A page of keys that show a value. @throws `INVALID_ARGUMENT`, `QUORUM_NOT_MET` when no set of members could be asked */
export async function listKeys(core: Core, request: KeyPageRequest): Promise<KeyPage> {
  const { limit, prefix = new Uint8Array() } = request;
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= limitMax))
    throw invalid(`limit is an integer from 1 to ${limitMax}, not ${limit}`);
  if (prefix.length > keyBytesMax) throw invalid(`prefixes have at most ${keyBytesMax} bytes`);
  const after = request.cursor === undefined ? undefined : openCursor(request.cursor, prefix);
  const order: StretchOrder = { bucket: core.buckets.get(request.bucket).name, prefix, after, limit };
  return joinStretches(await stretchesOf(core, order), limit);
}

/** Which keys a member is to list. */
export interface StretchOrder {
  readonly bucket: string;
  readonly prefix: Uint8Array;
  /** The last key that was looked at before. */
  readonly after: Uint8Array | undefined;
  readonly limit: number;
}

/** Keys in order, and how far they are all that there are; to the end when there is no bound. */
export interface KeyStretch {
  readonly keys: readonly Uint8Array[];
  readonly bound?: Uint8Array;
}

/** Members that are found not to answer, one after the other, before a listing gives up. */
const failuresMax = 3;

/** What every member lists of the keys that are its to list: each key has one such member, its first owner that is not `down`. */
async function stretchesOf(core: Core, order: StretchOrder): Promise<KeyStretch[]> {
  const { cluster, selfId } = core;
  const down = new Set(cluster.state.members.map(({ id }) => id).filter((id) => cluster.standing(id) === 'down'));
  let last: unknown;
  for (let failures = 0; failures <= failuresMax; failures++) {
    const asked = cluster.state.members.map(({ id }) => id).filter((id) => !down.has(id));
    const silent = new Set(down);
    const answers = await Promise.all(
      asked.map(async (id) => {
        try {
          return await (id === selfId ? listStretch(core, order, silent) : cluster.peers.keys(id, order, [...silent]));
        } catch (error) {
          last = error;
          down.add(id);
          return undefined;
        }
      }),
    );
    const stretches = answers.filter((answer) => answer !== undefined);
    if (stretches.length === asked.length) return stretches;
  }
  throw new CoterieError('QUORUM_NOT_MET', `members stopped answering while keys were listed: ${String(last)}`, { cause: last });
}

/** The keys that are this member's to list when `down` cannot be asked. Reads a bounded number of entries. */
export async function listStretch(core: Core, order: StretchOrder, down: ReadonlySet<string>): Promise<KeyStretch> {
  const bucket = core.buckets.get(order.bucket);
  const scope = { bucket: bucket.name, bucketBytes: bucket.nameBytes, generation: bucket.generation };
  const first = indexKey({ ...scope, key: order.prefix });
  const from = order.after === undefined ? first : successor(indexKey({ ...scope, key: order.after }));
  const keyAt = indexPrefixLength(bucket.nameBytes);
  const now = core.environment.clock.now();
  const isAlone = core.cluster.state.members.length === 1;
  const keys: Uint8Array[] = [];
  let bound = order.after;
  let scanned = 0;
  for await (const [entryKey, entry] of core.store.range({ gte: from, lt: afterPrefix(first), limit: scannedMax + 1 })) {
    if (keys.length === order.limit || scanned === scannedMax) return { keys, bound: bound ?? order.prefix };
    bound = entryKey.slice(keyAt);
    scanned += 1;
    if (showsValue(entry, now) && (isAlone || isOwnToList(core, { bucket, key: bound }, down))) keys.push(bound);
  }
  return { keys };
}

function isOwnToList(
  core: Core,
  { bucket, key }: { readonly bucket: KnownBucket; readonly key: Uint8Array },
  down: ReadonlySet<string>,
): boolean {
  const { owners } = core.cluster.placement(tokenOf(bucket.nameBytes, key), bucket.properties.n);
  return owners.find((id) => !down.has(id)) === core.selfId;
}

/** One page of what several members list: as far as all of them are complete. Pure. */
export function joinStretches(stretches: readonly KeyStretch[], limit: number): KeyPage {
  const bounds = stretches.flatMap(({ bound }) => (bound === undefined ? [] : [bound]));
  const bound = bounds.reduce<Uint8Array | undefined>(
    (least, one) => (least === undefined || compareBytes(one, least) < 0 ? one : least),
    undefined,
  );
  const sorted = stretches.flatMap(({ keys }) => keys).sort(compareBytes);
  const distinct = sorted.filter((key, at) => at === 0 || compareBytes(key, sorted[at - 1]) !== 0);
  const keys = distinct.filter((key) => bound === undefined || compareBytes(key, bound) <= 0).slice(0, limit);
  const isCut = keys.length < distinct.length && (bound === undefined || keys.length === limit);
  if (isCut) return { keys, cursor: makeCursor(keys.at(-1)) };
  return bound === undefined ? { keys } : { keys, cursor: makeCursor(bound) };
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
