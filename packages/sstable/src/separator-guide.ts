/**
 * Guesses where a key stands among the separators, close enough that a step or two of search remain.
 *
 * Separators use few of the 256 values of a byte at each place: ten, where numbers are written in decimal. A **code** counts
 * only values in use: after the prefix that all separators have, place by place, a mixed-radix number of ranks.
 *
 * ```
 *  separators …0017 …0123 …0490    ranks  '0'→0 '1'→1 '4'→2 │ '1'→0 '2'→1 '9'→2 │ …    code = (rank × radix + rank) × radix + …
 *  hints[code × buckets ÷ codes] = first separator of that bucket
 * ```
 *
 * Codes never fall where keys rise: a byte value that no separator has at its place counts as the one below it followed by
 * the highest of everything, a key that ends as followed by the lowest. Equal codes are settled by whole separators. As
 * codes are nearly dense, both for decimal keys and for random ones, buckets hold a separator or two; where one holds more
 * than `wideBucket`, the tree knows better.
 *
 * Measured with 28,000 blocks of decimal keys: 80 to 120 ns, against 250 to 300 ns for the tree alone.
 */
import type { Separators } from './separators.ts';

/** Codes are below this. */
const codesMax = 2 ** 31;
/** Most places that go into a code. */
const placesMax = 16;
/** A bucket with more separators than this is left to the tree. */
const wideBucket = 64;
/** A byte value below all that are in use at its place. */
const belowAll = -1;

/** Codes and hints over separators. */
export class SeparatorGuide {
  readonly #separators: Separators;
  /** Bytes that all separators but the empty one have in common. */
  readonly #prefixLength: number;
  #places = 0;
  /** For each place and byte value: its rank; if not in use, -2 - the rank of the value in use below it, or `belowAll`. */
  readonly #ranks: Int16Array;
  /** Values in use at each place, and how many codes the places after it make. */
  readonly #radixes: Int32Array = new Int32Array(placesMax);
  readonly #spans: Int32Array = new Int32Array(placesMax + 1);
  readonly #codes: Int32Array;
  readonly #hints: Int32Array;
  readonly #scale: number;
  readonly memoryBytes: number;

  constructor(separators: Separators) {
    const count = separators.count;
    this.#separators = separators;
    this.#prefixLength = count > 1 ? separators.common(1, count - 1) : 0;
    this.#ranks = this.#rankPlaces();
    this.#spans[this.#places] = 1;
    for (let place = this.#places - 1; place >= 0; place--) this.#spans[place] = this.#spans[place + 1] * this.#radixes[place];
    this.#codes = new Int32Array(count);
    for (let block = 1; block < count; block++)
      this.#codes[block] = this.#codeOf(separators.bytes, separators.starts[block], separators.starts[block + 1]);
    this.#scale = count / this.#spans[0];
    this.#hints = this.#makeHints(count);
    this.memoryBytes = this.#codes.byteLength + this.#hints.byteLength + this.#ranks.byteLength;
  }

  /** The last block whose separator is not above `key`; -1 if the guide is no good for this key. */
  blockOf(key: Uint8Array): number {
    const { bytes, starts } = this.#separators;
    const prefixLength = this.#prefixLength;
    const prefixStart = starts[1];
    if (key.length < prefixLength) return -1;
    for (let i = 0; i < prefixLength; i++) if (key[i] !== bytes[prefixStart + i]) return -1;
    const code = this.#codeOf(key, 0, key.length);
    const bucket = (code * this.#scale) | 0;
    let low = this.#hints[bucket] - 1;
    let high = this.#hints[bucket + 1];
    if (high - low > wideBucket) return -1;
    const codes = this.#codes;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      const other = codes[middle];
      if (other < code || (other === code && this.#separators.compare(middle, key) <= 0)) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Code of the byte string `bytes[start, end)`, which begins with the common prefix. */
  #codeOf(bytes: Uint8Array, start: number, end: number): number {
    const ranks = this.#ranks;
    const radixes = this.#radixes;
    const places = this.#places;
    const from = start + this.#prefixLength;
    let code = 0;
    for (let place = 0; place < places; place++) {
      if (from + place >= end) return code * this.#spans[place];
      const rank = ranks[(place << 8) | bytes[from + place]];
      if (rank < 0) return this.#codeBetween(code, place, rank);
      code = code * radixes[place] + rank;
    }
    return code;
  }

  /** Code of a key that has a byte value at `place` which no separator has there. */
  #codeBetween(code: number, place: number, rank: number): number {
    if (rank === belowAll) return code * this.#spans[place];
    return (code * this.#radixes[place] + (-2 - rank) + 1) * this.#spans[place + 1] - 1;
  }

  #rankPlaces(): Int16Array {
    const tables: Int16Array[] = [];
    for (let codes = 1; this.#places < placesMax; this.#places++) {
      const inUse = this.#valuesInUse(this.#prefixLength + this.#places);
      const radix = inUse.reduce((sum, used) => sum + used, 0);
      if (radix === 0 || codes * radix >= codesMax) break;
      codes *= radix;
      this.#radixes[this.#places] = radix;
      tables.push(rankValues(inUse));
    }
    const ranks = new Int16Array(this.#places * 256);
    for (const [place, table] of tables.entries()) ranks.set(table, place * 256);
    return ranks;
  }

  /** 1 for each byte value that some separator has at `offset`. */
  #valuesInUse(offset: number): Uint8Array {
    const { bytes, starts, count } = this.#separators;
    const inUse = new Uint8Array(256);
    for (let block = 1; block < count; block++) {
      if (starts[block] + offset < starts[block + 1]) inUse[bytes[starts[block] + offset]] = 1;
    }
    return inUse;
  }

  /** For each bucket its first separator; and one past the last for the bucket after the last. */
  #makeHints(count: number): Int32Array {
    const hints = new Int32Array(count + 2);
    let block = 1;
    for (let bucket = 0; bucket < hints.length; bucket++) {
      while (block < count && Math.floor(this.#codes[block] * this.#scale) < bucket) block++;
      hints[bucket] = block;
    }
    return hints;
  }
}

function rankValues(inUse: Uint8Array): Int16Array {
  const ranks = new Int16Array(256);
  let next = 0;
  for (let value = 0; value < 256; value++) {
    if (inUse[value] === 1) ranks[value] = next++;
    else ranks[value] = next === 0 ? belowAll : -2 - (next - 1);
  }
  return ranks;
}
