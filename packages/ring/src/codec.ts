/**
 * A ring as bytes, for the ring log's snapshots and for whoever keeps one. `docs/formats/ring.md` has a worked example.
 *
 * ```
 *  ring        version u8 = 1 │ epoch varint │ k u8, Q = 2^k │ members │ partitions │ crc32 u32 of all before
 *  members     count varint, then each: id │ name │ weight varint │ zone │ address          absent: 0 or empty
 *  partitions  Q times: number varint of a list, those seen so far counted from 0;
 *              the next new number is followed by its list: length varint, positions of members varint each
 * ```
 *
 * Equal lists are written once: a byte or two for each partition of a ring planned at once, up to ten in one of many members
 * whose lists are all different. Equal rings have equal bytes.
 */
import { ByteReader, ByteWriter, crc32 } from '@coterie/bytes';
import { CoterieError, isCoterieError } from '@coterie/env';
import { checkMember, membersMax, type RingMember } from './member.ts';
import { isPartitionCount, replicasMax, type Ring } from './ring.ts';

const version = 1;
const checksumBytes = 4;
/** Fewest bytes of a member: five fields, two of them with a character at least. */
const memberBytesMin = 7;

/** The ring's bytes. */
export function encodeRing(ring: Ring): Uint8Array {
  const writer = new ByteWriter(1024 + 2 * ring.partitions);
  writer.u8(version).varint(ring.epoch).u8(Math.log2(ring.partitions));
  writer.varint(ring.members.length);
  for (const { id, name, weight, zone, address } of ring.members) {
    writer
      .string(id)
      .string(name)
      .varint(weight ?? 0)
      .string(zone ?? '')
      .string(address ?? '');
  }
  const numbers = new Map<string, number>();
  for (const list of ring.replicas) {
    const key = list.join();
    const known = numbers.get(key);
    writer.varint(known ?? numbers.size);
    if (known !== undefined) continue;
    numbers.set(key, numbers.size);
    writer.varint(list.length);
    for (const index of list) writer.varint(index);
  }
  writer.u32(crc32(writer.bytes.subarray(0, writer.length)));
  return writer.finish();
}

/**
 * The ring that `encodeRing` wrote.
 *
 * @throws `UNSUPPORTED_FORMAT` for a version from the future, `CORRUPTION` for anything else that it does not write
 */
export function decodeRing(bytes: Uint8Array): Ring {
  if (bytes.length > 0 && bytes[0] !== version) {
    throw new CoterieError('UNSUPPORTED_FORMAT', `ring of format ${bytes[0]}; this version of Coterie reads format ${version}`);
  }
  const end = bytes.length - checksumBytes;
  if (end < 1) throw corrupt('it ends too early');
  if (new ByteReader(bytes, end).u32() !== crc32(bytes.subarray(0, end))) throw corrupt('its checksum does not match');
  const reader = new ByteReader(bytes, 1, end);
  const epoch = reader.varint();
  const partitions = 2 ** reader.u8();
  if (!isPartitionCount(partitions)) throw corrupt(`it has ${partitions} partitions`);
  const members = readMembers(reader);
  const replicas = readReplicas(reader, partitions, members.length);
  if (reader.remaining > 0) throw corrupt('bytes follow its end');
  return { epoch, partitions, members, replicas };
}

function readMembers(reader: ByteReader): RingMember[] {
  const count = reader.varint();
  if (count < 1 || count > membersMax || count * memberBytesMin > reader.remaining) throw corrupt(`it has ${count} members`);
  const members = Array.from({ length: count }, () => readMember(reader));
  if (new Set(members.map(({ id }) => id)).size < count) throw corrupt('two members have one id');
  return members;
}

function readMember(reader: ByteReader): RingMember {
  const id = reader.string();
  const name = reader.string();
  const weight = reader.varint();
  const zone = reader.string();
  const address = reader.string();
  const member = {
    id,
    name,
    ...(weight === 0 ? {} : { weight }),
    ...(zone === '' ? {} : { zone }),
    ...(address === '' ? {} : { address }),
  };
  try {
    checkMember(member);
  } catch (error) {
    if (isCoterieError(error)) throw corrupt(error.message);
    throw error;
  }
  return member;
}

function readReplicas(reader: ByteReader, partitions: number, members: number): (readonly number[])[] {
  const lists: (readonly number[])[] = [];
  const seen = new Set<string>();
  return Array.from({ length: partitions }, () => {
    const number = reader.varint();
    if (number > lists.length) throw corrupt(`it has no list ${number} yet`);
    if (number === lists.length) {
      const list = readList(reader, members);
      const key = list.join();
      if (seen.has(key)) throw corrupt('it has one list twice');
      seen.add(key);
      lists.push(list);
    }
    return lists[number];
  });
}

function readList(reader: ByteReader, members: number): readonly number[] {
  const length = reader.varint();
  if (length < 1 || length > Math.min(replicasMax, members)) throw corrupt(`a list has ${length} members`);
  const list = Array.from({ length }, () => reader.varint());
  if (list.some((index) => index >= members) || new Set(list).size < length) throw corrupt(`a list is [${list.join(' ')}]`);
  return list;
}

function corrupt(what: string): CoterieError {
  return new CoterieError('CORRUPTION', `malformed ring: ${what}`);
}
