/**
 * Takes over what another store holds of some partitions, page by page, merging every object. The taker drives and holds
 * the cursor; after a failure it goes on from the last page that it has whole.
 *
 * ```
 *   asked   page 1   page 2   page 3   page 4            while earlier pages are on their way to the disk, up to a limit:
 *   synced            └────── 1 2 ──────┘└─ 3 … ─┘       what comes during one sync is in the next, as with clients' writes
 *   cursor                              2                 behind what is on the disk, in order
 * ```
 */
import { compareBytes } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import type { Core } from '../core.ts';
import { addressFrom } from '../store/layout.ts';
import { countMoved } from './moved.ts';
import { addressSeed, decodeObject } from '../objects/object.ts';
import type { Pace } from './pace.ts';
import type { CopyPage, PartitionRanges } from '../peers/peers.ts';
import type { Place } from '../replica/replica.ts';
import { malformed } from '../peers/wire.ts';
import { endsBefore, rangesOf } from '../store/partition-ranges.ts';

/** Objects merged at a time. */
export const mergeWindow = 16;
/** Bytes taken over that may be on their way to the disk. A sync takes longer with them, clients wait for it too, and they come again after a failure. */
const pendingBytesMax = 2 ** 18;

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
  /** Called when a page has come, before any of it is merged. @throws to end the transfer */
  check?(): void;
  /** Called when a page is merged, durably. A rejection ends the transfer. */
  afterPage?(): Promise<void>;
}

/** Takes over all that `source` holds in these partitions. @throws what the source or the own store refuses */
export async function takeOver(
  core: Core,
  from: { readonly source: string; readonly ranges: PartitionRanges },
  { progress, pace, check, afterPage }: Transfer,
): Promise<void> {
  const pending: PendingPage[] = [];
  const settle = async (bytesLeft: number): Promise<void> => {
    while (bytesOf(pending) > bytesLeft || (bytesLeft === 0 && pending.length > 0)) {
      await settleFirst(pending, progress);
      if (pending.length > 0 || bytesLeft > 0) await afterPage?.();
    }
  };
  let next = progress.cursor;
  do {
    const sinceMs = pace.now();
    const page = await core.cluster.peers.page(from.source, from.ranges, next);
    check?.();
    if (next !== undefined && page.cursor !== undefined && compareBytes(page.cursor, next) <= 0) throw malformed('cursor');
    const bytes = page.records.reduce((sum, { object }) => sum + object.length, 0);
    countMoved(core.moved, 'taken', { objects: page.records.length, bytes });
    pending.push({ merges: await beginMerges(core, page), bytes, cursor: page.cursor });
    next = page.cursor;
    await settle(next === undefined ? 0 : pendingBytesMax);
    await pace.spend(bytes, sinceMs);
  } while (next !== undefined);
}

/** A transfer of which more counts than that it has ended. */
export interface NotedTransfer extends Transfer {
  /** Called at the end, well or not: all that the source has of these partitions is here. */
  note(partitions: readonly number[]): void;
}

/** Takes over these partitions, of which there is at least one, in order; those that are there count even if it fails. @throws as `takeOver` */
export async function takeOverAll(
  core: Core,
  { source, partitions }: { readonly source: string; readonly partitions: readonly number[] },
  { note, ...transfer }: NotedTransfer,
): Promise<void> {
  const { progress } = transfer;
  const isBehind = (partition: number): boolean =>
    progress.cursor !== undefined && endsBefore(partition, progress.cursor, core.cluster.state.ring.partitions);
  // The cursor may be of partitions that were taken over before these were wanted.
  if (isBehind(partitions[0])) progress.cursor = undefined;
  try {
    await takeOver(core, { source, ranges: rangesOf(partitions) }, transfer);
    note(partitions);
  } finally {
    note(partitions.filter(isBehind));
  }
}

/** A page whose objects are on their way to the disk. */
interface PendingPage {
  /** They resolve when their object is there. */
  readonly merges: readonly Promise<void>[];
  readonly bytes: number;
  /** Where the next page begins; undefined at the end. */
  readonly cursor: Uint8Array | undefined;
}

function bytesOf(pages: readonly PendingPage[]): number {
  return pages.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Waits for the first of these pages, and counts it. */
async function settleFirst(pending: PendingPage[], progress: TransferProgress): Promise<void> {
  const [{ merges, bytes, cursor }] = pending;
  await Promise.all(merges);
  pending.shift();
  progress.objects += merges.length;
  progress.bytes += bytes;
  progress.cursor = cursor ?? progress.cursor;
}

/** Begins to merge a page, a window of it each turn. */
async function beginMerges(core: Core, { records }: CopyPage): Promise<Promise<void>[]> {
  const merges: Promise<void>[] = [];
  for (let at = 0; at < records.length; at += mergeWindow) {
    if (at > 0) await core.environment.timers.turn();
    for (const record of records.slice(at, at + mergeWindow)) {
      const merge = mergeRecord(core, record);
      // Whoever waits for it hears of a failure; that nobody does yet is no bug.
      merge.catch(() => undefined);
      merges.push(merge);
    }
  }
  return merges;
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
