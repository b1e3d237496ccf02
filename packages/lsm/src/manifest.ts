/**
 * The manifest: a log of version edits. The first record of a file is a whole version; each further one an edit. The
 * store is what the records of the manifest that `CURRENT` names add up to.
 *
 * ```
 *  file    = magic:8 ("COTMANI" 01)  record*
 *  record  = length:u32  crc:u32 (of length, synced and payload)  synced:u53  payload
 *  synced  = bytes of the file that were known to be synced when the record was written
 *  payload = a version edit, or one byte 00: a confirmation, written after a sync only for its `synced`
 *
 *  switch:  write MANIFEST-n · sync · write CURRENT.new · sync · rename to CURRENT · sync the directory
 * ```
 * A torn tail is an edit that was never acknowledged: it is cut. Damage below what any whole record knows to be synced is
 * `CORRUPTION`; the confirmation written after each sync makes that hold for the last edit too.
 * After a failed write or sync the manifest takes nothing more: what the disk holds is unknown.
 */
import { ByteReader, ByteWriter, crc32 } from '@coterie/bytes';
import { CoterieError, type FileHandle, type Files, joinPath } from '@coterie/env';
import { currentDraftName, currentName, manifestName, parseName } from './names.ts';
import { applyEdit, emptyVersion, type Version, type VersionEdit } from './version.ts';
import { decodeEdit, encodeEdit } from './version-edit.ts';

const magic = Uint8Array.of(0x43, 0x4f, 0x54, 0x4d, 0x41, 0x4e, 0x49, 1);
const headerBytes = 16;
/** A record larger than this is never written: about 300,000 tables with long keys. */
const recordBytesMax: number = 256 * 2 ** 20;
/** Past this size the next edit starts a new manifest. */
const rotateBytes: number = 8 * 2 ** 20;

/** What a manifest says. */
export interface ManifestState {
  readonly version: Version;
  readonly flushedSequence: number;
  readonly nextFileNumber: number;
  /** Bytes of a torn last record that were ignored. */
  readonly tornBytes: number;
}

/** An open manifest, being appended to. */
export class Manifest {
  readonly #files: Files;
  readonly #directory: string;
  #file: FileHandle;
  #syncFile: FileHandle;
  #offset: number;
  #synced: number;
  #failure: CoterieError | undefined;

  private constructor(files: Files, directory: string, opened: OpenedManifest) {
    this.#files = files;
    this.#directory = directory;
    this.#file = opened.file;
    this.#syncFile = opened.syncFile;
    this.#offset = opened.offset;
    this.#synced = opened.synced;
  }

  /** Writes a new manifest that holds `state` and makes `CURRENT` name it; durable when it returns. */
  static create(files: Files, directory: string, state: VersionEdit & { readonly number: number }): Manifest {
    return new Manifest(files, directory, writeManifest(files, directory, state));
  }

  /** Whether the file has grown so far that the next change should start a new one with `replace`. */
  get isLarge(): boolean {
    return this.#offset > rotateBytes;
  }

