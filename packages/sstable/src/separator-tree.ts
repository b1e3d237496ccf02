/**
 * Finds the last separator that is not above a key, whatever the keys look like. Separators form a tree of 64-way nodes:
 * level 0 over all of them, level n + 1 over every 64th of level n, until one node is left. A node knows how many bytes
 * all its separators have in common, `skip`, and keeps of each one the four bytes after that as a big-endian word:
 *
 * ```
 *  level 1   │ 0 │ 64 │ 128 │ …            one node: words after its own skip
 *  level 0   │ 0 … 63 │ 64 … 127 │ …       a node per 64 blocks: words after theirs, 256 bytes in a row
 * ```
 *
 * Words tie when separators agree in all four bytes or end early (they are padded with zeros, which keeps the order but
 * not the difference): ties are settled by the whole separator. Per-node skips keep words telling even where the table as
 * a whole has no common prefix.
 */
import type { Separators } from './separators.ts';

const fanOutBits = 6;
const fanOut = 64;

interface Level {
  /** Word of each entry. */
  readonly words: Uint32Array;
  /** Common bytes of each node's separators. */
  readonly skips: Uint16Array;
}

/** A search tree over separators. */
export class SeparatorTree {
  readonly #separators: Separators;
  readonly #levels: Level[] = [];
  readonly memoryBytes: number;

  constructor(separators: Separators) {
    this.#separators = separators;
    for (let count = separators.count, stride = 1; count > 1; count = Math.ceil(count / fanOut), stride *= fanOut) {
      this.#levels.push(this.#buildLevel(count, stride));
    }
    this.memoryBytes = this.#levels.reduce((sum, { words, skips }) => sum + words.byteLength + skips.byteLength, 0);
  }

  /** The last block whose separator is not above `key`. */
  blockOf(key: Uint8Array): number {
    let node = 0;
    for (let level = this.#levels.length - 1; level >= 0; level--) {
      const { words, skips } = this.#levels[level];
      const first = node << fanOutBits;
      const side = this.#compareSkipped(key, skips[node], (node === 0 ? 1 : first) << (fanOutBits * level));
      if (side === 0) node = this.#searchWords(key, level, node);
      // Only node 0 can lie above the key, but for its entry 0, minus infinity.
      else node = side < 0 ? first : Math.min(first + fanOut, words.length) - 1;
    }
    return node;
  }

  /** How `key` sorts against separator `block` in their first `skip` bytes. */
  #compareSkipped(key: Uint8Array, skip: number, block: number): number {
    const { bytes, starts } = this.#separators;
    const start = starts[block];
    for (let i = 0; i < skip; i++) {
      if (i >= key.length) return -1;
      const difference = key[i] - bytes[start + i];
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** Last entry of a node whose separator is not above `key`, which has the node's skipped bytes; the node's first entry is taken for granted. */
  #searchWords(key: Uint8Array, level: number, node: number): number {
    const { words, skips } = this.#levels[level];
    const word = wordAt(key, skips[node], key.length);
    let low = node << fanOutBits;
    let high = Math.min(low + fanOut, words.length);
    const first = low;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (words[middle] <= word) low = middle;
      else high = middle;
    }
    return words[low] === word && low > first ? this.#settleTie(key, level, low) : low;
  }

  /** Among the entries up to `tied` whose words tie with the key's, the last whose separator is not above `key`. */
  #settleTie(key: Uint8Array, level: number, tied: number): number {
    const { words } = this.#levels[level];
    const first = tied & -fanOut;
    let low = tied;
    while (low > first && words[low] === words[tied]) low--;
    let high = tied + 1;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#separators.compare(middle << (fanOutBits * level), key) <= 0) low = middle;
      else high = middle;
    }
    return low;
  }

  #buildLevel(count: number, stride: number): Level {
    const { bytes, starts } = this.#separators;
    const words = new Uint32Array(count);
    const skips = new Uint16Array(Math.ceil(count / fanOut));
    for (let first = 0; first < count; first += fanOut) {
      const last = Math.min(first + fanOut, count) - 1;
      // Entry 0 is empty: it has nothing in common with anything, and needs no word.
      const from = Math.max(first, 1);
      const skip = from > last ? 0 : this.#separators.common(from * stride, last * stride);
      skips[first >> fanOutBits] = skip;
      for (let entry = from; entry <= last; entry++)
        words[entry] = wordAt(bytes, starts[entry * stride] + skip, starts[entry * stride + 1]);
    }
    return { words, skips };
  }
}

/** The four bytes of `bytes[at, end)` as a big-endian number, padded with zeros. */
function wordAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 <= end) return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
  let word = 0;
  for (let i = 0; i < 4; i++) word = word * 256 + (at + i < end ? bytes[at + i] : 0);
  return word;
}
