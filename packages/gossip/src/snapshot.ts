/**
 * The membership list on disk, so that a member started again finds the others without seeds.
 *
 * ```
 *  snapshot   magic "CGSP" │ version u8 = 1 │ cluster string │ self id │ members │ forgotten │ crc32 u32 of all before
 *  members    count varint │ per member: id │ standing │ profile
 *  forgotten  count varint │ per id: id │ incarnation u48
 * ```
 *
 * A suspicion is not kept: who was suspected is alive until probed again.
 */
import { ByteReader, ByteWriter, crc32 } from '@coterie/bytes';
import { CoterieError, isCoterieError } from '@coterie/env';
import { readMemberId, readProfile, readStanding, writeId, writeProfile, writeStanding } from './fields.ts';
import { type MemberRecord, messageLimits } from './message.ts';
import { noWitnesses, type Standing } from './standing.ts';
import { tableLimits } from './timing.ts';

/** What a snapshot holds. */
export interface Snapshot {
  readonly cluster: string;
  readonly self: string;
  /** Each with its profile. */
  readonly records: readonly MemberRecord[];
  readonly forgotten: readonly (readonly [id: string, incarnation: number])[];
}

const magic = 0x50534743; // "CGSP"
const version = 1;
const checksumBytes = 4;

/** The bytes of a snapshot. */
export function encodeSnapshot({ cluster, self, records, forgotten }: Snapshot): Uint8Array {
  const writer = new ByteWriter(256 + 96 * records.length);
  writer.u32(magic).u8(version).string(cluster);
  writeId(writer, self);
  const whole = records.filter(({ profile }) => profile !== undefined);
  writer.varint(whole.length);
  for (const { id, standing, profile } of whole) {
    writeId(writer, id);
    writeStanding(writer, settled(standing));
    if (profile !== undefined) writeProfile(writer, profile);
  }
  writer.varint(forgotten.length);
  for (const [id, incarnation] of forgotten) {
    writeId(writer, id);
    writer.u48(incarnation);
  }
  return writer.u32(crc32(writer.finish())).finish();
}

/** The snapshot in `bytes`. @throws `CORRUPTION` · `UNSUPPORTED_FORMAT` for another version */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const end = bytes.length - checksumBytes;
  if (end < 0 || new ByteReader(bytes, end).u32() !== crc32(bytes.subarray(0, end))) throw damaged('the checksum does not match');
  try {
    return readSnapshot(new ByteReader(bytes, 0, end));
  } catch (error) {
    if (isCoterieError(error, 'PROTOCOL')) throw damaged(error.message);
    throw error;
  }
}

function readSnapshot(reader: ByteReader): Snapshot {
  if (reader.u32() !== magic) throw damaged('not a membership list');
  const said = reader.u8();
  if (said !== version) throw new CoterieError('UNSUPPORTED_FORMAT', `membership list of version ${said}; this is ${version}`);
  const cluster = reader.string();
  if (cluster.length > messageLimits.clusterBytes) throw damaged('a long cluster id');
  const self = readMemberId(reader);
  const records = readMany(reader, tableLimits.members, () => {
    const id = readMemberId(reader);
    return { id, standing: readStanding(reader), profile: readProfile(reader, id) };
  });
  const forgotten = readMany(reader, tableLimits.forgotten, () => [readMemberId(reader), reader.u48()] as const);
  if (reader.remaining > 0) throw damaged('bytes after the end');
  return { cluster, self, records, forgotten };
}

function readMany<T>(reader: ByteReader, most: number, read: () => T): readonly T[] {
  const count = reader.varint();
  if (count > most) throw damaged(`a list of ${count}`);
  const many: T[] = [];
  for (let i = 0; i < count; i++) many.push(read());
  return many;
}

function settled(standing: Standing): Standing {
  return standing.state === 'suspect' ? { incarnation: standing.incarnation, state: 'alive', witnesses: noWitnesses } : standing;
}

function damaged(what: string): CoterieError {
  return new CoterieError('CORRUPTION', `damaged membership list: ${what}`);
}
