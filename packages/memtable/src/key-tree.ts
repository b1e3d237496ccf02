/**
 * Keeps the keys of an active memtable in order: a B+-tree of references to key records, in one Int32Array beside the
 * arena. A key costs 8 bytes at 70 to 100 % fill. Beside each reference stands a *word*, four bytes of its key, so that
 * a search touches no record until words tie: a skip list's twenty cache misses become one or two.
 *
 *     node        [ count | skip | run | previous | next | word x fanout | reference x fanout ]     leaf
 *                 [ count | skip | run |     -    |   -  | word x fanout | reference x fanout | child x fanout ]
 *
 * All keys that a node covers begin with the same `skip` bytes, and its words are the four bytes after them (zeros past
 * the key's end), big-endian with the top bit flipped, so that signed order is key order. No key needs to be checked for
 * that: a key belongs to a node because it lies between two separators, so it begins with whatever those share. At the
 * outermost nodes one separator is missing; they skip what all keys share, and are worded anew when that shrinks.
 *
 * Child i covers [reference i, reference i + 1); reference 0 of an inner node is not looked at. Nodes are never freed
 * and keys never removed, so a place (leaf, slot) that still holds its key is a good one.
 *
 * Keys above all others go to the last leaf without a search. `run` (count << 8 | slot) counts the latest insertions each
 * of which came right after the one before, and says where the next would be. A full node in a run is cut there instead
 * of in half, so ascending keys, in one stream or in many, leave full nodes behind.
 */
import type { KeyOrder, KeyPlace } from './key-order.ts';
import { keyBytesMax, recordWords } from './layout.ts';
import { warmKeys, type Records } from './records.ts';

const fanout = 32;
const skipAt = 1;
const runAt = 2;
const previousAt = 3;
const nextAt = 4;
const wordsAt = 5;
const refsAt: number = wordsAt + fanout;
const childrenAt: number = refsAt + fanout;
const leafWords = childrenAt;
const innerWords: number = childrenAt + fanout;

/** Where nodes begin, so that 0 is none. */
const firstNode = 4;
const heightMax = 12;

/** Arena bytes for a word of the tree when it first grows: an entry of 116 bytes takes about three words. */
const arenaBytesPerWord = 40;

/** So many insertions in a row are taken for ascending keys. */
const runMin = 8;

/** A node is worded anew on a split when so many bytes of its words have become common. */
const staleBytes = 2;

/** The ordered keys of an arena that is being written. */
export class KeyTree implements KeyOrder {
  readonly #records: Records;
  #nodes: Int32Array = new Int32Array(firstNode + leafWords);
  #top = 0;
  #root = 0;
  #height = 0;
  #lastLeaf = 0;
  #count = 0;
  /** All keys begin with the first `#shared` bytes of the first key added. */
  #shared = 0;
  #example = 0;
  /** Whether the last key added became the last in order. */
  #appending = true;
  /** The key searched for: `#bytes[#start, #end)`. */
  #bytes: Uint8Array;
  #start = 0;
  #end = 0;
  /** The way of the last search: at each level (0: leaf) the node, and the slot taken there. */
  readonly #pathNode: Int32Array = new Int32Array(heightMax);
  readonly #pathSlot: Int32Array = new Int32Array(heightMax);

  constructor(records: Records) {
    this.#records = records;
    this.#bytes = records.bytes;
    this.clear();
  }

  /** How many keys there are. */
  get count(): number {
    return this.#count;
  }

  /** Bytes held beside the arena. */
  get byteLength(): number {
    return this.#nodes.byteLength;
  }

  /** Forgets every key. */
  clear(): void {
    this.#top = firstNode;
    this.#height = 0;
    this.#count = 0;
    this.#appending = true;
    this.#lastLeaf = this.#allocate(leafWords);
    this.#root = this.#lastLeaf;
    this.#shared = 0;
  }

