/**
 * Takes over what another store holds of some partitions, page by page, merging every object. The taker drives and holds
 * the cursor; after a failure it goes on from the last page that it has whole.
 */
import { compareBytes } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import type { Core } from './core.ts';
import { addressFrom } from './layout.ts';
import { countMoved } from './moved.ts';
import { addressSeed, decodeObject } from './object.ts';
import type { Pace } from './pace.ts';
import type { CopyPage, PartitionRanges } from './peers.ts';
import type { Place } from './replica.ts';
import { malformed } from './wire.ts';

/** Objects merged at a time. */
export const mergeWindow = 16;

/** How far a transfer is. */
export interface TransferProgress {
  objects: number;
  bytes: number;
  /** Where to go on; undefined before the first page. */
  cursor: Uint8Array | undefined;
}

/** How a transfer is carried out. */
export interface Transfer {
  /** Where it stands: it begins there, and is kept up to date. */
  readonly progress: TransferProgress;
  readonly pace: Pace;
  /** Called when a page is merged, durably. A rejection ends the transfer. */
  afterPage?(): Promise<void>;
}

/** Takes over all that `source` holds in these partitions. @throws what the source or the own store refuses */
export async function takeOver(
  core: Core,
  from: { readonly source: string; readonly ranges: PartitionRanges },
  { progress, pace, afterPage }: Transfer,
): Promise<void> {
  for (;;) {
    const { cursor } = progress;
    const page = await core.cluster.peers.page(from.source, from.ranges, cursor);
    if (cursor !== undefined && page.cursor !== undefined && compareBytes(page.cursor, cursor) <= 0) throw malformed('cursor');
    const bytes = await mergePage(core, page);
    progress.objects += page.records.length;
    progress.bytes += bytes;
    countMoved(core.moved, 'taken', { objects: page.records.length, bytes });
    if (page.cursor === undefined) return;
    progress.cursor = page.cursor;
    await afterPage?.();
    await pace.spend(bytes);
  }
}

async function mergePage(core: Core, { records }: CopyPage): Promise<number> {
  for (let at = 0; at < records.length; at += mergeWindow) {
    await Promise.all(records.slice(at, at + mergeWindow).map((record) => mergeRecord(core, record)));
  }
  return records.reduce((sum, { object }) => sum + object.length, 0);
}

async function mergeRecord(core: Core, { objectKey, object }: CopyPage['records'][number]): Promise<void> {
  const place = await placeOfTaken(core, objectKey);
  if (place !== undefined) await core.local.merge(place, decodeObject(object, 0, addressSeed(objectKey)));
}

/** The place of an object that another store has; undefined for one of a dropped generation, which is nobody's any more. @throws `NOT_READY` for a generation that is not known here */
export async function placeOfTaken(core: Core, objectKey: Uint8Array): Promise<Place | undefined> {
  const address = addressFrom(objectKey);
  if (address.generation > core.buckets.get(address.bucket).generation) await core.cluster.catchUp();
  const bucket = core.buckets.get(address.bucket);
  if (address.generation > bucket.generation)
    throw new CoterieError('NOT_READY', `bucket ${bucket.name} was dropped, which is not known here yet`);
  return address.generation < bucket.generation ? undefined : { bucket, address };
}

/** How much of these partitions lies before the cursor: 0 to 1. */
export function shareDone(ranges: PartitionRanges, cursor: Uint8Array | undefined, partitions: number): number {
  if (cursor === undefined) return 0;
  const token = ((cursor[1] << 24) | (cursor[2] << 16) | (cursor[3] << 8) | cursor[4]) >>> 0;
  const at = token / (2 ** 32 / partitions);
  const all = ranges.reduce((sum, [from, until]) => sum + until - from, 0);
  const done = ranges.reduce((sum, [from, until]) => sum + Math.min(Math.max(at - from, 0), until - from), 0);
  return all === 0 ? 1 : done / all;
}
