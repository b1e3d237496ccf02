/**
 * Which operations a key had whose values were replaced: so that the second copy of one, made by another coordinator while
 * the first was out of reach, does not come to stand beside its own successor, and a late retry is answered and not
 * carried out again.
 *
 * ```
 *   n1: x (dot a) ┄┄ out of reach ┄┄┐
 *   n2: retry of x (dot b) ▶ z replaces b, x is noted ▶ merge: a is x as well, and goes
 *
 *   extension 1 of the object = per entry, highest first: rank varint │ writtenAt varint, 0 for an id that is never
 *                               used again │ hash64 of the id: high u32, low u32
 * ```
 *
 * *Newest* is by rank, which needs no clock: a write's rank is one more than any that its coordinator's copy held or listed.
 * What a write replaces is listed with the rank of that write, what a merge finds replaced with its own: both lie
 * in what is noted, not in the moment of noting, and so it does not matter who notes it, when, or how often.
 *
 * A list holds, of each operation, the highest entry by (rank, writtenAt), and of those the `replacedMax` highest by (rank,
 * hash). What is not among the highest of a part is not among the highest of the whole, so cutting before or after a union
 * makes no difference: the union of lists is a join. What has fallen out stays out until it is noted with a higher rank.
 *
 * Not noted is what nobody can ask for again: ids that a coordinator minted for itself, and writes of days ago. A list is decoded
 * when it is first looked into, and a union that adds nothing is one of its parts: it costs no new bytes.
 */
import { ByteReader, ByteWriter, equalBytes } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { type Hash64, hash64 } from '@coterie/ring';
import type { Sibling } from '@coterie/vector-clock';
import { isAskedAgain, isNeverUsedAgain } from '../coordinator/operations.ts';
import type { Payload } from './payload.ts';

/** Entries of a list. */
export const replacedMax = 8;

/** For so long one id of a client names one write; then it may name another. As long as operations are remembered. */
const oneWriteMs = 720_000;
/** No retry comes after so long, by any clock. */
const notedWithinMs = 2 * 86_400_000;

/** An operation whose value was replaced. */
export interface Replaced {
  /** Hash of the operation's id. */
  readonly high: number;
  readonly low: number;
  readonly rank: number;
  readonly writtenAt: number;
}

/** The operations of one key that are known to be replaced, the newest few. Immutable. */
export class ReplacedList {
  /** The encoded form; no bytes for no entries. */
  readonly bytes: Uint8Array;
  #entries: readonly Replaced[] | undefined;

  private constructor(bytes: Uint8Array, entries?: readonly Replaced[]) {
    this.bytes = bytes;
    this.#entries = entries;
  }

  /** The list that `bytes` hold, looked into when it is needed. */
  static of(bytes: Uint8Array): ReplacedList {
    return new ReplacedList(bytes);
  }

  /** Highest first. @throws `CORRUPTION` if the bytes are no list */
  get entries(): readonly Replaced[] {
    this.#entries ??= decode(this.bytes);
    return this.#entries;
  }

  /** Whether nothing is listed. */
  get isEmpty(): boolean {
    return this.bytes.length === 0;
  }

  /** Whether a write of this operation, made at `writtenAt`, is one of the list. */
  has(operation: string, writtenAt: number): boolean {
    if (this.isEmpty || !isAskedAgain(operation)) return false;
    const hash = hashOf(operation);
    const entry = this.entries.find((other) => isSame(other, hash));
    return entry !== undefined && isOneWrite(operation, entry.writtenAt, writtenAt);
  }

  /** The list of both: commutative, associative and idempotent. */
  join(other: ReplacedList): ReplacedList {
    if (this.equals(other)) return this;
    return this.#with(other.entries, other);
  }

  /** The list with the operations of `gone` noted: all with `rank` if it is given, else each with its own. */
  note(gone: readonly Payload[], rank?: number): ReplacedList {
    if (gone.length === 0) return this;
    const noted = gone.filter((payload) => payload.isAskedAgain);
    if (noted.length === 0) return this;
    return this.#with(noted.map((payload) => entryOf(payload, rank ?? payload.rank ?? 0)).sort(compareNewestFirst));
  }

  /** The list with all of another's `bytes`, but for `operation`, which is about to be carried out. @throws `CORRUPTION` if they are no list */
  heard(bytes: Uint8Array, operation: string): ReplacedList {
    const own = hashOf(operation);
    return this.#with(decode(bytes).filter((entry) => !isSame(entry, own)));
  }

  /** Whether both lists are the same. */
  equals(other: ReplacedList): boolean {
    return this === other || equalBytes(this.bytes, other.bytes);
  }

