/**
 * The index in memory: which block may hold a key.
 *
 * Separators (see index-writer.ts) form a tree of 64-way nodes, level 0 over all of them, level n + 1 over every 64th of
 * level n, until one node is left. A node knows how many bytes all its separators have in common, `skip`, and keeps of
 * each one the four bytes after that as a big-endian word:
 *
 * ```
 *  level 1   │ 0 │ 64 │ 128 │ …            one node: words after its own skip
 *  level 0   │ 0 … 63 │ 64 … 127 │ …       a node per 64 blocks: words after theirs, 256 bytes in a row
 * ```
 *
 * A search compares the skipped bytes once, then words. Words tie when separators agree in all four bytes or end early
 * (they are padded with zeros, which keeps the order but not the difference): ties are settled by the whole separator.
 * Per-node skips keep words telling even where the table as a whole has no common prefix.
 *
 * Invariants: entry 0 of the tree stands for minus infinity; separators never fall.
 */
import { ByteReader, compareRanges } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { blockTrailerBytes, blocksMax, payloadBytesMax } from './format.ts';

const fanOutBits = 6;
const fanOut = 64;

interface Level {
  /** Word of each entry. */
  readonly words: Uint32Array;
  /** Common bytes of each node's separators. */
  readonly skips: Uint16Array;
}

/** An index section, decoded. */
export class BlockIndex {
  readonly blocks: number;
  /** Block b lies at `[offsets[b], offsets[b + 1])` of the file. */
  readonly offsets: Float64Array;
  /** Whether some block begins with the key that the one before it ends with. */
  readonly anyContinued: boolean;
  /** Bytes of memory. */
  readonly memoryBytes: number;
  /** Separators, whole, one after the other. */
  readonly #bytes: Uint8Array;
  readonly #starts: Uint32Array;
  readonly #continued: Uint8Array;
  readonly #levels: Level[] = [];

  /** `section`: the payload of an index section. @throws CoterieError `CORRUPTION` */
  constructor(section: Uint8Array) {
    const reader = new ByteReader(section);
    const blocks = reader.varint();
    const prefix = reader.byteString();
    if (blocks > Math.min(blocksMax, section.length)) throw damaged(`${blocks} blocks`);
    this.blocks = blocks;
    this.offsets = new Float64Array(blocks + 1);
    this.#starts = new Uint32Array(blocks + 1);
    this.#continued = new Uint8Array(blocks);
    this.#bytes = new Uint8Array(section.length + blocks * prefix.length);
    let end = 0;
    for (let block = 0; block < blocks; block++) end = this.#readEntry(reader, block, prefix, end);
    if (reader.remaining > 0) throw damaged('bytes follow the last entry');
    this.#bytes = this.#bytes.slice(0, end);
    this.anyContinued = this.#continued.includes(1);
    this.#checkOrder();
    for (let count = blocks, stride = 1; count > 1; count = Math.ceil(count / fanOut), stride *= fanOut) this.#levels.push(this.#buildLevel(count, stride));
    this.memoryBytes = end + blocks * 17 + this.#levels.reduce((sum, level) => sum + level.words.byteLength + level.skips.byteLength, 0);
  }

  /** The last block whose separator is not above `key`: the only one that can hold `key`, unless it is continued. */
  blockOf(key: Uint8Array): number {
    let node = 0;
    let skipped = 0;
    for (let level = this.#levels.length - 1; level >= 0; level--) {
      const { words, skips } = this.#levels[level];
      const first = node << fanOutBits;
      const last = Math.min(first + fanOut, words.length) - 1;
      const skip = skips[node];
      const side = this.#compareSkipped(key, skipped, skip, (node === 0 ? 1 : first) << (fanOutBits * level));
      if (side === 0) {
        node = this.#searchNode(key, skip, first, last, fanOutBits * level);
        // Below node 0 there is no first separator to have agreed with.
        skipped = node === 0 ? 0 : skip;
      } else {
        // Node 0 alone can lie above the key, apart from its entry 0, minus infinity.
        node = side < 0 ? first : last;
        skipped = 0;
      }
    }
    return node;
  }

  /** The first block that may hold entries of `key`. */
  firstBlockOf(key: Uint8Array): number {
    let block = this.blockOf(key);
    if (!this.anyContinued) return block;
    while (block > 0 && this.continuesKey(block, key)) block--;
    return block;
  }

  /** Whether `block` begins with the key that the block before it ends with. */
  isContinued(block: number): boolean {
    return this.#continued[block] === 1;
  }

