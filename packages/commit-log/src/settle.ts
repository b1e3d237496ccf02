/**
 * Makes what examination found true on disk, before any record is added: what is behind the end goes, what is before it
 * is synced, and the last segment gets an end mark, so that from now on damage in it is told from a torn tail.
 *
 * The order lets a crash at any point be followed by the same recovery with the same result:
 * foreign files removed ─▶ records rewritten in place, tail cut, synced ─▶ end mark, synced ─▶ directory synced.
 *
 * Records not known to be synced are written again, byte for byte: after a failed sync the system may hold pages that it
 * takes for written and that never reached the disk; a sync alone would not write them.
 */
import { isCoterieError } from '@coterie/env';
import type { FileHandle, Files, Log } from '@coterie/env';
import type { ExaminedSegment, Examination } from './examine.ts';
import { blockBytes, claimFrameBytes, frameKind, putClaim } from './format.ts';

const chunkBytes = 32 * blockBytes;

/** What settling needs. */
export interface SettleInput {
  readonly files: Files;
  readonly log: Log;
  readonly directory: string;
  readonly examination: Examination;
}

/** Settles a log that is not corrupt. */
export async function settle({ files, log, directory, examination }: SettleInput): Promise<void> {
  const { verdict, segments, foreign, spares } = examination;
  for (const path of spares) await files.remove(path);
  if (verdict === 'empty') return;
  for (const { path } of foreign.toReversed()) await files.remove(path);
  for (const segment of segments) {
    const isLast = segment === segments[segments.length - 1];
    if (!isSynced(segment, examination)) await keep(files, segment);
    if (isLast && !segment.ended) await end({ files, log, segment });
  }
  await files.syncDirectory(directory);
}

/** Whether all records of a segment are known to be on disk. */
function isSynced(segment: ExaminedSegment, { synced }: Examination): boolean {
  const { number } = segment.found;
  return segment.ended || synced.number > number || (synced.number === number && synced.offset >= segment.end);
}

/** Writes a segment's records again and syncs them; what follows the last one is cut off. */
async function keep(files: Files, segment: ExaminedSegment): Promise<void> {
  const handle = await files.open(segment.found.path, 'update');
  try {
    await rewrite(handle, segment.end);
    await handle.truncate(segment.end);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function rewrite(handle: FileHandle, end: number): Promise<void> {
  const bytes = new Uint8Array(Math.min(chunkBytes, end));
  for (let position = 0; position < end; position += bytes.length) {
    const length = await handle.read(bytes, 0, Math.min(bytes.length, end - position), position);
    await handle.write(bytes, 0, length, position);
  }
}

/** Ends the last segment behind its last record. A full disk has no room for the mark; the log is as whole without it. */
async function end({ files, log, segment }: { files: Files; log: Log; segment: ExaminedSegment }): Promise<void> {
  const handle = await files.open(segment.found.path, 'update');
  try {
    await handle.truncate(segment.end);
    await handle.sync();
    const position = { number: segment.found.number, offset: segment.end };
    const mark = new Uint8Array(claimFrameBytes);
    putClaim(mark, 0, { kind: frameKind.end, position, nextSequence: segment.nextSequence, synced: position });
    await handle.write(mark, 0, mark.length, segment.end);
    await handle.sync();
  } catch (error) {
    if (!isCoterieError(error, 'DISK_FULL')) throw error;
    log.warn('no room for a log end mark', { file: segment.found.path });
    await handle.truncate(segment.end);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