  /** Adds the key at `key`, which is not among the keys yet. */
  insert(key: number): void {
    const records = this.#records;
    if (this.#count === 0) {
      this.#example = key;
      this.#shared = records.keyLengthAt(key);
    } else {
      const shared = records.sharedPrefix(key, this.#example, this.#shared);
      if (shared < this.#shared) this.#shrinkShared(shared);
    }
    this.#count++;
    const start = records.keyStartAt(key);
    const end = start + records.keyLengthAt(key);
    if (!this.#appending || !this.#findEnd(start, end)) {
      this.#search(records.bytes, start, end);
      this.#appending = this.#pathNode[0] === this.#lastLeaf && this.#pathSlot[0] === this.#nodes[this.#lastLeaf];
    }
    this.#place(0, this.#pathSlot[0], key, 0);
  }

  /** Writes the references in key order into `into` from `at` on. */
  list(into: Int32Array, at: number): void {
    const nodes = this.#nodes;
    let to = at;
    for (let leaf = this.#firstLeaf(); leaf !== 0; leaf = nodes[leaf + nextAt]) {
      const end = leaf + refsAt + nodes[leaf];
      for (let from = leaf + refsAt; from < end; from++) into[to++] = nodes[from];
    }
  }

  first(place: KeyPlace): void {
    this.#settle(place, this.#firstLeaf(), 0);
  }

  last(place: KeyPlace): void {
    this.#settle(place, this.#lastLeaf, this.#nodes[this.#lastLeaf] - 1);
  }

  seek(place: KeyPlace, bytes: Uint8Array): void {
    this.#searchAny(bytes);
    this.#settle(place, this.#pathNode[0], this.#pathSlot[0]);
  }

  seekBefore(place: KeyPlace, bytes: Uint8Array): void {
    this.#searchAny(bytes);
    this.#settle(place, this.#pathNode[0], this.#pathSlot[0] - 1);
  }

  next(place: KeyPlace): void {
    this.#ensure(place);
    this.#settle(place, place.leaf, place.slot + 1);
    if (place.slot % warmKeys === 0) this.#warm(place.leaf, place.slot);
  }

  previous(place: KeyPlace): void {
    this.#ensure(place);
    this.#settle(place, place.leaf, place.slot - 1);
    if (place.slot % warmKeys === warmKeys - 1) this.#warm(place.leaf, place.slot - warmKeys + 1);
  }

  /** Has the records of the keys from `slot` on read ahead. */
  #warm(leaf: number, slot: number): void {
    const end = Math.min(slot + warmKeys, this.#nodes[leaf]);
    this.#records.warm(this.#nodes, leaf + refsAt + slot, leaf + refsAt + end);
  }

  /** Sets `place` to a slot of `leaf`, or to the neighbour's where the slot lies one beyond it. */
  #settle(place: KeyPlace, leaf: number, slot: number): void {
    const nodes = this.#nodes;
    let atLeaf = leaf;
    let atSlot = slot;
    if (slot < 0) {
      atLeaf = nodes[leaf + previousAt];
      atSlot = nodes[atLeaf] - 1;
    } else if (slot >= nodes[leaf]) {
      atLeaf = nodes[leaf + nextAt];
      atSlot = 0;
    }
    place.leaf = atLeaf;
    place.slot = atSlot;
    place.key = atLeaf === 0 ? 0 : nodes[atLeaf + refsAt + atSlot];
  }

  /** Finds the key of `place` again if keys added since have moved it. */
  #ensure(place: KeyPlace): void {
    const nodes = this.#nodes;
    if (place.slot < nodes[place.leaf] && nodes[place.leaf + refsAt + place.slot] === place.key) return;
    const start = this.#records.keyStartAt(place.key);
    this.#search(this.#records.bytes, start, start + this.#records.keyLengthAt(place.key));
    place.leaf = this.#pathNode[0];
    place.slot = this.#pathSlot[0];
  }

  #firstLeaf(): number {
    let node = this.#root;
    for (let level = this.#height; level > 0; level--) node = this.#nodes[node + childrenAt];
    return node;
  }

