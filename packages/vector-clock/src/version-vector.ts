/**
 * A version vector with one entry per (incarnation, key epoch): "of the writes that this life of that store made on this
 * key in this epoch, I know all up to `counter`". Counters belong to stores, not to keys, so an entry claims nothing
 * about how many writes there were, and nothing here relies on counters being contiguous.
 *
 * ```
 *  encoded:  count varint, then per entry, sorted by (incarnation, epoch):
 *            incarnation 8 bytes │ epoch varint │ counter - epoch varint │ at varint (wall-clock ms)
 * ```
 *
 * `at` is when the dot of `counter` was made; it serves Dynamo's truncation (oldest first) and nothing else. Entries are
 * ordered by (counter, at), so that join is commutative, associative and idempotent whatever `at` says.
 */
import type { ByteReader, ByteWriter } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { checkDot, compareEpochs, type Dot, incarnationBytes, readDot, writeDot } from './dot.ts';
import { type Comparable, type Order, orderOf } from './order.ts';

/** One entry: the highest dot known, and when it was made (wall-clock milliseconds). */
export interface ClockEntry extends Dot {
  readonly at: number;
}

/** Most entries that `decode` accepts. */
export const clockEntriesLimit = 65_536;

/** Fewest bytes that an entry takes. */
const entryBytesMin = incarnationBytes + 3;

/** An immutable version vector. */
export class VersionVector implements Comparable<VersionVector> {
  /** The vector of the empty history. */
  static readonly empty: VersionVector = new VersionVector([]);

  /** Sorted by (incarnation, epoch), each pair once. */
  readonly entries: readonly ClockEntry[];

  private constructor(entries: readonly ClockEntry[]) {
    this.entries = entries;
  }

  /** The vector of these entries, in any order. @throws `INVALID_ARGUMENT` for a bad dot */
  static of(entries: Iterable<ClockEntry>): VersionVector {
    let vector = VersionVector.empty;
    for (const entry of entries) vector = vector.with(entry, entry.at);
    return vector;
  }

  /** Position of the entry of (incarnation, epoch) in `entries`, or -1. */
  indexOf(of: Pick<Dot, 'incarnation' | 'epoch'>): number {
    const { entries } = this;
    for (let i = 0; i < entries.length; i++) {
      if (entries[i].epoch === of.epoch && entries[i].incarnation === of.incarnation) return i;
    }
    return -1;
  }

  /** Whether this history holds the write named `dot`. */
  covers(dot: Dot): boolean {
    const index = this.indexOf(dot);
    return index >= 0 && this.entries[index].counter >= dot.counter;
  }

  /** The highest counter of an incarnation in any epoch; 0 if it has none. */
  highestCounter(incarnation: string): number {
    let highest = 0;
    for (const entry of this.entries) {
      if (entry.incarnation === incarnation && entry.counter > highest) highest = entry.counter;
    }
    return highest;
  }

  /** This history and the write named `dot`, made at `at`. @throws `INVALID_ARGUMENT` for a bad dot */
  with(dot: Dot, at: number): VersionVector {
    checkDot(dot);
    return this.join(new VersionVector([{ incarnation: dot.incarnation, epoch: dot.epoch, counter: dot.counter, at }]));
  }

  /** The smallest history that holds both: one of them, if it holds the other. */
  join(other: VersionVector): VersionVector {
    if (other.entries.length === 0 || other === this) return this;
    if (this.entries.length === 0) return other;
    const joined: ClockEntry[] = [];
    const a = this.entries;
    const b = other.entries;
    let i = 0;
    let j = 0;
    while (i < a.length && j < b.length) {
      const order = compareEpochs(a[i], b[j]);
      if (order < 0) joined.push(a[i++]);
      else if (order > 0) joined.push(b[j++]);
      else joined.push(laterEntry(a[i++], b[j++]));
    }
    while (i < a.length) joined.push(a[i++]);
    while (j < b.length) joined.push(b[j++]);
    if (isEach(joined, b)) return other;
    return isEach(joined, a) ? this : new VersionVector(joined);
  }

  /** How this history stands to the other. */
  compare(other: VersionVector): Order {
    return orderOf({ aOnly: this.#exceeds(other), bOnly: other.#exceeds(this) });
  }

  /** The entries for which `keep` holds. */
  filter(keep: (entry: ClockEntry) => boolean): VersionVector {
    return new VersionVector(this.entries.filter(keep));
  }

  /** Appends the encoded form. */
  encode(writer: ByteWriter): void {
    writer.varint(this.entries.length);
    for (const entry of this.entries) {
      writeDot(writer, entry);
      writer.varint(entry.at);
    }
  }

  /** Reads the encoded form. @throws `CORRUPTION` for anything that `encode` does not write */
  static decode(reader: ByteReader): VersionVector {
    const count = reader.varint();
    if (count > clockEntriesLimit || count * entryBytesMin > reader.remaining) throw malformed('too many entries');
    const entries: ClockEntry[] = [];
    for (let i = 0; i < count; i++) {
      const entry = readEntry(reader);
      if (i > 0 && compareEpochs(entries[i - 1], entry) >= 0) throw malformed('entries out of order');
      entries.push(entry);
    }
    return new VersionVector(entries);
  }

  #exceeds(other: VersionVector): boolean {
    for (const entry of this.entries) {
      if (!other.covers(entry)) return true;
    }
    return false;
  }
}

function readEntry(reader: ByteReader): ClockEntry {
  const { incarnation, epoch, counter } = readDot(reader);
  return { incarnation, epoch, counter, at: reader.varint() };
}

function laterEntry(a: ClockEntry, b: ClockEntry): ClockEntry {
  if (a.counter !== b.counter) return a.counter > b.counter ? a : b;
  return a.at >= b.at ? a : b;
}

function malformed(what: string): CoterieError {
  return new CoterieError('CORRUPTION', `malformed version vector: ${what}`);
}

function isEach(joined: readonly ClockEntry[], entries: readonly ClockEntry[]): boolean {
  if (joined.length !== entries.length) return false;
  for (let i = 0; i < joined.length; i++) if (joined[i] !== entries[i]) return false;
  return true;
}
