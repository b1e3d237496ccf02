/**
 * Decides how a memtable lies in its arena, so that another thread can read it without being told anything else.
 * `docs/formats/memtable.md` has a worked example. Everything is counted in 32-bit words; a *reference* is the word at
 * which a record starts, and 0 means none.
 *
 *     0          9                                     top              end - keys            end
 *     +----------+--------+--------+-----   -----+------+------ free ------+---------------------+
 *     |  header  | record | record |     ...     |record|                  | keys, in key order  |
 *     +----------+--------+--------+-----   -----+------+------------------+---------------------+
 *                written as entries arrive ->                              written by freeze()
 *
 * A record is four words, an extension, and a body; extension and body are each padded to whole words.
 *
 *     word 0   link: key -> newest version (itself at first); version -> next older; range delete -> previous one
 *     word 1   sequence, upper 16 bits << 16 | extension bytes
 *     word 2   sequence, lower 32 bits
 *     word 3   kind << 30 | entry type << 26 | body bytes
 *
 *     kind           extension                        body
 *     key            the key                          value of the key's oldest entry
 *     version        jump reference, depth            value
 *     range delete   length of `from`                 `from`, then `to`
 *     loose          the key                          value; in no index and no list
 *
 * Invariants: a record never moves and, but for a key's link, never changes. A key has exactly one key record, which is
 * also its oldest version. Every key record, and no loose one, has a word reserved at the end of the arena.
 */
import { assert } from '@coterie/env';

/** Words before the first record. */
export const headerWords = 9;

/** Where the header keeps what (words). All but `state` are written by `freeze`. */
export const header = {
  state: 0,
  top: 1,
  entries: 2,
  keys: 3,
  firstSequence: 4,
  lastSequence: 6,
  newestRangeDelete: 8,
} as const;

/** Values of the header's state word. The frozen one names the layout's version in its last digit. */
export const arenaState = { active: 0, frozen: 0x4d454d32 } as const;

/** What a record is. */
export const recordKind = { key: 0, version: 1, rangeDelete: 2, loose: 3 } as const;

/** Words of a record before its extension. */
export const recordWords = 4;

/** Words of a version's extension: jump reference and depth. */
export const versionExtensionWords = 2;

/** Bits of word 3 below the entry type: the length of a body. */
export const bodyLengthBits = 26;

/** Bits of a word that hold a reference. Fixes the largest arena. */
export const referenceBits = 25;

/** The largest arena: 128 MiB. */
export const arenaBytesMax: number = 4 * 2 ** referenceBits;

/** The longest key: 64 KiB - 1. */
export const keyBytesMax = 0xffff;

/** The longest value (32 MiB is the store's limit; the layout could carry twice that). */
export const valueBytesMax: number = 32 * 2 ** 20;

/** The largest entry type that fits its four bits. */
export const typeMax = 15;

/** Words that `byteCount` bytes take. */
export function wordsFor(byteCount: number): number {
  return (byteCount + 3) >>> 2;
}

/** Bytes that a new key with its value takes: its record and its word in the list of keys. No later entry takes more. */
export function entryBytesMax(keyBytes: number, valueBytes: number): number {
  return 4 * (recordWords + wordsFor(keyBytes) + wordsFor(valueBytes) + 1);
}

/** Bytes that a range delete takes. */
export function rangeDeleteBytesMax(fromBytes: number, toBytes: number): number {
  return 4 * (recordWords + 1 + wordsFor(fromBytes + toBytes));
}

/** Whole words of `arena`. Asserts that it is one that references can span and the header fits in. */
export function arenaWords(arena: SharedArrayBuffer): number {
  const words = arena.byteLength >>> 2;
  assert(words >= headerWords && arena.byteLength <= arenaBytesMax, 'arena is between its header and 128 MiB');
  return words;
}