  /** Appends an edit; durable only after `sync`. @throws CoterieError the failure that ended this manifest */
  append(edit: VersionEdit): void {
    if (this.#failure !== undefined) throw this.#failure;
    const record = frame(encodeEdit(edit), this.#synced);
    try {
      this.#file.writeSync(record, 0, record.length, this.#offset);
    } catch (error) {
      this.#cut(error as CoterieError);
      throw error;
    }
    this.#offset += record.length;
  }

  /** Makes what was appended durable. */
  async sync(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const end = this.#offset;
    try {
      await this.#file.sync();
      this.#synced = Math.max(this.#synced, end);
    } catch (error) {
      this.#failure = error as CoterieError;
      throw error;
    }
  }

  /** Notes that what was appended so far is durable. Needs no sync; if it cannot be written, nothing is lost. */
  confirm(): void {
    const record = frame(confirmation, this.#synced);
    try {
      this.#file.writeSync(record, 0, record.length, this.#offset);
      this.#offset += record.length;
    } catch (error) {
      this.#cut(error as CoterieError);
    }
  }

  /** The same at once, on a descriptor of its own: an async sync may be under way on the other. */
  syncSync(): void {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#syncFile.syncSync();
      this.#synced = this.#offset;
    } catch (error) {
      this.#failure = error as CoterieError;
      throw error;
    }
  }

  /** Starts a new manifest file holding `state`; the old one is removed. */
  replace(state: VersionEdit & { readonly number: number }): void {
    const old = this.#file.path;
    const opened = writeManifest(this.#files, this.#directory, state);
    this.close();
    this.#file = opened.file;
    this.#syncFile = opened.syncFile;
    this.#offset = opened.offset;
    this.#synced = opened.synced;
    this.#files.removeSync(old);
  }

  close(): void {
    this.#file.closeSync();
    this.#syncFile.closeSync();
  }

  /** A half-written record must not stay: a later whole one behind it would read as corruption. */
  #cut(cause: CoterieError): void {
    try {
      this.#file.truncateSync(this.#offset);
    } catch {
      this.#failure = cause;
    }
  }
}

interface OpenedManifest {
  readonly file: FileHandle;
  readonly syncFile: FileHandle;
  readonly offset: number;
  readonly synced: number;
}

function writeManifest(files: Files, directory: string, state: VersionEdit & { readonly number: number }): OpenedManifest {
  const name = manifestName(state.number);
  const file = files.openSync(joinPath(directory, name), 'create');
  const record = frame(encodeEdit(state), 0);
  file.writeSync(magic, 0, magic.length, 0);
  file.writeSync(record, 0, record.length, magic.length);
  file.syncSync();
  files.syncDirectorySync(directory);
  const draft = joinPath(directory, currentDraftName);
  if (files.existsSync(draft)) files.removeSync(draft);
  const current = files.openSync(draft, 'create');
  const text = new TextEncoder().encode(`${name}\n`);
  current.writeSync(text, 0, text.length, 0);
  current.syncSync();
  current.closeSync();
  files.renameSync(draft, joinPath(directory, currentName));
  files.syncDirectorySync(directory);
  const offset = magic.length + record.length;
  const confirmed = frame(confirmation, offset);
  file.writeSync(confirmed, 0, confirmed.length, offset);
  return { file, syncFile: files.openSync(file.path, 'update'), offset: offset + confirmed.length, synced: offset };
}

/** Payload of a confirmation. No edit has format 0. */
const confirmation: Uint8Array = Uint8Array.of(0);

function frame(payload: Uint8Array, synced: number): Uint8Array {
  const writer = new ByteWriter(payload.length + headerBytes);
  writer.u32(payload.length).u32(0).u53(synced).raw(payload);
  const record = writer.finish();
  record.set(new ByteWriter(4).u32(checksum(record)).finish(), 4);
  return record;
}

/** Checksum of a record: all of it but the checksum itself. */
function checksum(record: Uint8Array): number {
  return crc32(record.subarray(8), crc32(record.subarray(0, 4)));
}

/** Name of the manifest that `CURRENT` names; `undefined` in a directory without a store. */
export async function readCurrent(files: Files, directory: string): Promise<string | undefined> {
  const path = joinPath(directory, currentName);
  if (!(await files.exists(path))) return undefined;
  const text = new TextDecoder().decode(await readWhole(files, path));
  const name = text.endsWith('\n') ? text.slice(0, -1) : '';
  if (parseName(name)?.kind !== 'manifest') {
    throw new CoterieError('CORRUPTION', `${path} names no manifest`, { details: { file: path, offset: 0 } });
  }
  return name;
}

/** Reads a manifest. @throws CoterieError `CORRUPTION` with file and offset, `UNSUPPORTED_FORMAT` */
export async function readManifest(files: Files, path: string): Promise<ManifestState> {
  const bytes = await readWhole(files, path);
  if (bytes.length < magic.length || !magic.every((byte, i) => i === 7 || bytes[i] === byte)) throw corrupt(path, 0, 'no manifest');
  if (bytes[7] !== magic[7]) throw new CoterieError('UNSUPPORTED_FORMAT', `${path} has format ${bytes[7]}; this version reads 1`);
  let state: ManifestState | undefined;
  let offset = magic.length;
  while (offset < bytes.length) {
    const payload = recordAt(bytes, offset)?.payload;
    if (payload === undefined) break;
    if (payload.length !== 1 || payload[0] !== 0) state = step(state, decodeAt(path, offset, payload));
    offset += headerBytes + payload.length;
  }
  if (state === undefined) throw corrupt(path, magic.length, 'the first record is damaged');
  refuseDamageBelowSynced(path, bytes, offset);
  return { ...state, tornBytes: bytes.length - offset };
}

function step(state: ManifestState | undefined, edit: VersionEdit): ManifestState {
  return {
    version: applyEdit(state?.version ?? emptyVersion, edit),
    flushedSequence: edit.flushedSequence ?? state?.flushedSequence ?? 0,
    nextFileNumber: edit.nextFileNumber,
    tornBytes: 0,
  };
}

interface ManifestRecord {
  readonly synced: number;
  readonly payload: Uint8Array;
}

function recordAt(bytes: Uint8Array, offset: number): ManifestRecord | undefined {
  if (offset + headerBytes > bytes.length) return undefined;
  const reader = new ByteReader(bytes, offset);
  const length = reader.u32();
  const crc = reader.u32();
  if (length > recordBytesMax || length + 8 > reader.remaining) return undefined;
  if (checksum(bytes.subarray(offset, offset + headerBytes + length)) !== crc) return undefined;
  return { synced: reader.u53(), payload: reader.view(length) };
}

function decodeAt(path: string, offset: number, payload: Uint8Array): VersionEdit {
  try {
    return decodeEdit(payload);
  } catch (cause) {
    if (cause instanceof CoterieError && cause.code === 'UNSUPPORTED_FORMAT') throw cause;
    throw corrupt(path, offset, 'a record that no version writes', cause);
  }
}

/** A whole record behind the damage tells what was synced before it was written. */
function refuseDamageBelowSynced(path: string, bytes: Uint8Array, damagedAt: number): void {
  for (let offset = damagedAt + 1; offset + headerBytes < bytes.length; offset++) {
    const record = recordAt(bytes, offset);
    if (record !== undefined && record.synced > damagedAt) throw corrupt(path, damagedAt, 'damage below what was synced');
  }
}

async function readWhole(files: Files, path: string): Promise<Uint8Array> {
  const file = await files.open(path, 'read');
  try {
    const bytes = new Uint8Array(await file.size());
    const read = await file.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, read);
  } finally {
    await file.close();
  }
}

function corrupt(file: string, offset: number, what: string, cause?: unknown): CoterieError {
  return new CoterieError('CORRUPTION', `${file} at ${offset}: ${what}`, { cause, details: { file, offset } });
}
