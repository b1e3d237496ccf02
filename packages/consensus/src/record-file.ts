/**
 * A small file of checksummed records that is appended to, for what must not be forgotten. The ring log has two: what
 * is decided, and what this node voted.
 *
 * ```
 *  file    = magic:8  record+
 *  record  = length:u32  crc:u32 (of length, synced and payload)  synced:u53  payload
 *  synced  = bytes of the file that were known to be on disk when the record was written
 *  payload = one byte 00 and no more: a confirmation, written after each sync only for its `synced`
 *
 *  append:   write record · sync · write confirmation
 *  replace:  write draft · sync · write confirmation · sync · rename to its name · sync directory
 * ```
 *
 * A damaged end is a torn append that nobody was told of, and is cut; damage below what a whole record knows to be on
 * disk is `CORRUPTION`. What is read is never appended to: pages that a failed sync left in memory look whole and are
 * not on disk, so whoever opens a file writes a new one in its place first.
 *
 * A failed write is taken back, and the file goes on. After a failed sync, cut or rename nobody knows what the disk
 * holds: the file takes nothing more.
 */
import { CoterieError, isCoterieError, joinPath } from '@coterie/env';
import type { FileHandle, FileIdentity, Files } from '@coterie/env';
import { ByteReader, ByteWriter, crc32 } from '@coterie/bytes';

/** Where a record file lies, and its kind. */
export interface RecordFilePlace {
  readonly files: Files;
  readonly directory: string;
  readonly name: string;
  /** Eight bytes; the last is the version. */
  readonly magic: Uint8Array;
}

/** A payload and where its record begins. */
export interface FoundRecord {
  readonly offset: number;
  readonly payload: Uint8Array;
}

/** What a file holds. */
export interface RecordFileContents {
  readonly records: readonly FoundRecord[];
  /** Bytes of a torn end that are ignored. */
  readonly tornBytes: number;
}

/** How long an append waits: until the record is on disk, or only until it is with the system. */
export type AppendMode = 'durable' | 'handedOver';

const headerBytes = 16;
/** Largest payload: a snapshot with its ids, or a vote with its value. */
const payloadBytesMax: number = 4 << 20;
const fileBytesMax: number = 64 << 20;
const confirmation: Uint8Array = Uint8Array.of(0);

/** A record file, open to be appended to. */
export class RecordFile {
  readonly path: string;
  readonly #file: FileHandle;
  #end: number;
  /** Everything before this offset is on disk. */
  #synced: number;
  #failure: CoterieError | undefined;

  private constructor(path: string, file: FileHandle, end: number) {
    this.path = path;
    this.#file = file;
    this.#end = end;
    this.#synced = end;
  }

  /** Bytes in the file. */
  get length(): number {
    return this.#end;
  }

  /**
   * Puts a new file with the payloads that `contents` gives in place of the old one; durable when it resolves. When it
   * fails before the rename nothing has changed; an error with `details.final` leaves it open which file is there.
   */
  static async replace(place: RecordFilePlace, contents: (identity: FileIdentity) => readonly Uint8Array[]): Promise<RecordFile> {
    const { files, directory, name } = place;
    const draft = joinPath(directory, `${name}.draft`);
    const path = joinPath(directory, name);
    if (await files.exists(draft)) await files.remove(draft);
    const file = await files.open(draft, 'create');
    try {
      const bytes = layOut(place.magic, contents(await files.identity(draft)));
      await file.write(bytes, 0, bytes.length, 0);
      await file.sync();
      const made = new RecordFile(path, file, bytes.length);
      await made.#write(frame(confirmation, bytes.length));
      await file.sync();
      made.#synced = made.#end;
      await orFinal(files.rename(draft, path));
      await orFinal(files.syncDirectory(directory));
      return made;
    } catch (error) {
      await file.close().catch(ignore);
      throw error;
    }
  }

  /** Adds a record. @throws CoterieError `DISK_FULL`, `DISK_IO`: it is not in the file, unless the error is final */
  async append(payload: Uint8Array, mode: AppendMode = 'durable'): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    await this.#write(frame(payload, this.#synced));
    if (mode === 'handedOver') return;
    try {
      await orFinal(this.#file.sync());
    } catch (error) {
      throw (this.#failure = error as CoterieError);
    }
    this.#synced = this.#end;
    await this.#confirm();
  }

  /** Gives the file back. What was confirmed last is synced first, so that damage to the last record will show. */
  async close(): Promise<void> {
    if (this.#failure === undefined) await this.#file.sync().catch(ignore);
    this.#failure ??= new CoterieError('CLOSED', `${this.path} is closed`);
    await this.#file.close();
  }

  /** Tells whoever reads the file that all of it is on disk. If it cannot be written nothing is lost. */
  async #confirm(): Promise<void> {
    try {
      await this.#write(frame(confirmation, this.#synced));
    } catch (error) {
      if (!isCoterieError(error)) throw error;
    }
  }

  async #write(record: Uint8Array): Promise<void> {
    try {
      await this.#file.write(record, 0, record.length, this.#end);
    } catch (error) {
      await this.#cut(error);
      throw error;
    }
    this.#end += record.length;
  }