  /** The newest of this list and of `entries`, which are those of `other` if that is given. */
  #with(entries: readonly Replaced[], other?: ReplacedList): ReplacedList {
    const both = newestOf(this.entries, entries);
    if (isEach(both, this.entries)) return this;
    if (other !== undefined && isEach(both, entries)) return other;
    return new ReplacedList(encode(both), both);
  }
}

/** Nothing was replaced. */
export const noneReplaced: ReplacedList = ReplacedList.of(new Uint8Array());

/** Those of `gone` that somebody may still ask for when a write is made at `now`. */
export function stillAsked(gone: readonly Payload[], now: number): readonly Payload[] {
  return gone.filter(({ writtenAt }) => now - writtenAt < notedWithinMs);
}

/** What a write is ranked above: its coordinator's copy. */
interface Ranked {
  readonly replaced: ReplacedList;
  readonly set: { readonly siblings: readonly Sibling<Payload>[] };
}

/** The rank of the next write on a copy. */
export function nextRank({ replaced, set }: Ranked): number {
  return 1 + set.siblings.reduce((highest, { value }) => Math.max(highest, value.rank ?? 0), replaced.entries[0]?.rank ?? 0);
}

/** The rank that a payload of `operation` on a copy carries: none where nobody asks for it again. */
export function rankFor(operation: string, copy: Ranked): number | undefined {
  return isAskedAgain(operation) ? nextRank(copy) : undefined;
}

/** Whether one id at two times is one write: in any case if nobody uses such an id twice. */
export function isOneWrite(operation: string, firstMs: number, secondMs: number): boolean {
  return isNeverUsedAgain(operation) || secondMs - firstMs <= oneWriteMs;
}

/** Of two lists that are in order, the highest entry of each operation, and of those the highest. */
function newestOf(a: readonly Replaced[], b: readonly Replaced[]): readonly Replaced[] {
  const newest: Replaced[] = [];
  let i = 0;
  let j = 0;
  while (newest.length < replacedMax && (i < a.length || j < b.length)) {
    const isNextOfA = j === b.length || (i < a.length && compareNewestFirst(a[i], b[j]) <= 0);
    const next = isNextOfA ? a[i++] : b[j++];
    // In order, so the first entry of an operation is its highest.
    if (!isListed(newest, next)) newest.push(next);
  }
  return newest;
}

function compareNewestFirst(a: Replaced, b: Replaced): number {
  return b.rank - a.rank || b.high - a.high || b.low - a.low || b.writtenAt - a.writtenAt;
}

function isEach(a: readonly Replaced[], b: readonly Replaced[]): boolean {
  return a.length === b.length && a.every((entry, at) => compareNewestFirst(entry, b[at]) === 0);
}

function entryOf({ operation, writtenAt }: Payload, rank: number): Replaced {
  const { high, low } = hashOf(operation);
  return { high, low, rank, writtenAt: isNeverUsedAgain(operation) ? 0 : writtenAt };
}

function isListed(list: readonly Replaced[], hash: Hash64): boolean {
  for (let i = 0; i < list.length; i++) if (isSame(list[i], hash)) return true;
  return false;
}

function isSame(a: Hash64, b: Hash64): boolean {
  return a.low === b.low && a.high === b.high;
}

const encoder = new TextEncoder();
// Reused for ids of usual length: nothing awaits while it is in use.
const scratch = new Uint8Array(192);

function hashOf(operation: string): Hash64 {
  if (operation.length * 3 > scratch.length) return hash64(encoder.encode(operation));
  return hash64(scratch, 0, encoder.encodeInto(operation, scratch).written);
}

function encode(list: readonly Replaced[]): Uint8Array {
  const writer = new ByteWriter(list.length * entryBytesUsual);
  for (const { rank, writtenAt, high, low } of list) writer.varint(rank).varint(writtenAt).u32(high).u32(low);
  return writer.finish();
}

function decode(bytes: Uint8Array): readonly Replaced[] {
  const reader = new ByteReader(bytes);
  const list: Replaced[] = [];
  while (reader.remaining > 0) {
    const rank = reader.varint();
    const writtenAt = reader.varint();
    const entry = { high: reader.u32(), low: reader.u32(), rank, writtenAt };
    const isOrdered = list.length === 0 || compareNewestFirst(list[list.length - 1], entry) < 0;
    if (!isOrdered || isListed(list, entry) || list.length === replacedMax) {
      throw new CoterieError('CORRUPTION', 'malformed object: its replaced operations');
    }
    list.push(entry);
  }
  return list;
}

const entryBytesUsual = 12;
