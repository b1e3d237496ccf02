/**
 * The chain: each decided epoch carries the hash of the one before, so equal hashes at one epoch mean equal histories.
 *
 * ```
 *   foundation (epoch b) ◀─ previous ── epoch b + 1 ◀─ previous ── epoch b + 2 ...
 *   hash = SHA-256("coterie ring log 1", cluster, lineage,        hash = SHA-256(previous, epoch, decision)
 *                  epoch, state)
 * ```
 *
 * A foundation is where a lineage begins. Later a snapshot may stand in place of a foundation and what followed it; its
 * hash is the one that the chain had reached. `docs/formats/ring-log.md` has the bytes.
 */
import { createHash } from 'node:crypto';
import { Buffer } from 'node:buffer';
import { CoterieError } from '@coterie/env';
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { type Decision, stateBytesMax } from './rules.ts';

/** A hash of the chain: 64 hexadecimal digits. */
export type ChainHash = string;

/** Bytes of a hash where it is stored or sent. */
export const hashBytes = 32;

/** Which log this is. A lineage is what one foundation began; `recoverUnsafe` begins another one in the same cluster. */
export interface Identity {
  readonly cluster: string;
  readonly lineage: string;
}

/** One decided epoch. */
export interface DecidedRecord {
  readonly epoch: number;
  readonly previous: ChainHash;
  readonly decision: Decision;
}

/** The state as of one epoch, in place of all records up to it. */
export interface Snapshot {
  readonly epoch: number;
  readonly hash: ChainHash;
  /** Ids decided of late, oldest first, and in which epoch. */
  readonly ids: readonly DecidedId[];
  readonly state: Uint8Array;
}

/** A decision's id and the epoch that it became. */
export interface DecidedId {
  readonly id: string;
  readonly epoch: number;
}

/** Longest id of a decision, a cluster, a lineage, a node or an incarnation, in bytes of UTF-8. */
export const nameBytesMax = 128;
/** Most content of a decision, in bytes. */
export const contentBytesMax: number = 1 << 20;
/** Ids that are remembered: a decision that comes again within so many epochs changes nothing. */
export const idsMax = 1024;

/** The hash of a foundation. */
export function foundationHash(identity: Identity, epoch: number, state: Uint8Array): ChainHash {
  const writer = new ByteWriter().string('coterie ring log 1').string(identity.cluster).string(identity.lineage);
  return sha256(writer.u48(epoch).byteString(state).finish());
}

/** The hash that the chain reaches with `record`. */
export function recordHash({ epoch, previous, decision }: DecidedRecord): ChainHash {
  const writer = new ByteWriter();
  writeHash(writer, previous);
  return sha256(writer.u48(epoch).raw(encodeDecision(decision)).finish());
}

/** A decision's bytes: what a register decides. */
export function encodeDecision({ id, content }: Decision): Uint8Array {
  return new ByteWriter(content.length + nameBytesMax).string(id).raw(content).finish();
}

/** The decision in `bytes`. @throws CoterieError `CORRUPTION` for bytes that are none */
export function decodeDecision(bytes: Uint8Array): Decision {
  const reader = new ByteReader(bytes);
  const id = readName(reader);
  if (reader.remaining > contentBytesMax) throw malformed('a decision too long');
  return { id, content: reader.view(reader.remaining).slice() };
}

/** `record` as it is stored and sent. */
export function writeRecord(writer: ByteWriter, { epoch, previous, decision }: DecidedRecord): void {
  writer.u48(epoch);
  writeHash(writer, previous);
  writer.byteString(encodeDecision(decision));
}

/** The next record. @throws CoterieError `CORRUPTION` */
export function readRecord(reader: ByteReader): DecidedRecord {
  return { epoch: reader.u48(), previous: readHash(reader), decision: decodeDecision(reader.byteString()) };
}

/** `snapshot` as it is stored and sent. */
export function writeSnapshot(writer: ByteWriter, { epoch, hash, ids, state }: Snapshot): void {
  writer.u48(epoch);
  writeHash(writer, hash);
  writer.varint(ids.length);
  for (const one of ids) writer.string(one.id).u48(one.epoch);
  writer.byteString(state);
}

/** The next snapshot. @throws CoterieError `CORRUPTION` */
export function readSnapshot(reader: ByteReader): Snapshot {
  const epoch = reader.u48();
  const hash = readHash(reader);
  const count = reader.varint();
  if (count > idsMax) throw malformed('too many ids');
  const ids = Array.from({ length: count }, () => ({ id: readName(reader), epoch: reader.u48() }));
  const state = reader.byteString();
  if (state.length > stateBytesMax || epoch === 0) throw malformed('no snapshot');
  return { epoch, hash, ids, state };
}

/** Writes a hash's 32 bytes. */
export function writeHash(writer: ByteWriter, hash: ChainHash): void {
  writer.raw(Buffer.from(hash, 'hex'));
}

/** Reads a hash's 32 bytes. */
export function readHash(reader: ByteReader): ChainHash {
  return Buffer.from(reader.view(hashBytes)).toString('hex');
}

/** The next name: 1 to 128 bytes. @throws CoterieError `CORRUPTION` */
export function readName(reader: ByteReader): string {
  const name = reader.string();
  if (!isName(name)) throw malformed('a name that is none');
  return name;
}

/** Whether `text` can name something: 1 to 128 bytes of well-formed UTF-8. */
export function isName(text: string): boolean {
  return text.length > 0 && !/\p{Surrogate}/u.test(text) && Buffer.byteLength(text) <= nameBytesMax;
}

function sha256(bytes: Uint8Array): ChainHash {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The error for bytes that are not what they should be. */
export function malformed(what: string): CoterieError {
  return new CoterieError('CORRUPTION', `malformed bytes: ${what}`);
}
