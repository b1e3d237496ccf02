/**
 * Opens a log: takes the lock, replays what is there, settles it, and says where to go on. The log goes on in a new
 * segment, made when the first record comes: an old file is never appended to.
 */
import { CoterieError } from '@coterie/env';
import type { DirectoryLock } from '@coterie/env';
import { examine } from './examine.ts';
import type { ExaminedSegment, Examination } from './examine.ts';
import type { RecordVisitor } from './frame-parser.ts';
import type { RecordHandler } from './group.ts';
import type { LogSettings } from './options.ts';
import type { KeptSegment, SegmentListStart } from './segment-list.ts';
import type { FoundSegment } from './segment-reader.ts';
import { settle } from './settle.ts';

/** What an opened log begins with. */
export interface OpenedLog {
  readonly nextSequence: number;
  readonly lock: DirectoryLock | undefined;
  readonly start: Omit<SegmentListStart, 'fail'>;
}

/**
 * Recovers the log in `directory`, which is made if it is missing.
 * @throws CoterieError `CORRUPTION`, `LOCKED`, `UNSUPPORTED_FORMAT`, `DISK_IO`, `DISK_FULL`
 */
export async function openLog(directory: string, settings: LogSettings, replay: RecordHandler): Promise<OpenedLog> {
  const { files } = settings.environment;
  await files.makeDirectory(directory);
  const lock = settings.lock ? await files.lock(directory) : undefined;
  try {
    const start = await recover(directory, settings, replay);
    return { ...start, lock };
  } catch (error) {
    await lock?.release();
    throw error;
  }
}

async function recover(directory: string, settings: LogSettings, replay: RecordHandler): Promise<Omit<OpenedLog, 'lock'>> {
  const { environment, startAfter, segmentBytes, reserveSegments } = settings;
  const { files, log } = environment;
  const examination = await examine({ files, directory, startAfter }, after(startAfter ?? 0, replay));
  report(examination, environment.log);
  await settle({ files, log, directory, examination });
  const last = examination.segments.at(-1);
  const kept = examination.segments.map(keptSegment);
  const released = examination.obsolete.map(obsoleteSegment);
  const start = {
    environment: { files, log },
    directory,
    logId: last?.found.header.logId ?? newLogId(settings),
    kept,
    released,
    end: { number: last?.found.number ?? 0, offset: last?.end ?? 0 },
    nextNumber: examination.nextNumber,
    segmentBytes,
    reserveSegments,
  };
  return { nextSequence: examination.nextSequence, start };
}

/** Passes on the records that end behind `startAfter`. */
function after(startAfter: number, replay: RecordHandler): RecordVisitor {
  return (place, bytes, start, end, firstSequence) => {
    if (firstSequence + place.sequences - 1 > startAfter) replay(bytes, start, end, firstSequence);
  };
}

/** @throws CoterieError `CORRUPTION` */
function report({ verdict, gap, foreign }: Examination, log: LogSettings['environment']['log']): void {
  if (gap === undefined) return;
  const { file, offset, bytes, what } = gap;
  if (verdict === 'corrupt') {
    throw new CoterieError('CORRUPTION', `${file} is damaged at ${offset}: ${what}`, { details: { file, offset } });
  }
  log.warn('log tail cut', { file, offset, bytes, segmentsRemoved: foreign.length });
}

function keptSegment(segment: ExaminedSegment): KeptSegment {
  const { found, end, nextSequence } = segment;
  const { number, path, fileBytes, header } = found;
  return { number, path, firstSequence: header.firstSequence, lastSequence: nextSequence - 1, bytes: end, fileBytes };
}

function obsoleteSegment({ number, path, fileBytes, header }: FoundSegment): KeptSegment {
  return { number, path, firstSequence: header?.firstSequence ?? 0, lastSequence: 0, bytes: 0, fileBytes };
}

function newLogId({ environment }: LogSettings): string {
  const bytes = environment.random.fill(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
