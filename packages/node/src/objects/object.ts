/**
 * An object: all that is known of one key, as it travels and lies on disk.
 *
 * ```
 *  object   = checksum u32 │ format u8 = 1 │ type u8 │ header length varint │ header │ payloads
 *  header   = extensions │ version vector │ sibling count varint │ sibling table
 *  sibling  = clock entry index varint │ entry's counter - dot's counter varint │ payload length varint │ payload checksum u32
 *  extension 1 = replaced operations (`replaced.ts`)      extension 2 = the set's cloud, dot after dot
 *  checksum = CRC-32 of the address, then of everything from `format` to the end of the header
 * ```
 *
 * The header's checksum is made again by everyone who merges; the payloads' never (`payload.ts`), so a value is covered
 * from the coordinator that took it to the reader. Both are bound to the address: an object filed under another key
 * fails. `type` says what the payloads mean; 0 is plain values, the only one so far. Copies of unknown types are merged
 * by their dots and kept, and not shown. `docs/formats/object.md` has the worked example.
 *
 * Invariants: the clock covers every sibling's dot; siblings are sorted by dot.
 */
import { allocate, ByteReader, ByteWriter, crc32, crc32Range, varintLength, writeVarint } from '@coterie/bytes';
import { assert, CoterieError } from '@coterie/env';
import { type Hash64, hash64 } from '@coterie/ring';
import { compareDots, type Dot, DottedSet, readDot, type Sibling, VersionVector, writeDot } from '@coterie/vector-clock';
import { equalExtensions, type Extension, type Extensions, noExtensions, readExtensions, writeExtensions } from './extensions.ts';
import { type Payload, readPayload } from './payload.ts';
import { noneReplaced, ReplacedList } from './replaced.ts';

/** Type byte of plain values. */
export const plainType = 0;

/** All that is known of one key. Immutable. */
export interface CausalObject {
  readonly type: number;
  /** Those that this version does not know. */
  readonly extensions: Extensions;
  /** Operations whose values were replaced. */
  readonly replaced: ReplacedList;
  readonly set: DottedSet<Payload>;
}

/** A key that nobody has written. */
export const emptyObject: CausalObject = {
  type: plainType,
  extensions: noExtensions,
  replaced: noneReplaced,
  set: DottedSet.empty<Payload>(),
};

/** The extension that holds the list of replaced operations. */
const replacedTag = 1;
/** The extension that holds the cloud of the set: its dots, one after the other. */
const cloudTag = 2;
const format = 1;
const formatAt = 4;
/** Fewest bytes of a row in the sibling table. */
const rowBytesMin = 7;

/** The checksum seed that binds an object to its place. */
export function addressSeed(objectKey: Uint8Array): number {
  return crc32(objectKey);
}

/**
 * Encodes an object for the address with this seed, `prefixBytes` into a new array: room for what a store keeps before it.
 * Without room the bytes may be those that it was decoded from or encoded to before: they are not to be changed.
 */
export function encodeObject(object: CausalObject, seed: number, prefixBytes = 0): Uint8Array {
  const lying = lies(object);
  if (lying?.seed === seed) return lain(lying, prefixBytes);
  const header = writeHeader(object);
  const { siblings } = object.set;
  const headerAt = prefixBytes + formatAt + 2 + varintLength(header.length);
  let at = headerAt + header.length;
  const bytes = allocate(siblings.reduce((sum, sibling) => sum + sibling.value.bytes.length, at));
  bytes[prefixBytes + formatAt] = format;
  bytes[prefixBytes + formatAt + 1] = object.type;
  writeVarint(bytes, prefixBytes + formatAt + 2, header.length);
  // Headers are short: a loop is quicker than the view that `set` would need.
  for (let i = 0; i < header.length; i++) bytes[headerAt + i] = header.bytes[i];
  writeU32(bytes, prefixBytes, crc32Range(bytes, prefixBytes + formatAt, at, seed));
  for (const { value } of siblings) {
    bytes.set(value.bytes, at);
    at += value.bytes.length;
  }
  noteLying({ object, seed, bytes, start: prefixBytes, headerStart: headerAt, headerEnd: headerAt + header.length, hash: headerHash });
  return bytes;
}

/** Where an object lies encoded. */
interface Lying {
  readonly object: CausalObject;
  readonly seed: number;
  /** From `start` to the end. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly headerStart: number;
  readonly headerEnd: number;
  /** Of the header, once somebody has asked for it. */
  hash: Hash64 | undefined;
}

