/**
 * Reads and writes single records of an arena (drawn in `layout.ts`). Knows nothing of their order: the tree, the list
 * and the hash index hold references and ask here what lies behind them.
 *
 * Invariant: `top` is the first word that no record owns.
 */
import { arenaWords, bodyLengthBits, headerWords, recordWords, versionExtensionWords, wordsFor } from './layout.ts';

const bodyLengthMask = 2 ** bodyLengthBits - 1;
const highUnit = 2 ** 32;

/** Up to this length a loop beats the call of `set`. */
const loopBytesMax = 24;

/** From these lengths the view that `set` needs of a part of an array is cheaper than a loop over it. */
const partBytesMin = 96;
const partBytesMinInSource = 448;

/** So many writes in a row from one array make it the source, which is read by words. */
const sourceStreakMin = 8;

/** How many keys a walk has read ahead together; divides the tree's fanout. */
export const warmKeys = 8;

/** The records of one arena. */
export class Records {
  readonly arena: SharedArrayBuffer;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** First word that no record owns. */
  top: number = headerWords;
  /** What `warm` read, kept so that reading it is not optimized away. */
  warmth = 0;
  /**
   * The array that was last copied from, and once it has been several times, a view of it: entries mostly come as parts
   * of the log's one buffer, and reading that by words at any offset costs a third of what bytes or `subarray` cost.
   */
  #sourceBytes: Uint8Array | undefined;
  #sourceView: DataView | undefined;
  #sourceStreak = 0;

  constructor(arena: SharedArrayBuffer) {
    this.arena = arena;
    this.bytes = new Uint8Array(arena);
    this.words = new Int32Array(arena, 0, arenaWords(arena));
  }

  /** What kind of record lies at `reference`. */
  kindAt(reference: number): number {
    return this.words[reference + 3] >>> 30;
  }

  /** The newest version of a key, or the next older one of a version. */
  linkAt(reference: number): number {
    return this.words[reference];
  }

  typeAt(reference: number): number {
    return (this.words[reference + 3] >>> bodyLengthBits) & 0xf;
  }

  sequenceAt(reference: number): number {
    return (this.words[reference + 1] >>> 16) * highUnit + (this.words[reference + 2] >>> 0);
  }

  /** First byte of a key record's key. */
  keyStartAt(key: number): number {
    return (key + recordWords) << 2;
  }

  keyLengthAt(key: number): number {
    return this.words[key + 1] & 0xffff;
  }

  /** First byte of a record's body: an entry's value. */
  bodyStartAt(reference: number): number {
    return (reference + recordWords + wordsFor(this.words[reference + 1] & 0xffff)) << 2;
  }

  bodyLengthAt(reference: number): number {
    return this.words[reference + 3] & bodyLengthMask;
  }

  /** The record after the one at `reference`, in order of writing. */
  following(reference: number): number {
    return (this.bodyStartAt(reference) >>> 2) + wordsFor(this.bodyLengthAt(reference));
  }

