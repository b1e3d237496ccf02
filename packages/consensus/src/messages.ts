/**
 * What ring logs say to each other, in bytes.
 *
 * ```
 *  message = version:u8  crc:u32 (of all behind it)  kind:u8  cluster:string  lineage:string  body
 *
 *  asks     1 vote      epoch:u48  previous:32  register request        replies  17 vote      register reply
 *           2 learn     page                                                     18 position  epoch:u48  hash:32
 *           3 pull      epoch:u48  hash:32                                       19 page      page
 *           4 join      (no names: whoever asks has no log yet)                  20 no seat
 *                                                                                21 error     code:string  message:string
 *  page     = snapshot:u8 0|1 [snapshot]  count:varint  record*  epoch:u48  hash:32
 *  register = kind:u8  ballot  ...        ballot = round:u48  proposer:string
 * ```
 *
 * The checksum is there because a flipped bit in a hash would look like a second history and stop a member.
 */
import { CoterieError, errorCodes, isCoterieError } from '@coterie/env';
import type { ErrorCode } from '@coterie/env';
import { ByteReader, ByteWriter, crc32 } from '@coterie/bytes';
import { contentBytesMax, type Identity, malformed, nameBytesMax, readHash, readName, readRecord, readSnapshot } from './chain.ts';
import { writeHash, writeRecord, writeSnapshot } from './chain.ts';
import { type Page, pageRecordsMax, type Position } from './history.ts';
import type { Ballot } from './ballot.ts';
import type { RegisterReply, RegisterRequest } from './register.ts';

/** Largest message, in bytes. */
export const messageBytesMax: number = 4 << 20;

/** A question about the register of `epoch`, from somebody whose history reaches `previous` just before it. */
export interface VoteRequest {
  readonly kind: 'vote';
  readonly epoch: number;
  readonly previous: string;
  readonly request: RegisterRequest;
}

/** What one ring log asks another. */
export type LogRequest =
  | VoteRequest
  | { readonly kind: 'learn'; readonly page: Page }
  | { readonly kind: 'pull'; readonly after: Position }
  | { readonly kind: 'join' };

/** What it gets back. */
export type LogReply =
  | { readonly kind: 'vote'; readonly reply: RegisterReply }
  | { readonly kind: 'position'; readonly position: Position }
  | { readonly kind: 'page'; readonly page: Page }
  | { readonly kind: 'noSeat' }
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly message: string };

/** A message and whose it is; a node without a log has no identity. */
export interface Envelope<Body> {
  readonly identity: Identity | undefined;
  readonly body: Body;
}

const version = 1;
const kinds = { vote: 1, learn: 2, pull: 3, join: 4 } as const;
const replyKinds = { vote: 17, position: 18, page: 19, noSeat: 20, error: 21 } as const;
const registerKinds = { prepare: 1, accept: 2, promise: 3, accepted: 4, refused: 5 } as const;
const crcAt = 1;
const coveredFrom = 5;
const errorBytesMax = 1024;

/** The bytes of a request. */
export function encodeRequest({ identity, body }: Envelope<LogRequest>): Uint8Array {
  const writer = begin(kinds[body.kind], identity);
  if (body.kind === 'vote') {
    writer.u48(body.epoch);
    writeHash(writer, body.previous);
    writeRegisterRequest(writer, body.request);
  } else if (body.kind === 'learn') writePage(writer, body.page);
  else if (body.kind === 'pull') writePosition(writer, body.after);
  return seal(writer);
}

/** The bytes of a reply. */
export function encodeReply({ identity, body }: Envelope<LogReply>): Uint8Array {
  const writer = begin(replyKinds[body.kind], identity);
  if (body.kind === 'vote') writeRegisterReply(writer, body.reply);
  else if (body.kind === 'position') writePosition(writer, body.position);
  else if (body.kind === 'page') writePage(writer, body.page);
  else if (body.kind === 'error') writer.string(body.code).string(body.message.slice(0, errorBytesMax));
  return seal(writer);
}

/** The request in `bytes`. @throws CoterieError `PROTOCOL`, `TOO_LARGE`, `UNSUPPORTED_FORMAT` */
export function decodeRequest(bytes: Uint8Array): Envelope<LogRequest> {
  return open(bytes, (kind, reader) => {
    if (kind === kinds.vote) return readVote(reader);
    if (kind === kinds.learn) return { kind: 'learn', page: readPage(reader) };
    if (kind === kinds.pull) return { kind: 'pull', after: readPosition(reader) };
    if (kind === kinds.join) return { kind: 'join' };
    throw malformed(`kind ${kind}`);
  });
}

/** The reply in `bytes`. @throws CoterieError `PROTOCOL`, `TOO_LARGE`, `UNSUPPORTED_FORMAT` */
export function decodeReply(bytes: Uint8Array): Envelope<LogReply> {
  return open(bytes, (kind, reader) => {
    if (kind === replyKinds.vote) return { kind: 'vote', reply: readRegisterReply(reader) };
    if (kind === replyKinds.position) return { kind: 'position', position: readPosition(reader) };
    if (kind === replyKinds.page) return { kind: 'page', page: readPage(reader) };
    if (kind === replyKinds.noSeat) return { kind: 'noSeat' };
    if (kind === replyKinds.error) return readError(reader);
    throw malformed(`kind ${kind}`);
  });
}

function begin(kind: number, identity: Identity | undefined): ByteWriter {
  const writer = new ByteWriter().u8(version).u32(0).u8(kind);
  return writer.string(identity?.cluster ?? '').string(identity?.lineage ?? '');
}