  /** A half-written record must not stay: a later whole one behind it would read as corruption. */
  async #cut(cause: unknown): Promise<void> {
    try {
      await this.#file.truncate(this.#end);
    } catch {
      this.#failure = asFinal(cause);
    }
  }
}

/** Whether an error leaves it open what the disk holds. */
export function isFinal(error: unknown): boolean {
  return isCoterieError(error) && error.details['final'] === true;
}

/** Reads a file; undefined when there is none. @throws CoterieError `CORRUPTION` with file and offset, `UNSUPPORTED_FORMAT` */
export async function readRecordFile(place: RecordFilePlace): Promise<RecordFileContents | undefined> {
  const path = joinPath(place.directory, place.name);
  if (!(await place.files.exists(path))) return undefined;
  const bytes = await readWhole(place.files, path);
  checkMagic(path, bytes, place.magic);
  const records: FoundRecord[] = [];
  let offset = place.magic.length;
  for (;;) {
    const record = recordAt(bytes, offset);
    if (record === undefined) break;
    if (!isConfirmation(record.payload)) records.push({ offset, payload: record.payload });
    offset += headerBytes + record.payload.length;
  }
  refuseDamageBelowSynced(path, bytes, offset);
  return { records, tornBytes: bytes.length - offset };
}

/** The error for a file whose bytes make no sense at `offset`. */
export function corruptFile(file: string, offset: number, what: string, cause?: unknown): CoterieError {
  return new CoterieError('CORRUPTION', `${file} is damaged at ${offset}: ${what}`, { cause, details: { file, offset } });
}

function layOut(magic: Uint8Array, payloads: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter().raw(magic);
  for (const payload of payloads) writer.raw(frame(payload, 0));
  return writer.finish();
}

function frame(payload: Uint8Array, synced: number): Uint8Array {
  if (payload.length > payloadBytesMax) {
    throw new CoterieError('TOO_LARGE', `a record of ${payload.length} bytes; at most ${payloadBytesMax}`);
  }
  const record = new ByteWriter(headerBytes + payload.length).u32(payload.length).u32(0).u53(synced).raw(payload).finish();
  record.set(new ByteWriter(4).u32(checksum(record)).finish(), 4);
  return record;
}

function checksum(record: Uint8Array): number {
  return crc32(record.subarray(8), crc32(record.subarray(0, 4)));
}

function isConfirmation(payload: Uint8Array): boolean {
  return payload.length === 1 && payload[0] === 0;
}

function recordAt(bytes: Uint8Array, offset: number): { readonly synced: number; readonly payload: Uint8Array } | undefined {
  if (offset + headerBytes >= bytes.length) return undefined;
  const reader = new ByteReader(bytes, offset);
  const length = reader.u32();
  const crc = reader.u32();
  if (length === 0 || length > payloadBytesMax || length + 8 > reader.remaining) return undefined;
  if (checksum(bytes.subarray(offset, offset + headerBytes + length)) !== crc) return undefined;
  return { synced: reader.u53(), payload: reader.view(length) };
}

/** A whole record behind the damage tells what was on disk before it was written. */
function refuseDamageBelowSynced(path: string, bytes: Uint8Array, damagedAt: number): void {
  for (let offset = damagedAt + 1; offset + headerBytes < bytes.length; offset++) {
    const record = recordAt(bytes, offset);
    if (record !== undefined && record.synced > damagedAt) throw corruptFile(path, damagedAt, 'bytes that were known to be on disk');
  }
}

function checkMagic(path: string, bytes: Uint8Array, magic: Uint8Array): void {
  const last = magic.length - 1;
  if (bytes.length < magic.length || !magic.every((byte, i) => i === last || bytes[i] === byte)) {
    throw corruptFile(path, 0, 'it does not begin as such a file does');
  }
  if (bytes[last] !== magic[last]) {
    throw new CoterieError('UNSUPPORTED_FORMAT', `${path} has format ${bytes[last]}; this version reads ${magic[last]}`, {
      details: { file: path },
    });
  }
}

async function readWhole(files: Files, path: string): Promise<Uint8Array> {
  const file = await files.open(path, 'read');
  try {
    const size = await file.size();
    if (size > fileBytesMax) throw corruptFile(path, fileBytesMax, `${size} bytes; no such file grows beyond ${fileBytesMax}`);
    const bytes = new Uint8Array(size);
    return bytes.subarray(0, await file.read(bytes, 0, size, 0));
  } finally {
    await file.close();
  }
}

async function orFinal(step: Promise<void>): Promise<void> {
  try {
    await step;
  } catch (error) {
    throw asFinal(error);
  }
}

function asFinal(error: unknown): CoterieError {
  const cause = isCoterieError(error) ? error : new CoterieError('DISK_IO', String(error), { cause: error });
  return new CoterieError(cause.code, cause.message, { cause, retryable: false, details: { ...cause.details, final: true } });
}

function ignore(): void {}