  /** Whether the key at `key` is `bytes[start, end)`. */
  keyEquals(key: number, bytes: Uint8Array, start: number, end: number): boolean {
    const words = this.words;
    if ((words[key + 1] & 0xffff) !== end - start) return false;
    let at = key + recordWords;
    let i = start;
    for (const last = end - 3; i < last; i += 4) {
      if (words[at++] !== (bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24))) return false;
    }
    return i === end || words[at] === tailWord(bytes, i, end);
  }

  /**
   * Negative, zero or positive as `bytes[start, end)` sorts before, with or after the key at `key`. The first `skip`
   * bytes are known to be the same.
   */
  compareKey(bytes: Uint8Array, start: number, end: number, key: number, skip: number): number {
    const words = this.words;
    const length = end - start;
    const ownLength = words[key + 1] & 0xffff;
    const shared = length < ownLength ? length : ownLength;
    let at = key + recordWords + (skip >>> 2);
    let i = skip & ~3;
    // Four bytes at a time: typed-array loads are what this costs, and the record's come as words.
    for (const last = shared - 3; i < last; i += 4) {
      const from = start + i;
      const word = bytes[from] | (bytes[from + 1] << 8) | (bytes[from + 2] << 16) | (bytes[from + 3] << 24);
      const own = words[at++];
      if (word !== own) return firstDifference(word, own);
    }
    for (; i < shared; i++) {
      const difference = bytes[start + i] - ((words[at] >>> ((i & 3) << 3)) & 0xff);
      if (difference !== 0) return difference;
    }
    return length - ownLength;
  }

  /** How many leading bytes the keys at `a` and `b` have in common, looking at the first `limit`. */
  sharedPrefix(a: number, b: number, limit: number): number {
    const words = this.words;
    const shared = Math.min(words[a + 1] & 0xffff, words[b + 1] & 0xffff, limit);
    let i = 0;
    for (let at = recordWords; i + 4 <= shared && words[a + at] === words[b + at]; at++) i += 4;
    const aStart = this.keyStartAt(a);
    const bStart = this.keyStartAt(b);
    while (i < shared && this.bytes[aStart + i] === this.bytes[bStart + i]) i++;
    return i;
  }

  /** Reads the records at `references[from, to)`, so that their cache misses overlap: a walk then takes half the time. */
  warm(references: Int32Array, from: number, to: number): void {
    let sum = 0;
    for (let i = from; i < to; i++) sum ^= this.words[references[i]];
    this.warmth = sum;
  }

  /** Starts a record: its four words, with the link as given. Extension and body are the caller's to fill. */
  begin(link: number, sequence: number, extensionBytes: number): number {
    const reference = this.top;
    const words = this.words;
    words[reference] = link;
    words[reference + 1] = ((sequence / highUnit) << 16) | extensionBytes;
    words[reference + 2] = sequence | 0;
    return reference;
  }

  /** Copies `bytes[start, end)` into the arena from `word` on; returns the word after it. Padding is zero. */
  // Hot path: a record for four parameters would cost as much as a short copy.
  write(word: number, bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const after = word + wordsFor(length);
    const inSource = bytes === this.#sourceBytes ? this.#isSource() : this.#changeSource(bytes);
    if (length > loopBytesMax && length === bytes.length) {
      this.words[after - 1] = 0;
      this.bytes.set(bytes, word << 2);
    } else if (length >= (inSource ? partBytesMinInSource : partBytesMin)) {
      this.words[after - 1] = 0;
      this.bytes.set(bytes.subarray(start, end), word << 2);
    } else if (inSource) {
      copyFromView(this.words, word, this.#sourceView!, start, end);
    } else {
      copyWords(this.words, word, bytes, start, end);
    }
    return after;
  }

  /** Lets go of the caller's arrays. */
  forgetSource(): void {
    this.#sourceBytes = undefined;
    this.#sourceView = undefined;
  }

  #isSource(): boolean {
    if (this.#sourceView !== undefined) return true;
    if (++this.#sourceStreak < sourceStreakMin) return false;
    const bytes = this.#sourceBytes!;
    this.#sourceView = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return true;
  }

  #changeSource(bytes: Uint8Array): boolean {
    this.#sourceBytes = bytes;
    this.#sourceView = undefined;
    this.#sourceStreak = 0;
    return false;
  }

  /** Ends the record begun at `reference`: its body ends before the word `after`. */
  finish(reference: number, kindAndType: number, bodyBytes: number, after: number): void {
    this.words[reference + 3] = (kindAndType << bodyLengthBits) | bodyBytes;
    this.top = after;
  }
}

/** The top six bits of word 3. */
export function kindAndType(kind: number, type: number): number {
  return (kind << 4) | type;
}

/** Bytes of a version's extension. */
export const versionExtensionBytes: number = 4 * versionExtensionWords;

/** The difference of the first bytes in which two little-endian words differ. */
function firstDifference(a: number, b: number): number {
  const difference = a ^ b;
  const shift = (31 - Math.clz32(difference & -difference)) & ~7;
  return ((a >>> shift) & 0xff) - ((b >>> shift) & 0xff);
}

function copyWords(words: Int32Array, word: number, bytes: Uint8Array, start: number, end: number): void {
  let at = word;
  let i = start;
  for (const last = end - 3; i < last; i += 4) {
    words[at++] = bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
  }
  if (i < end) words[at] = tailWord(bytes, i, end);
}

function copyFromView(words: Int32Array, word: number, source: DataView, start: number, end: number): void {
  let at = word;
  let i = start;
  for (const last = end - 7; i < last; i += 8) {
    words[at] = source.getInt32(i, true);
    words[at + 1] = source.getInt32(i + 4, true);
    at += 2;
  }
  if (i + 4 <= end) {
    words[at++] = source.getInt32(i, true);
    i += 4;
  }
  if (i === end) return;
  let tail = source.getUint8(i);
  if (i + 1 < end) tail |= source.getUint8(i + 1) << 8;
  if (i + 2 < end) tail |= source.getUint8(i + 2) << 16;
  words[at] = tail;
}

/** One to three last bytes as a little-endian word padded with zeros. */
function tailWord(bytes: Uint8Array, at: number, end: number): number {
  let word = bytes[at];
  if (at + 1 < end) word |= bytes[at + 1] << 8;
  if (at + 2 < end) word |= bytes[at + 2] << 16;
  return word;
}