  /** Whether `block` begins with more versions of `key`, which the block before it ends with. */
  continuesKey(block: number, key: Uint8Array): boolean {
    return this.#continued[block] === 1 && this.#compareSeparator(block, key) === 0;
  }

  /** A copy of a block's separator, for checks. */
  separator(block: number): Uint8Array {
    return this.#bytes.slice(this.#starts[block], this.#starts[block + 1]);
  }

  /** Last of the entries [first, last] of a node whose separator is not above `key`; entry `first` is taken for granted. */
  // Five parameters: the innermost search, called three times for a lookup; an object for them would cost more than the search.
  #searchNode(key: Uint8Array, skip: number, first: number, last: number, shift: number): number {
    const words = this.#levels[shift / fanOutBits].words;
    const word = wordAt(key, skip, key.length);
    let low = first;
    let high = last + 1;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (words[middle] <= word) low = middle;
      else high = middle;
    }
    if (words[low] !== word || low === first) return low;
    // `low` is the last entry whose word is not above the key's: among those that tie, compare whole separators.
    let below = low;
    while (below > first && words[below] === word) below--;
    high = low + 1;
    low = below;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#compareSeparator(middle << shift, key) <= 0) low = middle;
      else high = middle;
    }
    return low;
  }

  /** How `key` sorts against separator `entry` in bytes [from, to). */
  // Four parameters, for the same reason.
  #compareSkipped(key: Uint8Array, from: number, to: number, entry: number): number {
    const bytes = this.#bytes;
    const start = this.#starts[entry];
    for (let i = from; i < to; i++) {
      if (i >= key.length) return -1;
      const difference = key[i] - bytes[start + i];
      if (difference !== 0) return difference;
    }
    return 0;
  }

  #compareSeparator(block: number, key: Uint8Array): number {
    return compareRanges(this.#bytes, this.#starts[block], this.#starts[block + 1], key, 0, key.length);
  }

  // Four parameters: the loop's state, threaded through.
  #readEntry(reader: ByteReader, block: number, prefix: Uint8Array, start: number): number {
    const stored = reader.varint();
    const lengthAndFlag = reader.varint();
    const rest = reader.view(Math.floor(lengthAndFlag / 2));
    if (stored <= blockTrailerBytes || stored > payloadBytesMax + blockTrailerBytes) throw damaged(`block ${block} of ${stored} bytes`);
    this.offsets[block + 1] = this.offsets[block] + stored;
    this.#continued[block] = lengthAndFlag % 2;
    let end = start;
    if (block > 0) {
      this.#bytes.set(prefix, end);
      end += prefix.length;
    }
    this.#bytes.set(rest, end);
    end += rest.length;
    this.#starts[block + 1] = end;
    return end;
  }

  #checkOrder(): void {
    const starts = this.#starts;
    for (let block = 1; block < this.blocks; block++) {
      const order = compareRanges(this.#bytes, starts[block - 1], starts[block], this.#bytes, starts[block], starts[block + 1]);
      if (order > 0 || (order === 0 && this.#continued[block] === 0)) throw damaged(`separator ${block} is out of order`);
    }
  }

  #buildLevel(count: number, stride: number): Level {
    const words = new Uint32Array(count);
    const skips = new Uint16Array(Math.ceil(count / fanOut));
    for (let first = 0; first < count; first += fanOut) {
      const last = Math.min(first + fanOut, count) - 1;
      const skip = this.#commonLength(Math.max(first, 1) * stride, last * stride);
      skips[first >> fanOutBits] = skip;
      for (let entry = Math.max(first, 1); entry <= last; entry++) {
        const block = entry * stride;
        words[entry] = wordAt(this.#bytes, this.#starts[block] + skip, this.#starts[block + 1]);
      }
    }
    return { words, skips };
  }

  #commonLength(a: number, b: number): number {
    const starts = this.#starts;
    if (b < a) return 0;
    const limit = Math.min(starts[a + 1] - starts[a], starts[b + 1] - starts[b]);
    let length = 0;
    while (length < limit && this.#bytes[starts[a] + length] === this.#bytes[starts[b] + length]) length++;
    return length;
  }
}

/** The four bytes of `bytes[at, end)` as a big-endian number, padded with zeros. */
function wordAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 <= end) return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
  let word = 0;
  for (let i = 0; i < 4; i++) word = word * 256 + (at + i < end ? bytes[at + i] : 0);
  return word;
}

function damaged(what: string): CoterieError {
  return new CoterieError('CORRUPTION', `index: ${what}`);
}
