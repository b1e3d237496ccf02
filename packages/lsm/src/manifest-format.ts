/**
 * The bytes of a manifest and of `CURRENT`, and what they add up to when they are read.
 *
 * ```
 *  file    = magic:8 ("COTMANI" 01)  record*
 *  record  = length:u32  crc:u32 (of length, synced and payload)  synced:u53  payload
 *  synced  = bytes of the file that were known to be synced when the record was written
 *  payload = a version edit, or one byte 00: a confirmation, written after a sync only for its `synced`
 *  CURRENT = name of the manifest, a space, crc32 of the name in eight hexadecimal digits, a line feed
 * ```
 * A torn tail is an edit that was never acknowledged: it is cut. Damage below what any whole record knows to be synced is
 * `CORRUPTION`; the confirmation written after each sync makes that hold for the last edit too. `CURRENT` has a checksum
 * because an older manifest may still lie beside the one in force: one flipped digit would open the past.
 *
 * docs/formats/store.md has a worked example.
 */
import { ByteReader, ByteWriter, crc32, equalBytes } from '@coterie/bytes';
import { CoterieError, type Files, isCoterieError, joinPath } from '@coterie/env';
import { currentName, parseName } from './names.ts';
import { applyEdit, emptyVersion, flawOf, type Version, type VersionEdit } from './version.ts';
import { decodeEdit, encodeEdit } from './version-edit.ts';

/** The first bytes of a manifest; the last of them is the format. */
export const manifestMagic: Uint8Array = Uint8Array.of(0x43, 0x4f, 0x54, 0x4d, 0x41, 0x4e, 0x49, 1);
const headerBytes = 16;
/** A record larger than this is never written: about 300,000 tables with long keys. */
const recordBytesMax: number = 256 * 2 ** 20;

/** What a manifest says. */
export interface ManifestState {
  readonly version: Version;
  readonly flushedSequence: number;
  readonly nextFileNumber: number;
  /** Bytes of a torn last record that were ignored. */
  readonly tornBytes: number;
}

/** Payload of a confirmation. No edit has format 0. */
const confirmation: Uint8Array = Uint8Array.of(0);

/** A record that holds an edit; `synced` bytes of the file are known to be on disk. */
export function editRecord(edit: VersionEdit, synced: number): Uint8Array {
  return frame(encodeEdit(edit), synced);
}

/** A record that says no more than that `synced` bytes of the file are on disk. */
export function confirmationRecord(synced: number): Uint8Array {
  return frame(confirmation, synced);
}

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

/** What `CURRENT` holds when it names `name`. */
export function encodeCurrent(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  return new TextEncoder().encode(`${name} ${crc32(bytes).toString(16).padStart(8, '0')}\n`);
}

/** Name of the manifest that `CURRENT` names; `undefined` in a directory without a store. */
export async function readCurrent(files: Files, directory: string): Promise<string | undefined> {
  const path = joinPath(directory, currentName);
  if (!(await files.exists(path))) return undefined;
  const bytes = await readWhole(files, path);
  const name = new TextDecoder().decode(bytes).split(' ')[0];
  const isWhole = parseName(name)?.kind === 'manifest' && equalBytes(bytes, encodeCurrent(name));
  if (!isWhole) throw corrupt(path, 0, 'it names no manifest');
  return name;
}

/** Reads a manifest. @throws CoterieError `CORRUPTION` with file and offset, `UNSUPPORTED_FORMAT` */
export async function readManifest(files: Files, path: string): Promise<ManifestState> {
  const bytes = await readWhole(files, path);
  if (bytes.length < manifestMagic.length || !manifestMagic.every((byte, i) => i === 7 || bytes[i] === byte))
    throw corrupt(path, 0, 'no manifest');
  if (bytes[7] !== manifestMagic[7]) throw unsupported(path, `format ${bytes[7]}`);
  let state: ManifestState | undefined;
  let offset = manifestMagic.length;
  while (offset < bytes.length) {
    const payload = recordAt(bytes, offset)?.payload;
    if (payload === undefined) break;
    if (payload.length !== 1 || payload[0] !== 0) state = step(state, decodeAt(path, offset, payload));
    offset += headerBytes + payload.length;
  }
  if (state === undefined) throw corrupt(path, manifestMagic.length, 'the first record is damaged');
  refuseDamageBelowSynced(path, bytes, offset);
  const flaw = flawOf(state.version);
  if (flaw !== undefined) throw corrupt(path, manifestMagic.length, `its edits do not add up: ${flaw}`);
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
    if (isCoterieError(cause, 'UNSUPPORTED_FORMAT')) throw unsupported(path, `a record at ${offset}: ${cause.message}`);
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

function unsupported(file: string, what: string): CoterieError {
  return new CoterieError('UNSUPPORTED_FORMAT', `${file} has ${what}; this version reads 1`, { details: { file } });
}

function corrupt(file: string, offset: number, what: string, cause?: unknown): CoterieError {
  return new CoterieError('CORRUPTION', `${file} at ${offset}: ${what}`, { cause, details: { file, offset } });
}
