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
 * Kept: the `replacedMax` newest by (rank, hash); an entry's rank is one more than the highest known where it was noted,
 * so the order needs no clock. The union of two lists is the newest of both, and for one operation the higher rank and the
 * later time: the same whichever way copies meet. Not noted is what nobody can ask for again: ids that a coordinator
 * minted for itself, and writes of days ago.
 */
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { type Hash64, hash64 } from '@coterie/ring';
import type { Extensions } from './extensions.ts';
import { isAskedAgain, isNeverUsedAgain } from './operations.ts';
import type { Payload } from './payload.ts';

/** The object's extension that holds the list. */
export const replacedTag = 1;

/** Entries of a list. */
export const replacedMax = 8;

/** For so long one id of a client names one write; then it may name another. As long as operations are remembered. */
const oneWriteMs = 720_000;
/** No retry comes after so long, by any clock. */
const notedWithinMs = 2 * 86_400_000;

const nothing: readonly Replaced[] = [];
const encoder = new TextEncoder();

/** An operation whose value was replaced. */
export interface Replaced {
  readonly hash: Hash64;
  readonly rank: number;
  readonly writtenAt: number;
}

/** The list in an object's extensions. @throws `CORRUPTION` */
export function replacedIn(extensions: Extensions): readonly Replaced[] {
  const list = extensions.find(({ tag }) => tag === replacedTag);
  return list === undefined ? nothing : decode(list.bytes);
}

/** The extensions with the operations of `gone` noted, `now` being when the newest value was written; the same ones if there is nothing to note. */
export function noteReplaced(extensions: Extensions, gone: readonly Payload[], now: number): Extensions {
  const noted = gone.filter(({ operation, writtenAt }) => isAskedAgain(operation) && now - writtenAt < notedWithinMs);
  if (noted.length === 0) return extensions;
  const before = replacedIn(extensions);
  const news = noted
    .map(({ operation, writtenAt }) => entryOf(operation, writtenAt))
    .filter((entry) => !before.some((old) => isSame(old, entry)));
  if (news.length === 0) return extensions;
  const rank = 1 + (before[0]?.rank ?? 0);
  const list = newestOf([...before, ...news.map((entry) => ({ ...entry, rank }))]);
  const others = extensions.filter(({ tag }) => tag !== replacedTag);
  return [...others, { tag: replacedTag, bytes: encode(list) }].sort((a, b) => a.tag - b.tag);
}

/** The list of both copies. */
export function mergeReplaced(a: Uint8Array, b: Uint8Array): Uint8Array {
  return encode(newestOf([...decode(a), ...decode(b)]));
}

/** Whether a write of this operation, made at `writtenAt`, is one of the list. */
export function isReplaced(list: readonly Replaced[], operation: string, writtenAt: number): boolean {
  if (list.length === 0 || !isAskedAgain(operation)) return false;
  const asked = entryOf(operation, writtenAt);
  const entry = list.find((other) => isSame(other, asked));
  return entry !== undefined && isOneWrite(operation, entry.writtenAt, writtenAt);
}

/** Whether one id at two times is one write: in any case if nobody uses such an id twice. */
export function isOneWrite(operation: string, firstMs: number, secondMs: number): boolean {
  return isNeverUsedAgain(operation) || secondMs - firstMs <= oneWriteMs;
}

function newestOf(entries: readonly Replaced[]): readonly Replaced[] {
  const byHash = new Map<string, Replaced>();
  for (const entry of entries) {
    const name = `${entry.hash.high} ${entry.hash.low}`;
    const other = byHash.get(name);
    byHash.set(name, other === undefined ? entry : laterOf(entry, other));
  }
  return [...byHash.values()].sort(compareNewestFirst).slice(0, replacedMax);
}

function laterOf(a: Replaced, b: Replaced): Replaced {
  return { hash: a.hash, rank: Math.max(a.rank, b.rank), writtenAt: Math.max(a.writtenAt, b.writtenAt) };
}

function compareNewestFirst(a: Replaced, b: Replaced): number {
  return b.rank - a.rank || b.hash.high - a.hash.high || b.hash.low - a.hash.low;
}

function entryOf(operation: string, writtenAt: number): Replaced {
  return { hash: hash64(encoder.encode(operation)), rank: 0, writtenAt: isNeverUsedAgain(operation) ? 0 : writtenAt };
}

function isSame(a: Replaced, b: Replaced): boolean {
  return a.hash.low === b.hash.low && a.hash.high === b.hash.high;
}

function encode(list: readonly Replaced[]): Uint8Array {
  const writer = new ByteWriter(list.length * entryBytesUsual);
  for (const { rank, writtenAt, hash } of list) writer.varint(rank).varint(writtenAt).u32(hash.high).u32(hash.low);
  return writer.finish();
}

function decode(bytes: Uint8Array): readonly Replaced[] {
  const reader = new ByteReader(bytes);
  const list: Replaced[] = [];
  while (reader.remaining > 0) {
    const entry = { rank: reader.varint(), writtenAt: reader.varint(), hash: { high: reader.u32(), low: reader.u32() } };
    const isOrdered = list.length === 0 || compareNewestFirst(list[list.length - 1], entry) < 0;
    if (!isOrdered || list.length === replacedMax) throw new CoterieError('CORRUPTION', 'malformed object: its replaced operations');
    list.push(entry);
  }
  return list;
}

const entryBytesUsual = 12;
