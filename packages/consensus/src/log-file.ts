/**
 * The decided epochs on disk: `ring.log`, a record file whose first payload is a base and every other one an epoch.
 *
 * ```
 *  base     = 01  cluster:string  lineage:string  snapshot
 *  decided  = 02  epoch:u48  previous:32  decision:byte string
 * ```
 *
 * docs/formats/ring-log.md has a worked example.
 */
import { isCoterieError, joinPath } from '@coterie/env';
import type { Files } from '@coterie/env';
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { type DecidedRecord, malformed, readName, readRecord, readSnapshot, writeRecord, writeSnapshot } from './chain.ts';
import { History, type HistoryLimits } from './history.ts';
import { corruptFile, type FoundRecord, readRecordFile, RecordFile, type RecordFilePlace } from './record-file.ts';
import type { Rules } from './rules.ts';

/** A history that was read. */
export interface FoundHistory<State> {
  readonly history: History<State>;
  readonly tornBytes: number;
}

/** What a history is read with. */
export interface HistoryKind<State> {
  readonly rules: Rules<State>;
  readonly limits: HistoryLimits;
}

const payloadKind = { base: 1, decided: 2 } as const;
/** "COTRING" and the version. */
const magic: Uint8Array = Uint8Array.of(0x43, 0x4f, 0x54, 0x52, 0x49, 0x4e, 0x47, 1);

/** Where the log of a directory lies. */
export function logPlace(files: Files, directory: string): RecordFilePlace {
  return { files, directory, name: 'ring.log', magic };
}

/** Writes `history` whole, in place of what was there; durable when it resolves. */
export function writeHistory<State>(place: RecordFilePlace, history: History<State>): Promise<RecordFile> {
  return RecordFile.replace(place, () => [basePayload(history), ...history.records.map(decidedPayload)]);
}

/** The payload that says `record` is decided. */
export function decidedPayload(record: DecidedRecord): Uint8Array {
  const writer = new ByteWriter(record.decision.content.length + 256).u8(payloadKind.decided);
  writeRecord(writer, record);
  return writer.finish();
}

/** Reads the log; undefined when there is none. @throws CoterieError `CORRUPTION` with file and offset, `UNSUPPORTED_FORMAT` */
export async function readHistory<State>(place: RecordFilePlace, kind: HistoryKind<State>): Promise<FoundHistory<State> | undefined> {
  const contents = await readRecordFile(place);
  if (contents === undefined) return undefined;
  const path = joinPath(place.directory, place.name);
  const [first, ...rest] = contents.records;
  if (first === undefined) throw corruptFile(path, magic.length, 'its first record is damaged');
  const history = blame(path, first, () => readBase(first.payload, kind));
  for (const found of rest) blame(path, found, () => extend(history, found.payload));
  return { history, tornBytes: contents.tornBytes };
}

function basePayload<State>({ identity, base }: History<State>): Uint8Array {
  const writer = new ByteWriter(base.state.length + 256).u8(payloadKind.base);
  writer.string(identity.cluster).string(identity.lineage);
  writeSnapshot(writer, base);
  return writer.finish();
}

function readBase<State>(payload: Uint8Array, kind: HistoryKind<State>): History<State> {
  const reader = new ByteReader(payload);
  if (reader.u8() !== payloadKind.base) throw malformed('it is no base');
  const identity = { cluster: readName(reader), lineage: readName(reader) };
  const base = readSnapshot(reader);
  if (reader.remaining > 0) throw malformed('it goes on behind its end');
  return History.from({ ...kind, identity, base });
}

function extend<State>(history: History<State>, payload: Uint8Array): void {
  const reader = new ByteReader(payload);
  if (reader.u8() !== payloadKind.decided) throw malformed('it is no decided epoch');
  const record = readRecord(reader);
  if (reader.remaining > 0) throw malformed('it goes on behind its end');
  const verdict = history.judge(record);
  if (verdict.kind !== 'next') throw malformed(`epoch ${record.epoch} does not follow epoch ${history.epoch}`);
  history.append(record, verdict);
}

/** Runs `step` and turns what is wrong with the record into `CORRUPTION` at its place. */
function blame<Result>(path: string, { offset }: FoundRecord, step: () => Result): Result {
  try {
    return step();
  } catch (error) {
    if (!isCoterieError(error) || error.code === 'UNSUPPORTED_FORMAT') throw error;
    throw corruptFile(path, offset, error.message, error);
  }
}