function seal(writer: ByteWriter): Uint8Array {
  if (writer.length > messageBytesMax) throw new CoterieError('TOO_LARGE', `a message of ${writer.length} bytes`);
  const bytes = writer.finish();
  bytes.set(new ByteWriter(4).u32(crc32(bytes.subarray(coveredFrom))).finish(), crcAt);
  return bytes;
}

function open<Body>(bytes: Uint8Array, read: (kind: number, reader: ByteReader) => Body): Envelope<Body> {
  if (bytes.length > messageBytesMax) throw new CoterieError('TOO_LARGE', `a message of ${bytes.length} bytes`);
  try {
    const reader = new ByteReader(bytes);
    const found = reader.u8();
    if (found !== version) throw new CoterieError('UNSUPPORTED_FORMAT', `a ring log message of version ${found}`);
    if (reader.u32() !== crc32(bytes.subarray(coveredFrom))) throw malformed('its checksum fails');
    const kind = reader.u8();
    const identity = readIdentity(reader);
    const body = read(kind, reader);
    if (reader.remaining > 0) throw malformed('it goes on behind its end');
    return { identity, body };
  } catch (error) {
    if (!isCoterieError(error, 'CORRUPTION')) throw error;
    throw new CoterieError('PROTOCOL', `no ring log message: ${error.message}`, { cause: error });
  }
}

function readIdentity(reader: ByteReader): Identity | undefined {
  const [cluster, lineage] = [readOptionalName(reader), readOptionalName(reader)];
  if (cluster === undefined && lineage === undefined) return undefined;
  if (cluster === undefined || lineage === undefined) throw malformed('half an identity');
  return { cluster, lineage };
}

function readOptionalName(reader: ByteReader): string | undefined {
  const name = reader.string();
  if (name.length > nameBytesMax) throw malformed('a name too long');
  return name === '' ? undefined : name;
}

function writePosition(writer: ByteWriter, { epoch, hash }: Position): void {
  writer.u48(epoch);
  writeHash(writer, hash);
}

function readPosition(reader: ByteReader): Position {
  return { epoch: reader.u48(), hash: readHash(reader) };
}

function writePage(writer: ByteWriter, { snapshot, records, end }: Page): void {
  writer.u8(snapshot === undefined ? 0 : 1);
  if (snapshot !== undefined) writeSnapshot(writer, snapshot);
  writer.varint(records.length);
  for (const record of records) writeRecord(writer, record);
  writePosition(writer, end);
}

function readPage(reader: ByteReader): Page {
  const flag = reader.u8();
  if (flag > 1) throw malformed('a page that has neither a snapshot nor none');
  const snapshot = flag === 1 ? readSnapshot(reader) : undefined;
  const count = reader.varint();
  if (count > pageRecordsMax) throw malformed('a page too long');
  const records = Array.from({ length: count }, () => readRecord(reader));
  return { snapshot, records, end: readPosition(reader) };
}

function readVote(reader: ByteReader): VoteRequest {
  return { kind: 'vote', epoch: reader.u48(), previous: readHash(reader), request: readRegisterRequest(reader) };
}

function readError(reader: ByteReader): LogReply {
  const code = reader.string();
  return { kind: 'error', code: Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'REMOTE', message: reader.string() };
}

function writeBallot(writer: ByteWriter, { round, proposer }: Ballot): void {
  writer.u48(round).string(proposer);
}

function readBallot(reader: ByteReader): Ballot {
  return { round: reader.u48(), proposer: readName(reader) };
}

function writeRegisterRequest(writer: ByteWriter, request: RegisterRequest): void {
  writeBallot(writer.u8(registerKinds[request.kind]), request.ballot);
  if (request.kind === 'accept') writer.byteString(request.value);
}

function readRegisterRequest(reader: ByteReader): RegisterRequest {
  const kind = reader.u8();
  const ballot = readBallot(reader);
  if (kind === registerKinds.prepare) return { kind: 'prepare', ballot };
  if (kind === registerKinds.accept) return { kind: 'accept', ballot, value: readValue(reader) };
  throw malformed(`register request ${kind}`);
}

function writeRegisterReply(writer: ByteWriter, reply: RegisterReply): void {
  writeBallot(writer.u8(registerKinds[reply.kind]), reply.ballot);
  if (reply.kind === 'promise') {
    writer.u8(reply.accepted === undefined ? 0 : 1);
    if (reply.accepted === undefined) return;
    writeBallot(writer, reply.accepted.ballot);
    writer.byteString(reply.accepted.value);
  } else if (reply.kind === 'refused') {
    writer.u8(reply.promised === undefined ? 0 : 1);
    if (reply.promised !== undefined) writeBallot(writer, reply.promised);
  }
}

function readRegisterReply(reader: ByteReader): RegisterReply {
  const kind = reader.u8();
  const ballot = readBallot(reader);
  if (kind === registerKinds.accepted) return { kind: 'accepted', ballot };
  const hasMore = reader.u8() === 1;
  if (kind === registerKinds.refused) return { kind: 'refused', ballot, promised: hasMore ? readBallot(reader) : undefined };
  if (kind !== registerKinds.promise) throw malformed(`register reply ${kind}`);
  return { kind: 'promise', ballot, accepted: hasMore ? { ballot: readBallot(reader), value: readValue(reader) } : undefined };
}

function readValue(reader: ByteReader): Uint8Array {
  const value = reader.byteString();
  if (value.length > contentBytesMax + nameBytesMax + 2) throw malformed('a value too long');
  return value;
}
