/**
 * Makes what examination found true on disk, before any record is added: what is behind the end goes, what is before it
 * is synced, and the last segment gets an end mark, so that from now on damage in it is told from a torn tail.
 *
 * A segment that is not known to be synced is copied: into a draft, synced, which then takes its name. A sync in place
 * would not do: after a failed sync the system may hold pages that it takes for written and that never reached the disk.
 * Writing in place would not do: bytes that are safe already could be torn.
 *
 * A crash at any point is followed by the same recovery with the same result: nothing that counts is written over, and
 * the log goes on only after the directory was synced.
 */
import { isCoterieError } from '@coterie/env';
import type { FileHandle, Files, Log } from '@coterie/env';
import type { ExaminedSegment, Examination } from './examine.ts';
import { blockBytes, claimFrameBytes, frameKind, putClaim } from './format.ts';
import { draftPath } from './names.ts';

const chunkBytes = 32 * blockBytes;

/** What settling needs. */
export interface SettleInput {
  readonly files: Files;
  readonly log: Log;
  readonly directory: string;
  readonly examination: Examination;
}

/** Settles a log that is not corrupt. */
export async function settle(input: SettleInput): Promise<void> {
  const { files, directory, examination } = input;
  const { verdict, segments, foreign, leftovers } = examination;
  for (const path of leftovers) await files.remove(path);
  if (verdict === 'empty') return;
  for (const { path } of foreign.toReversed()) await files.remove(path);
  for (const segment of segments) {
    const isLast = segment === segments[segments.length - 1];
    if (!isSynced(segment, examination)) await replace(input, segment, isLast ? endMark(segment) : noMark);
    else if (isLast && !segment.ended) await putMark(input, segment);
  }
  await files.syncDirectory(directory);
}

/** Whether all records of a segment are known to be on disk. */
function isSynced(segment: ExaminedSegment, { synced }: Examination): boolean {
  const { number } = segment.found;
  return segment.ended || synced.number > number || (synced.number === number && synced.offset >= segment.end);
}

const noMark = new Uint8Array(0);

function endMark(segment: ExaminedSegment): Uint8Array {
  const position = { number: segment.found.number, offset: segment.end };
  const mark = new Uint8Array(claimFrameBytes);
  putClaim(mark, 0, { kind: frameKind.end, position, nextSequence: segment.nextSequence, synced: position });
  return mark;
}

/** Puts a synced copy of a segment's records, and `mark` behind them, in its place. Without space for one it is cut and synced as it is. */
async function replace({ files, log, directory }: SettleInput, segment: ExaminedSegment, mark: Uint8Array): Promise<void> {
  const draft = draftPath(directory, segment.found.number);
  try {
    await withFile(files.open(segment.found.path, 'read'), (from) =>
      withFile(files.open(draft, 'create'), async (to) => {
        await copy(from, to, segment.end);
        await to.write(mark, 0, mark.length, segment.end);
        await to.sync();
      }),
    );
    await files.rename(draft, segment.found.path);
  } catch (error) {
    if (!isCoterieError(error, 'DISK_FULL')) throw error;
    log.warn('no room to copy a log segment', { file: segment.found.path });
    if (await files.exists(draft)) await files.remove(draft);
    await withFile(files.open(segment.found.path, 'update'), (handle) => cutAt(handle, segment.end));
  }
}

/** Ends the last segment, all of which is synced, behind its last record. On a full disk it is as whole without the mark. */
async function putMark({ files, log }: SettleInput, segment: ExaminedSegment): Promise<void> {
  await withFile(files.open(segment.found.path, 'update'), async (handle) => {
    await cutAt(handle, segment.end);
    try {
      await handle.write(endMark(segment), 0, claimFrameBytes, segment.end);
      await handle.sync();
    } catch (error) {
      if (!isCoterieError(error, 'DISK_FULL')) throw error;
      log.warn('no room for a log end mark', { file: segment.found.path });
      await cutAt(handle, segment.end);
    }
  });
}

async function cutAt(handle: FileHandle, end: number): Promise<void> {
  await handle.truncate(end);
  await handle.sync();
}

async function copy(from: FileHandle, to: FileHandle, end: number): Promise<void> {
  const bytes = new Uint8Array(Math.min(chunkBytes, end));
  for (let position = 0; position < end; position += bytes.length) {
    const length = Math.min(bytes.length, end - position);
    const read = await from.read(bytes, 0, length, position);
    bytes.fill(0, read, length); // the trailer behind the last record may lie past the end of the file
    await to.write(bytes, 0, length, position);
  }
}

async function withFile<T>(opening: Promise<FileHandle>, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await opening;
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}