  /** Searches for a key that need not begin with what all keys share. */
  #searchAny(bytes: Uint8Array): void {
    const own = this.#records.bytes;
    const ownStart = this.#records.keyStartAt(this.#example);
    for (let i = 0; i < this.#shared; i++) {
      const difference = i < bytes.length ? bytes[i] - own[ownStart + i] : -1;
      if (difference === 0) continue;
      const leaf = difference < 0 ? this.#firstLeaf() : this.#lastLeaf;
      this.#pathNode[0] = leaf;
      this.#pathSlot[0] = difference < 0 ? 0 : this.#nodes[leaf];
      return;
    }
    this.#search(bytes, 0, bytes.length);
  }

  /** Sets the path to the first slot at or after `bytes[start, end)`, which begins with what all keys share. */
  #search(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    const nodes = this.#nodes;
    let node = this.#root;
    for (let level = this.#height; level > 0; level--) {
      const slot = this.#rank(level, node) - 1;
      this.#pathNode[level] = node;
      this.#pathSlot[level] = slot;
      node = nodes[node + childrenAt + slot];
    }
    this.#pathNode[0] = node;
    this.#pathSlot[0] = this.#rank(0, node);
  }

  /**
   * The first slot of `node` whose key is not below the one searched for: not less, or at inner levels, where the slot's
   * child begins with its key, not less and not equal.
   */
  #rank(level: number, node: number): number {
    const nodes = this.#nodes;
    const word = wordAt(this.#bytes, this.#start + nodes[node + skipAt], this.#end);
    const base = node + wordsAt;
    const count = nodes[node];
    let low = level === 0 ? 0 : 1;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (nodes[base + middle] < word) low = middle + 1;
      else high = middle;
    }
    if (low === count || nodes[base + low] !== word) return low;
    let tied = low + 1;
    while (tied < count && nodes[base + tied] === word) tied++;
    return this.#rankTied(level === 0 ? 0 : -1, node, low, tied);
  }

  /**
   * As `#rank`, among the slots [from, to) whose words tie: those are below whose comparison is above `bound`. Looks
   * first where a run goes on, so that ascending keys with a long common prefix are compared once or twice.
   */
  // Hot path: a record for four numbers would cost as much as a comparison.
  #rankTied(bound: number, node: number, from: number, to: number): number {
    const nodes = this.#nodes;
    const skip = nodes[node + skipAt];
    const refs = node + refsAt;
    const expected = nodes[node + runAt] & 0xff;
    let low = from;
    let high = to;
    let middle = expected > from && expected <= to ? expected - 1 : (from + to) >>> 1;
    while (low < high) {
      const below = this.#records.compareKey(this.#bytes, this.#start, this.#end, nodes[refs + middle], skip) > bound;
      if (below) low = middle + 1;
      else high = middle;
      middle = below && low === expected ? low : (low + high) >>> 1;
    }
    return low;
  }

  /** Sets the path to the end of the last leaf if `bytes[start, end)` of the arena sorts after every key. */
  #findEnd(start: number, end: number): boolean {
    const nodes = this.#nodes;
    const leaf = this.#lastLeaf;
    const count = nodes[leaf];
    if (count > 0) {
      const last = nodes[leaf + refsAt + count - 1];
      if (this.#records.compareKey(this.#records.bytes, start, end, last, this.#shared) < 0) return false;
    }
    this.#pathNode[0] = leaf;
    this.#pathSlot[0] = count;
    if (count === fanout) this.#pathToEnd();
    return true;
  }

  #pathToEnd(): void {
    let node = this.#root;
    for (let level = this.#height; level > 0; level--) {
      const slot = this.#nodes[node] - 1;
      this.#pathNode[level] = node;
      this.#pathSlot[level] = slot;
      node = this.#nodes[node + childrenAt + slot];
    }
  }

  /** Puts a key (and at inner levels a child) at `slot` of the path's node, splitting it first if it is full. */
  #place(level: number, slot: number, key: number, child: number): void {
    const node = this.#pathNode[level];
    if (this.#nodes[node] < fanout) {
      this.#put(level, node, slot, key, child);
      return;
    }
    const low = this.#fence(level, 0);
    const high = this.#fence(level, 1);
    const cut = this.#cut(node, slot);
    const right = this.#split(level, node, cut);
    if (slot <= cut && cut < fanout) this.#put(level, node, slot, key, child);
    else this.#put(level, right, slot - cut, key, child);
    const separator = this.#nodes[right + refsAt];
    this.#narrow(level, node, low, separator);
    this.#narrow(level, right, separator, high);
    if (level === this.#height) this.#raise(node);
    this.#place(level + 1, this.#pathSlot[level + 1] + 1, separator, right);
  }

  #put(level: number, node: number, slot: number, key: number, child: number): void {
    const nodes = this.#nodes;
    const count = nodes[node];
    const words = node + wordsAt;
    const refs = node + refsAt;
    // Loops: copyWithin costs more for its call than 16 moves do.
    for (let i = count; i > slot; i--) {
      nodes[words + i] = nodes[words + i - 1];
      nodes[refs + i] = nodes[refs + i - 1];
    }
    const run = nodes[node + runAt];
    nodes[node + runAt] = (run & 0xff) === slot ? run + 0x101 : slot + 1;
    nodes[words + slot] = this.#wordOf(key, nodes[node + skipAt]);
    nodes[refs + slot] = key;
    if (level > 0) {
      const children = node + childrenAt;
      for (let i = count; i > slot; i--) nodes[children + i] = nodes[children + i - 1];
      nodes[children + slot] = child;
    }
    nodes[node] = count + 1;
  }

  /** Where to cut a full node for an insertion at `slot`. */
  #cut(node: number, slot: number): number {
    const run = this.#nodes[node + runAt];
    return (run & 0xff) === slot && run >>> 8 >= runMin ? slot : fanout / 2;
  }

  /** Moves the slots from `cut` on to a new node after `node`; returns it. */
  #split(level: number, node: number, cut: number): number {
    const right = this.#allocate(level === 0 ? leafWords : innerWords);
    const nodes = this.#nodes;
    const moved = fanout - cut;
    nodes[right] = moved;
    nodes[node] = cut;
    // The run ends, or goes on in `right`: keys that descend into the gap after this node must not get a node each.
    if (cut === fanout || cut === fanout / 2) nodes[node + runAt] = 0;
    nodes[right + skipAt] = nodes[node + skipAt];
    for (let area = wordsAt; area < (level === 0 ? leafWords : innerWords); area += fanout) {
      for (let i = 0; i < moved; i++) nodes[right + area + i] = nodes[node + area + cut + i];
    }
    if (level > 0) return right;
    const next = nodes[node + nextAt];
    nodes[right + previousAt] = node;
    nodes[right + nextAt] = next;
    nodes[node + nextAt] = right;
    if (next === 0) this.#lastLeaf = right;
    else nodes[next + previousAt] = right;
    return right;
  }

  /** The separator at or below (`side` 0) or above (1) all that the path's node at `level` covers; 0 if there is none. */
  #fence(level: number, side: number): number {
    for (let above = level + 1; above <= this.#height; above++) {
      const node = this.#pathNode[above];
      const slot = this.#pathSlot[above] + side;
      if (slot > 0 && slot < this.#nodes[node]) return this.#nodes[node + refsAt + slot];
    }
    return 0;
  }

  /** Words `node`, which covers [low, high), anew if that pays. */
  #narrow(level: number, node: number, low: number, high: number): void {
    const skip = low === 0 || high === 0 ? this.#shared : this.#records.sharedPrefix(low, high, keyBytesMax);
    if (skip >= this.#nodes[node + skipAt] + staleBytes) this.#reword(level, node, skip);
  }

  #reword(level: number, node: number, skip: number): void {
    const nodes = this.#nodes;
    nodes[node + skipAt] = skip;
    for (let i = level === 0 ? 0 : 1; i < nodes[node]; i++) nodes[node + wordsAt + i] = this.#wordOf(nodes[node + refsAt + i], skip);
  }

  /** Puts a root above `node`, and the path through it. */
  #raise(node: number): void {
    const root = this.#allocate(innerWords);
    this.#nodes[root] = 1;
    this.#nodes[root + skipAt] = this.#shared;
    this.#nodes[root + childrenAt] = node;
    this.#height++;
    this.#root = root;
    this.#pathNode[this.#height] = root;
    this.#pathSlot[this.#height] = 0;
  }

  /** Fewer bytes are common to all keys: the outermost nodes skip no more than those. */
  #shrinkShared(shared: number): void {
    this.#shared = shared;
    const nodes = this.#nodes;
    let leftmost = this.#root;
    let rightmost = this.#root;
    for (let level = this.#height; level >= 0; level--) {
      if (nodes[leftmost + skipAt] > shared) this.#reword(level, leftmost, shared);
      if (nodes[rightmost + skipAt] > shared) this.#reword(level, rightmost, shared);
      leftmost = nodes[leftmost + childrenAt];
      rightmost = nodes[rightmost + childrenAt + nodes[rightmost] - 1];
    }
  }

  #wordOf(key: number, skip: number): number {
    const start = (key + recordWords) << 2;
    return wordAt(this.#records.bytes, start + skip, start + this.#records.keyLengthAt(key));
  }

  #allocate(words: number): number {
    const node = this.#top;
    this.#top = node + words;
    if (this.#top > this.#nodes.length) {
      const expected = Math.ceil(this.#records.arena.byteLength / arenaBytesPerWord);
      const grown = new Int32Array(Math.max(this.#nodes.length * 2, expected, this.#top));
      grown.set(this.#nodes);
      this.#nodes = grown;
    }
    for (let i = 0; i < wordsAt; i++) this.#nodes[node + i] = 0;
    return node;
  }
}

/** Four bytes from `at` on, zeros from `end` on, as a number whose signed order is the order of the bytes. */
function wordAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 <= end) return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) ^ 0x80000000;
  let word = 0;
  for (let i = 0; i < 4; i++) word = (word << 8) | (at + i < end ? bytes[at + i] : 0);
  return word ^ 0x80000000;
}
