/**
 * The nodes of the tree of keys, in one Int32Array beside the arena, and what is done within one node: search, insert,
 * cut. A key costs 8 bytes at 70 to 100 % fill. Beside each reference to a key's record stands a *word* of the key, so
 * that a search touches no record until words tie: a skip list's twenty cache misses become one or two.
 *
 *     leaf        [ count | skip | run | previous | next | word x fanout | reference x fanout ]
 *     inner node  [ count | skip | run |     -    |   -  | word x fanout | reference x fanout | child x fanout ]
 *
 * All keys that a node covers begin with the same `skip` bytes; a word is the four bytes after those (zeros past the
 * key's end), big-endian, without the last bit, so that the difference of two words has the sign of their order. Slots not in
 * use hold the largest word. Child i covers [reference i, reference i + 1); slot 0 of an inner node holds -1, below all.
 *
 * `run` (length << 8 | slot) counts the latest insertions each of which came right after the one before, and says where
 * the next would be. A full node in a run is cut there instead of in half, so ascending keys, in one stream or in many,
 * leave full nodes behind.
 *
 * Nodes are numbered by the cell they start at and never freed; 0 is none.
 */
import { recordWords } from './layout.ts';
import type { Records } from './records.ts';

/** Slots of a node. `rank` is written out for 32; 16 and 64 are no quicker. */
export const fanout = 32;

/** Cell of a node that holds how many bytes its words skip. The node's first cell holds its count. */
export const skipAt = 1;
/** Cell of a leaf that holds the leaf before it. */
export const previousAt = 3;
/** Cell of a leaf that holds the leaf after it. */
export const nextAt = 4;
const runAt = 2;
const wordsAt = 5;
/** First cell of a node's references. */
export const refsAt: number = wordsAt + fanout;
/** First cell of an inner node's children. */
export const childrenAt: number = refsAt + fanout;

const leafCells = childrenAt;
const innerCells: number = childrenAt + fanout;
const firstNode = 4;

const wordMax = 0x7fffffff;

/** Arena bytes for a cell when the cells first grow: an entry of 116 bytes takes about three. */
const arenaBytesPerCell = 40;

/** So many insertions in a row are taken for ascending keys. */
const runMin = 8;

/** The nodes of one tree. */
export class TreeNodes {
  /** All nodes. Replaced when they grow. */
  cells: Int32Array = new Int32Array(firstNode + leafCells);
  readonly #records: Records;
  #top: number = firstNode;
  /** The key that `rank` looks for: `#bytes[#start, #end)`. */
  #bytes: Uint8Array;
  #start = 0;
  #end = 0;

  constructor(records: Records) {
    this.#records = records;
    this.#bytes = records.bytes;
  }

  /** Bytes that nodes take. */
  get usedBytes(): number {
    return 4 * this.#top;
  }

  /** Forgets every node. */
  clear(): void {
    this.#top = firstNode;
  }

