/**
 * Bodies: MessagePack, of which only the plain part is used. Arrays by position, numbers, strings, booleans, nil and byte
 * strings; no maps (names that users choose must never become keys of objects), no extension types, no 64-bit integers.
 * So a body means the same in every version of every library, and a hostile one can do nothing but be refused.
 *
 * `checkBody` walks the bytes before `msgpackr` sees them, on both sides: what is not in this list is refused there, so
 * none of the library's richer decoders (records, references, regular expressions, 0xc1) is ever reached from outside.
 *
 * The subpath `msgpackr/pack` is the one that never tries to load the native `msgpackr-extract`.
 */
import { Packr, RESERVE_START_SPACE, Unpackr } from 'msgpackr/pack';
import { CoterieError } from '@coterie/env';
import { headerBytes, protocolError } from './frame.ts';

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true, copyBuffers: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });

/** Arrays within arrays, at most. */
export const depthMax = 16;
/** Longest prefix that the packer leaves room for. */
const reserveMax = 255;

/**
 * `body` behind `4 × values` bytes and room for a header. `undefined` becomes nil, which is read as `null`.
 * @throws CoterieError `INVALID_ARGUMENT` for what a body cannot hold
 */
export function packBody(body: unknown, values: number): Uint8Array {
  const reserve = headerBytes + 4 * values;
  const packed = reserve <= reserveMax ? pack(body, RESERVE_START_SPACE | reserve) : withPrefix(pack(body, 0), reserve);
  const problem = checkBody(packed, reserve, packed.length);
  if (problem !== undefined) throw new CoterieError('INVALID_ARGUMENT', `a body cannot hold ${problem}`);
  return packed;
}

function pack(body: unknown, options: number): Uint8Array {
  try {
    return packr.pack(body, options);
  } catch (cause) {
    throw new CoterieError('INVALID_ARGUMENT', `a body cannot hold this: ${String(cause)}`, { cause });
  }
}

/** The body in `bytes[start, end)`. Byte strings in it are views. @throws CoterieError `PROTOCOL` */
export function unpackBody(bytes: Uint8Array, start: number, end: number): unknown {
  const problem = checkBody(bytes, start, end);
  if (problem !== undefined) throw protocolError(`a body with ${problem}`);
  return unpackr.unpack(bytes, { start, end });
}

function withPrefix(packed: Uint8Array, reserve: number): Uint8Array {
  const whole = new Uint8Array(reserve + packed.length);
  whole.set(packed, reserve);
  return whole;
}

/** What is wrong with the body in `bytes[start, end)`; `undefined` when it is one value of the plain kinds. */
export function checkBody(bytes: Uint8Array, start: number, end: number): string | undefined {
  let at = start;
  /** Values still to come on each level; the body is one. */
  const open = [1];
  while (open.length > 0) {
    if (open[open.length - 1]-- === 0) {
      open.pop();
      continue;
    }
    if (at >= end) return 'an early end';
    const kind = bytes[at++];
    const size = sizeOf(bytes, at, kind);
    if (typeof size === 'string') return size;
    const isArray = size < 0;
    at += isArray ? lengthBytes(kind) : size;
    if (at > end) return 'an early end';
    if (!isArray) continue;
    if (open.length > depthMax) return `arrays more than ${depthMax} deep`;
    open.push(-1 - size);
  }
  return at === end ? undefined : 'bytes behind its end';
}

/** Bytes behind the kind byte; -1 - count for an array of `count`; a string names what is not allowed. */
function sizeOf(bytes: Uint8Array, at: number, kind: number): number | string {
  if (kind < 0x80 || kind >= 0xe0) return 0;
  if (kind < 0x90) return 'a map';
  if (kind < 0xa0) return -1 - (kind & 0x0f);
  if (kind < 0xc0) return kind & 0x1f;
  switch (kind) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return 0;
    case 0xc4:
    case 0xd9:
      return 1 + bytes[at];
    case 0xc5:
    case 0xda:
      return 2 + bigEndian(bytes, at, 2);
    case 0xc6:
    case 0xdb:
      return 4 + bigEndian(bytes, at, 4);
    case 0xcc:
    case 0xd0:
      return 1;
    case 0xcd:
    case 0xd1:
      return 2;
    case 0xca:
    case 0xce:
    case 0xd2:
      return 4;
    case 0xcb:
      return 8;
    case 0xdc:
      return -1 - bigEndian(bytes, at, 2);
    case 0xdd:
      return -1 - bigEndian(bytes, at, 4);
    default:
      return kind === 0xde || kind === 0xdf ? 'a map' : kind === 0xcf || kind === 0xd3 ? 'a 64-bit integer' : 'a value of no plain kind';
  }
}

function lengthBytes(kind: number): number {
  return kind === 0xdc ? 2 : kind === 0xdd ? 4 : 0;
}

/** Past the end it reads zeros, which the caller's check of the end catches. */
function bigEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}
