/**
 * A dot names one write for ever: which life of which store took it, in which of the key's epochs there, and the store's
 * counter at that moment.
 *
 * ```
 *  dot = (incarnation, epoch, counter)        (9f02c41b6d3e8a75, 17, 23)
 *         │            │      └ the store's own counter, not the key's: a key sees gaps
 *         │            └ the counter at which this store began to coordinate the key without a copy it had kept
 *         └ 64 random bits, minted for each life of a store
 * ```
 *
 * The epoch is there because a store can lose or hand away its copy of one key and later coordinate the key again: with
 * one number for both spells, the new clock would claim the dots of the old one. Invariant: 1 <= epoch <= counter.
 */
import { CoterieError } from '@coterie/env';
import type { ByteReader, ByteWriter } from '@coterie/bytes';

/** The name of one write. */
export interface Dot {
  /** Life of a store: 16 lowercase hex digits. */
  readonly incarnation: string;
  /** Key epoch: an integer in [1, counter]. */
  readonly epoch: number;
  /** The store's counter: an integer in [1, 2^48). */
  readonly counter: number;
}

/** Largest counter. */
export const maxCounter: number = 2 ** 48 - 1;

/** Bytes of an incarnation when encoded. */
export const incarnationBytes = 8;

/** Negative, zero or positive: an arbitrary but total and frozen order (incarnation, epoch, counter). */
export function compareDots(a: Dot, b: Dot): number {
  return compareEpochs(a, b) || a.counter - b.counter;
}

/** As `compareDots`, by incarnation and epoch alone. */
export function compareEpochs(a: Pick<Dot, 'incarnation' | 'epoch'>, b: Pick<Dot, 'incarnation' | 'epoch'>): number {
  if (a.incarnation !== b.incarnation) return a.incarnation < b.incarnation ? -1 : 1;
  return a.epoch - b.epoch;
}

/** Throws `INVALID_ARGUMENT` unless `dot` is well formed. */
export function checkDot(dot: Dot): void {
  const { incarnation, epoch, counter } = dot;
  const whole = Number.isInteger(epoch) && Number.isInteger(counter);
  if (isIncarnation(incarnation) && whole && epoch >= 1 && epoch <= counter && counter <= maxCounter) return;
  throw new CoterieError('INVALID_ARGUMENT', `not a dot: (${incarnation}, ${epoch}, ${counter})`);
}

/** Whether `text` is 16 lowercase hex digits. */
export function isIncarnation(text: string): boolean {
  if (text.length !== 16) return false;
  for (let i = 0; i < 16; i++) {
    if (nibble(text.charCodeAt(i)) < 0) return false;
  }
  return true;
}

/** Appends the eight bytes of an incarnation. */
export function writeIncarnation(writer: ByteWriter, incarnation: string): void {
  for (let i = 0; i < 16; i += 2) {
    writer.u8((nibble(incarnation.charCodeAt(i)) << 4) | nibble(incarnation.charCodeAt(i + 1)));
  }
}

/** Reads the eight bytes of an incarnation. */
export function readIncarnation(reader: ByteReader): string {
  const high = reader.u32();
  const low = reader.u32();
  const slot = (high ^ low) & (recentSlots - 1);
  if (recentHigh[slot] !== high || recentLow[slot] !== low || recentTexts[slot] === '') {
    recentTexts[slot] = hexOf(high) + hexOf(low);
    recentHigh[slot] = high;
    recentLow[slot] = low;
  }
  return recentTexts[slot];
}

// A cluster has few incarnations and every object names some: recent texts are kept, each in the place that its bits name.
// Spelling one anew costs ten times as much, and two texts that are the same one are compared at a glance.
const recentSlots = 256;
const recentHigh = new Uint32Array(recentSlots);
const recentLow = new Uint32Array(recentSlots);
const recentTexts = new Array<string>(recentSlots).fill('');

/** Hex digits of a word's bytes, lowest first, as they were read. */
function hexOf(word: number): string {
  return hexPairs[word & 0xff] + hexPairs[(word >>> 8) & 0xff] + hexPairs[(word >>> 16) & 0xff] + hexPairs[word >>> 24];
}

/** Appends a dot: incarnation, epoch varint, counter - epoch varint. */
export function writeDot(writer: ByteWriter, dot: Dot): void {
  writeIncarnation(writer, dot.incarnation);
  writer.varint(dot.epoch).varint(dot.counter - dot.epoch);
}

/** Reads what `writeDot` wrote. @throws `CORRUPTION` */
export function readDot(reader: ByteReader): Dot {
  const incarnation = readIncarnation(reader);
  const epoch = reader.varint();
  const counter = epoch + reader.varint();
  if (epoch < 1 || counter > maxCounter) throw new CoterieError('CORRUPTION', 'malformed dot: a counter out of range');
  return { incarnation, epoch, counter };
}

// A table and a loop: Buffer's hex conversion costs more for the crossing than for the work at eight bytes.
const hexPairs: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function nibble(charCode: number): number {
  if (charCode >= 48 && charCode <= 57) return charCode - 48;
  if (charCode >= 97 && charCode <= 102) return charCode - 87;
  return -1;
}