  /** An empty node: a leaf at level 0. */
  allocate(level: number): number {
    const node = this.#top;
    this.#top = node + (level === 0 ? leafCells : innerCells);
    if (this.#top > this.cells.length) this.#grow();
    this.cells.fill(0, node, node + wordsAt);
    this.cells.fill(wordMax, node + wordsAt, node + refsAt);
    return node;
  }

  /** Sets what `rank` looks for. */
  lookFor(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  /**
   * The first slot of `node` whose key is not below the one looked for: not less, or at inner levels, where the slot's
   * child begins with its key, not less and not equal.
   */
  rank(level: number, node: number): number {
    const cells = this.cells;
    const word = wordAt(this.#bytes, this.#start + cells[node + skipAt], this.#end);
    const base = node + wordsAt;
    // A binary search without branches, which would be guessed wrong every other time: whole searches overlap.
    let low = ((cells[base + 15] - word) >> 31) & 16;
    low += ((cells[base + low + 7] - word) >> 31) & 8;
    low += ((cells[base + low + 3] - word) >> 31) & 4;
    low += ((cells[base + low + 1] - word) >> 31) & 2;
    low += ((cells[base + low] - word) >> 31) & 1;
    low += ((cells[base + low] - word) >> 31) & 1;
    const count = cells[node];
    if (low >= count || cells[base + low] !== word) return low;
    let tied = low + 1;
    while (tied < count && cells[base + tied] === word) tied++;
    return this.#rankTied(level === 0 ? 0 : -1, node, low, tied);
  }

  /** Puts a key (and at inner levels a child) at `slot` of a node that is not full. */
  // Hot path: a record for five numbers would cost as much as the insertion.
  put(level: number, node: number, slot: number, key: number, child: number): void {
    const cells = this.cells;
    const count = cells[node];
    const refs = node + refsAt;
    const words = node + wordsAt;
    // Loops: eight slots on average are moved, and two calls of copyWithin cost about 30 ns more.
    for (let i = count; i > slot; i--) {
      cells[words + i] = cells[words + i - 1];
      cells[refs + i] = cells[refs + i - 1];
    }
    if (level > 0) cells.copyWithin(refs + fanout + slot + 1, refs + fanout + slot, refs + fanout + count);
    const run = cells[node + runAt];
    cells[node + runAt] = (run & 0xff) === slot ? run + 0x101 : slot + 1;
    cells[words + slot] = level > 0 && slot === 0 ? -1 : this.#wordOf(key, cells[node + skipAt]);
    cells[refs + slot] = key;
    if (level > 0) cells[refs + fanout + slot] = child;
    cells[node] = count + 1;
  }

  /** Where to cut a full node for an insertion at `slot`. */
  cutFor(node: number, slot: number): number {
    const run = this.cells[node + runAt];
    return (run & 0xff) === slot && run >>> 8 >= runMin ? slot : fanout / 2;
  }

  /** Moves the slots from `cut` on to a new node after `node`; returns it. */
  split(level: number, node: number, cut: number): number {
    const right = this.allocate(level);
    const cells = this.cells;
    cells[right] = fanout - cut;
    cells[node] = cut;
    // The run ends, or goes on in `right`: keys that descend into the gap after this node must not get a node each.
    if (cut === fanout || cut === fanout / 2) cells[node + runAt] = 0;
    cells[right + skipAt] = cells[node + skipAt];
    const areasEnd = level === 0 ? leafCells : innerCells;
    for (let area = wordsAt; area < areasEnd; area += fanout) {
      cells.copyWithin(right + area, node + area + cut, node + area + fanout);
    }
    cells.fill(wordMax, node + wordsAt + cut, node + refsAt);
    if (level > 0) cells[right + wordsAt] = -1;
    else this.#linkAfter(node, right);
    return right;
  }

  /** Words `node` anew: its keys are known to begin with the same `skip` bytes. */
  reword(level: number, node: number, skip: number): void {
    const cells = this.cells;
    cells[node + skipAt] = skip;
    for (let slot = level === 0 ? 0 : 1; slot < cells[node]; slot++) {
      cells[node + wordsAt + slot] = this.#wordOf(cells[node + refsAt + slot], skip);
    }
  }

  /**
   * As `rank`, among the slots [from, to) whose words tie: those are below whose comparison is above `bound`. Looks first
   * where a run goes on, so that ascending keys with a long common prefix are compared once or twice.
   */
  // Hot path: a record for four numbers would cost as much as a comparison.
  #rankTied(bound: number, node: number, from: number, to: number): number {
    const cells = this.cells;
    const skip = cells[node + skipAt];
    const refs = node + refsAt;
    const expected = cells[node + runAt] & 0xff;
    let low = from;
    let high = to;
    let middle = expected > from && expected <= to ? expected - 1 : (from + to) >>> 1;
    while (low < high) {
      const below = this.#records.compareKey(this.#bytes, this.#start, this.#end, cells[refs + middle], skip) > bound;
      if (below) low = middle + 1;
      else high = middle;
      middle = below && low === expected ? low : (low + high) >>> 1;
    }
    return low;
  }

  #linkAfter(node: number, right: number): void {
    const cells = this.cells;
    const next = cells[node + nextAt];
    cells[right + previousAt] = node;
    cells[right + nextAt] = next;
    cells[node + nextAt] = right;
    if (next !== 0) cells[next + previousAt] = right;
  }

  #wordOf(key: number, skip: number): number {
    const start = (key + recordWords) << 2;
    return wordAt(this.#records.bytes, start + skip, start + this.#records.keyLengthAt(key));
  }

  #grow(): void {
    const expected = Math.ceil(this.#records.arena.byteLength / arenaBytesPerCell);
    const grown = new Int32Array(Math.max(this.cells.length * 2, expected, this.#top));
    grown.set(this.cells);
    this.cells = grown;
  }
}

/** The four bytes from `at` on, zeros from `end` on, without the last bit: a number in [0, 2^31). */
function wordAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 <= end) return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 1;
  let word = 0;
  for (let i = 0; i < 4; i++) word = (word << 8) | (at + i < end ? bytes[at + i] : 0);
  return word >>> 1;
}
