/**
 * Messages as bytes. `docs/formats/gossip.md` is the same in prose, with a worked example.
 *
 * ```
 *  message       magic u8 = 0xc7 │ version u8 = 1 │ kind u8 │ cluster string │ sender id │ body
 *  1 ping        seq u32 │ target id (zeros: whoever listens) │ introduction │ records
 *  2 ack         seq u32 │ introduction │ records
 *  3 relay       seq u32 │ target id │ address string │ records
 *  4 report      seq u32 │ outcome u8 (answered 1, silent 0) │ records
 *  5 gossip      records
 *  6 digest      bits u8 │ 2^bits × u32
 *  7 summary     rest u8 (more 1, none 0) │ after id │ to id │ count u8 │ per line: id, incarnation u48, profile's u48, state u8
 *  8 want        count u8 │ ids
 *  9 records     records
 *  introduction  standing │ profile │ heartbeat u32 │ epoch u32
 *  records       count u8 │ per record: id │ standing │ has profile u8 │ profile
 * ```
 */
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { assert, isCoterieError } from '@coterie/env';
import * as fields from './fields.ts';
import {
  type Envelope,
  type Introduction,
  type MemberRecord,
  type Message,
  messageBytesMax,
  messageKinds,
  messageLimits,
  type SummaryLine,
} from './message.ts';
import { isAddress } from './profile.ts';
import { rankOf } from './standing.ts';

const magic = 0xc7;
const version = 1;
const { malformed } = fields;
const cachedEncoder = new ByteWriter(2 * messageBytesMax);

/** Adds a record to a message that is being written; false when it does not fit any more. */
export type AddRecord = (record: MemberRecord) => boolean;

/**
 * The bytes of a message. For kinds that end with records, `fill` may add more, as many as fit.
 */
export function encodeMessage({ cluster, sender, message }: Envelope, fill?: (add: AddRecord) => void): Uint8Array {
  const writer = cachedEncoder.restart();
  writer
    .u8(magic)
    .u8(version)
    .u8(messageKinds.indexOf(message.kind) + 1)
    .string(cluster);
  fields.writeId(writer, sender);
  writeBody(writer, message);
  if ('records' in message) writeRecords(writer, message.records, fill);
  assert(writer.length <= messageBytesMax, 'a message fits its datagram');
  return writer.finish();
}

/** The message in `bytes`. @throws `PROTOCOL` for anything that `encodeMessage` does not write */
export function decodeMessage(bytes: Uint8Array): Envelope {
  if (bytes.length > messageBytesMax) throw malformed(`${bytes.length} bytes`);
  const reader = new ByteReader(bytes);
  try {
    const envelope = readEnvelope(reader);
    if (reader.remaining > 0) throw malformed(`${reader.remaining} bytes too many`);
    return envelope;
  } catch (error) {
    if (isCoterieError(error, 'CORRUPTION')) throw malformed(error.message);
    throw error;
  }
}

function writeBody(writer: ByteWriter, message: Message): void {
  if ('seq' in message) writer.u32(message.seq);
  if (message.kind === 'ping') fields.writeId(writer, message.target);
  if (message.kind === 'ping' || message.kind === 'ack') writeIntroduction(writer, message.from);
  else if (message.kind === 'relay') {
    fields.writeId(writer, message.target);
    writer.string(message.address);
  } else if (message.kind === 'report') writer.u8(message.outcome === 'answered' ? 1 : 0);
  else if (message.kind === 'digest') {
    writer.u8(Math.log2(message.hashes.length));
    for (const hash of message.hashes) writer.u32(hash);
  } else if (message.kind === 'summary') writeSummary(writer, message);
  else if (message.kind === 'want') {
    writer.u8(message.ids.length);
    for (const id of message.ids) fields.writeId(writer, id);
  }
}

function writeSummary(writer: ByteWriter, { rest, after, to, lines }: Message & { readonly kind: 'summary' }): void {
  writer.u8(rest === 'more' ? 1 : 0);
  fields.writeId(writer, after);
  fields.writeId(writer, to);
  writer.u8(lines.length);
  for (const line of lines) writeSummaryLine(writer, line);
}

/** Appends a line of a summary: also what a member's share of a digest is the hash of. */
export function writeSummaryLine(writer: ByteWriter, line: SummaryLine): void {
  fields.writeId(writer, line.id);
  writer.u48(line.incarnation).u48(line.profileIncarnation).u8(rankOf(line.state));
}

function writeIntroduction(writer: ByteWriter, { standing, profile, heartbeat, epoch }: Introduction): void {
  fields.writeStanding(writer, standing);
  fields.writeProfile(writer, profile);
  writer.u32(heartbeat).u32(epoch);
}