// The two objects that were encoded or decoded last. What arrives is mostly kept as it is, beside what lies here already; and what is
// kept is mostly sent on: within a turn, so that two are enough, and each byte is worked out once.
let lastLying: Lying | undefined;
let lyingBefore: Lying | undefined;

function lies(object: CausalObject): Lying | undefined {
  if (lastLying?.object === object) return lastLying;
  return lyingBefore?.object === object ? lyingBefore : undefined;
}

function noteLying(lying: Lying): void {
  lyingBefore = lastLying;
  lastLying = lying;
}

/** The encoded object, as it lies or with room before it. */
function lain({ bytes, start }: Lying, prefixBytes: number): Uint8Array {
  if (prefixBytes === 0) return start === 0 ? bytes : bytes.subarray(start);
  const copy = allocate(prefixBytes + bytes.length - start);
  copy.set(start === 0 ? bytes : bytes.subarray(start), prefixBytes);
  return copy;
}

function writeU32(into: Uint8Array, at: number, value: number): void {
  into[at] = value;
  into[at + 1] = value >>> 8;
  into[at + 2] = value >>> 16;
  into[at + 3] = value >>> 24;
}

/** Bytes of all values of an object, with what is said of each. */
export function payloadBytesOf({ set }: CausalObject): number {
  return set.siblings.reduce((sum, { value }) => sum + value.bytes.length, 0);
}

/** A 64-bit hash of the header: equal for equal clocks, dots and payload checksums. */
export function hashOf(object: CausalObject): Hash64 {
  const lying = lies(object);
  if (lying !== undefined) return (lying.hash ??= hash64(lying.bytes, lying.headerStart, lying.headerEnd));
  const header = writeHeader(object);
  return (headerHash ??= hash64(header.bytes, 0, header.length));
}

/** Whether two copies know the same and hold the same. */
export function equalObjects(a: CausalObject, b: CausalObject): boolean {
  return a.set.equals(b.set) && a.replaced.equals(b.replaced) && equalExtensions(a.extensions, b.extensions);
}

/** Whether two hashes are the same. */
export function equalHashes(a: Hash64, b: Hash64): boolean {
  return a.high === b.high && a.low === b.low;
}

// One buffer for all headers: a new one for each costs more than writing it. Nothing awaits while it is in use.
const headerWriter = new ByteWriter(512);
/** Whose header the buffer holds: a copy that is written is encoded, and hashed for its tag and its leaf, in one turn. */
let headerOf: CausalObject | undefined;
/** The hash of that header, if somebody asked for it. */
let headerHash: Hash64 | undefined;

function writeHeader(object: CausalObject): ByteWriter {
  if (object === headerOf) return headerWriter;
  headerOf = undefined;
  headerHash = undefined;
  const { clock, siblings } = object.set;
  const writer = headerWriter.restart();
  writeExtensions(writer, allExtensions(object));
  clock.encode(writer);
  writer.varint(siblings.length);
  for (const { dot, value } of siblings) {
    const index = clock.indexOf(dot);
    assert(index >= 0, 'a sibling has an entry in its clock');
    writer.varint(index).varint(clock.entries[index].counter - dot.counter);
    writer.varint(value.bytes.length).u32(value.checksum);
  }
  headerOf = object;
  return writer;
}

/** Decodes and verifies `bytes[start, …)`. @throws `CORRUPTION`, `UNSUPPORTED_FORMAT` */
export function decodeObject(bytes: Uint8Array, start: number, seed: number): CausalObject {
  const at = findHeader(bytes, start, seed);
  const header = new ByteReader(bytes, at, headerEnd);
  const type = bytes[start + formatAt + 1];
  const extensions = readExtensions(header);
  const clock = VersionVector.decode(header);
  const siblings = readSiblings(header, clock, new ByteReader(bytes, header.end), seed);
  const object = objectOf(type, extensions, { clock, siblings });
  noteLying({ object, seed, bytes, start, headerStart: at, headerEnd: header.end, hash: undefined });
  return object;
}

/** An object, and the hash of its header. */
export interface HashedObject {
  readonly object: CausalObject;
  readonly hash: Hash64;
}

/** `decodeObject`, and `hashOf` it from the bytes, which costs less than from the object. @throws `CORRUPTION`, `UNSUPPORTED_FORMAT` */
export function decodeHashed(bytes: Uint8Array, start: number, seed: number): HashedObject {
  const object = decodeObject(bytes, start, seed);
  return { object, hash: hashOf(object) };
}

