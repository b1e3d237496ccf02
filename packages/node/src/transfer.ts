/**
 * Takes over what another store holds of some partitions, page by page, merging every object. The taker drives; a page
 * that does not come is asked for again, and what came before stays.
 */
import { compareBytes } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import type { Core } from './core.ts';
import { addressFrom } from './layout.ts';
import { addressSeed, decodeObject } from './object.ts';
import type { CopyPage, PartitionRanges } from './peers.ts';
import { malformed } from './wire.ts';

/** Objects merged at a time. */
const window = 16;

/** How far a transfer is. */
export interface TransferProgress {
  objects: number;
  bytes: number;
}

/** Takes over all that `source` holds in these partitions. @throws what the source or the own store refuses */
export async function takeOver(
  core: Core,
  from: { readonly source: string; readonly ranges: PartitionRanges },
  progress: TransferProgress,
): Promise<void> {
  let cursor: Uint8Array | undefined;
  do {
    const page = await core.cluster.peers.page(from.source, from.ranges, cursor);
    if (cursor !== undefined && page.cursor !== undefined && compareBytes(page.cursor, cursor) <= 0) throw malformed('cursor');
    await mergePage(core, page, progress);
    cursor = page.cursor;
  } while (cursor !== undefined);
}

async function mergePage(core: Core, { records }: CopyPage, progress: TransferProgress): Promise<void> {
  for (let at = 0; at < records.length; at += window) {
    await Promise.all(records.slice(at, at + window).map((record) => mergeRecord(core, record, progress)));
  }
}

async function mergeRecord(core: Core, record: CopyPage['records'][number], progress: TransferProgress): Promise<void> {
  const address = addressFrom(record.objectKey);
  if (address.generation > core.buckets.get(address.bucket).generation) await core.cluster.catchUp();
  const bucket = core.buckets.get(address.bucket);
  if (address.generation > bucket.generation)
    throw new CoterieError('NOT_READY', `bucket ${bucket.name} was dropped, which is not known here yet`);
  // What belongs to a dropped generation is nobody's any more.
  if (address.generation < bucket.generation) return;
  await core.local.merge({ bucket, address }, decodeObject(record.object, 0, addressSeed(record.objectKey)));
  progress.objects += 1;
  progress.bytes += record.object.length;
}