function writeRecords(writer: ByteWriter, records: readonly MemberRecord[], fill: ((add: AddRecord) => void) | undefined): void {
  const countAt = writer.length;
  let count = 0;
  writer.u8(0);
  const add: AddRecord = (record) => {
    const start = writer.length;
    writeRecord(writer, record);
    if (count < 255 && writer.length <= messageBytesMax) return ++count > 0;
    writer.length = start;
    return false;
  };
  for (const record of records) assert(add(record), 'the records that a message must hold fit');
  fill?.(add);
  writer.bytes[countAt] = count;
}

function writeRecord(writer: ByteWriter, { id, standing, profile }: MemberRecord): void {
  fields.writeId(writer, id);
  fields.writeStanding(writer, standing);
  writer.u8(profile === undefined ? 0 : 1);
  if (profile !== undefined) fields.writeProfile(writer, profile);
}

function readEnvelope(reader: ByteReader): Envelope {
  if (reader.u8() !== magic) throw malformed('not gossip');
  const said = reader.u8();
  if (said !== version) throw malformed(`version ${said}`);
  const kind = messageKinds[reader.u8() - 1];
  const cluster = fields.readText(reader);
  if (cluster.length > messageLimits.clusterBytes) throw malformed('a long cluster id');
  const sender = fields.readMemberId(reader);
  return { cluster, sender, message: readMessage(reader, kind, sender) };
}

function readMessage(reader: ByteReader, kind: Message['kind'] | undefined, sender: string): Message {
  switch (kind) {
    case 'ping':
      return {
        kind,
        seq: reader.u32(),
        target: fields.readId(reader),
        from: readIntroduction(reader, sender),
        records: readRecords(reader),
      };
    case 'ack':
      return { kind, seq: reader.u32(), from: readIntroduction(reader, sender), records: readRecords(reader) };
    case 'relay':
      return { kind, seq: reader.u32(), target: fields.readMemberId(reader), address: readAddress(reader), records: readRecords(reader) };
    case 'report':
      return { kind, seq: reader.u32(), outcome: readFlag(reader) ? 'answered' : 'silent', records: readRecords(reader) };
    case 'gossip':
    case 'records':
      return { kind, records: readRecords(reader) };
    case 'digest':
      return { kind, hashes: readHashes(reader) };
    case 'summary':
      return readSummary(reader);
    case 'want':
      return { kind, ids: readList(reader, messageLimits.wantedIds, fields.readMemberId) };
    default:
      throw malformed('unknown kind');
  }
}

function readAddress(reader: ByteReader): string {
  const address = fields.readText(reader);
  if (!isAddress(address)) throw malformed('an address is host:port');
  return address;
}

function readSummary(reader: ByteReader): Message {
  const rest = readFlag(reader) ? 'more' : 'none';
  const after = fields.readId(reader);
  const to = fields.readId(reader);
  const lines = readList(reader, messageLimits.summaryLines, readLine);
  let last = after;
  for (const { id } of lines) {
    if (id <= last || id > to) throw malformed('a summary out of order');
    last = id;
  }
  return { kind: 'summary', rest, after, to, lines };
}

function readLine(reader: ByteReader): SummaryLine {
  return {
    id: fields.readMemberId(reader),
    incarnation: reader.u48(),
    profileIncarnation: reader.u48(),
    state: fields.readState(reader),
  };
}

function readHashes(reader: ByteReader): Uint32Array {
  const bits = reader.u8();
  if (bits > messageLimits.digestBits) throw malformed(`a digest of ${bits} bits`);
  const hashes = new Uint32Array(2 ** bits);
  for (let i = 0; i < hashes.length; i++) hashes[i] = reader.u32();
  return hashes;
}

function readIntroduction(reader: ByteReader, sender: string): Introduction {
  return {
    standing: fields.readStanding(reader),
    profile: fields.readProfile(reader, sender),
    heartbeat: reader.u32(),
    epoch: reader.u32(),
  };
}

function readRecords(reader: ByteReader): readonly MemberRecord[] {
  return readList(reader, 255, readRecord);
}

function readRecord(reader: ByteReader): MemberRecord {
  const id = fields.readMemberId(reader);
  const standing = fields.readStanding(reader);
  return readFlag(reader) ? { id, standing, profile: fields.readProfile(reader, id) } : { id, standing };
}

function readFlag(reader: ByteReader): boolean {
  const flag = reader.u8();
  if (flag > 1) throw malformed(`flag ${flag}`);
  return flag === 1;
}

function readList<T>(reader: ByteReader, most: number, read: (reader: ByteReader) => T): readonly T[] {
  const count = reader.u8();
  if (count > most) throw malformed(`a list of ${count}`);
  const list: T[] = [];
  for (let i = 0; i < count; i++) list.push(read(reader));
  return list;
}