/** `hashOf` the object in `bytes[start, …)`: its header is verified, and nothing is decoded. @throws `CORRUPTION`, `UNSUPPORTED_FORMAT` */
export function hashOfEncoded(bytes: Uint8Array, start: number, seed: number): Hash64 {
  const at = findHeader(bytes, start, seed);
  return hash64(bytes, at, headerEnd);
}

/** Where the header that was found last ends: a pair for each header would cost as much as to find it. */
let headerEnd = 0;

/** Where the header begins, once its checksum has been verified; where it ends is in `headerEnd`. */
function findHeader(bytes: Uint8Array, start: number, seed: number): number {
  const from = start + formatAt;
  if (from + 3 > bytes.length) throw corrupt('it ends too early');
  const version = bytes[from];
  if (version !== format) throw new CoterieError('UNSUPPORTED_FORMAT', `an object has format ${version}; this version reads ${format}`);
  let at = from + 2;
  let length = bytes[at++];
  if (length >= 0x80) {
    const reader = new ByteReader(bytes, from + 2);
    length = reader.varint();
    at = reader.offset;
  }
  if (length > bytes.length - at) throw corrupt('its header ends too early');
  headerEnd = at + length;
  const checksum = (bytes[start] | (bytes[start + 1] << 8) | (bytes[start + 2] << 16) | (bytes[start + 3] << 24)) >>> 0;
  if (crc32Range(bytes, from, headerEnd, seed) !== checksum) throw corrupt('its checksum does not match its key and header');
  return at;
}

function objectOf(
  type: number,
  extensions: Extensions,
  { clock, siblings }: { readonly clock: VersionVector; readonly siblings: readonly Sibling<Payload>[] },
): CausalObject {
  let replaced: ReplacedList = noneReplaced;
  let cloud: readonly Dot[] = [];
  let isPlain = true;
  for (const { tag, bytes } of extensions) {
    if (tag === replacedTag) replaced = ReplacedList.of(bytes);
    else if (tag === cloudTag) cloud = readCloud(bytes);
    else isPlain = false;
  }
  const unknown = isPlain ? noExtensions : extensions.filter(({ tag }) => tag !== replacedTag && tag !== cloudTag);
  return { type, extensions: unknown, replaced, set: DottedSet.of(clock, siblings, cloud) };
}

/** The extensions that this version does not know, and its own. */
function allExtensions({ extensions, replaced, set }: CausalObject): Extensions {
  const { cloud } = set;
  if (replaced.isEmpty && cloud.length === 0) return extensions;
  const own: Extension[] = [];
  if (!replaced.isEmpty) own.push({ tag: replacedTag, bytes: replaced.bytes });
  if (cloud.length > 0) own.push({ tag: cloudTag, bytes: writeCloud(cloud) });
  return extensions.length === 0 ? own : [...extensions, ...own].sort((a, b) => a.tag - b.tag);
}

function writeCloud(cloud: readonly Dot[]): Uint8Array {
  const writer = new ByteWriter();
  for (const dot of cloud) writeDot(writer, dot);
  return writer.finish();
}

function readCloud(bytes: Uint8Array): Dot[] {
  const reader = new ByteReader(bytes);
  const dots: Dot[] = [];
  while (reader.remaining > 0) dots.push(readDot(reader));
  return dots;
}

// Four parameters: the table, what it refers to, and where the payloads lie.
function readSiblings(table: ByteReader, clock: VersionVector, payloads: ByteReader, seed: number): Sibling<Payload>[] {
  const count = table.varint();
  if (count * rowBytesMin > table.remaining) throw corrupt('too many siblings');
  const siblings: Sibling<Payload>[] = [];
  for (let i = 0; i < count; i++) {
    const index = table.varint();
    if (index >= clock.entries.length) throw corrupt('a sibling without a clock entry');
    const { incarnation, epoch, counter } = clock.entries[index];
    const dot = { incarnation, epoch, counter: counter - table.varint() };
    const ordered = i === 0 || compareDots(siblings[i - 1].dot, dot) < 0;
    if (dot.counter < epoch || !ordered) throw corrupt('siblings out of order');
    const bytes = payloads.view(table.varint());
    siblings.push({ dot, value: readPayload(bytes, table.u32(), seed) });
  }
  if (table.remaining > 0 || payloads.remaining > 0) throw corrupt('bytes after its end');
  return siblings;
}

function corrupt(what: string): CoterieError {
  return new CoterieError('CORRUPTION', `an object is damaged: ${what}`);
}
