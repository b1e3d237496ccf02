/**
 * Keeps the keys of an active memtable in order: a B+-tree of references to key records. `tree-nodes.ts` draws a node
 * and works within one; here are the ways between them.
 *
 * No key is checked for the prefix that a node skips: a key belongs to a node because it lies between two separators, so
 * it begins with whatever those share. At the outermost nodes one separator is missing; they skip at most what all keys
 * share, and are worded anew when that shrinks.
 *
 * Keys above all others go to the last leaf without a search. Nodes are never freed and keys never removed, so a place
 * (leaf, slot) that still holds its key is a good one.
 */
import type { KeyOrder, KeyPlace } from './key-order.ts';
import { keyBytesMax } from './layout.ts';
import { type Records, warmKeys } from './records.ts';
import { childrenAt, fanout, nextAt, previousAt, refsAt, skipAt, TreeNodes } from './tree-nodes.ts';

/** More levels than 2^25 keys can fill. */
const heightMax = 12;

/** A node is worded anew on a split when so many bytes of its words have become common. */
const staleBytes = 2;

/** The ordered keys of an arena that is being written. */
export class KeyTree implements KeyOrder {
  readonly #records: Records;
  readonly #nodes: TreeNodes;
  #root = 0;
  #height = 0;
  #lastLeaf = 0;
  #count = 0;
  /** All keys begin with the first `#shared` bytes of the first key added. */
  #shared = 0;
  #example = 0;
  /** Whether the last key added became the last in order. */
  #appending = true;
  /** The way of the last search: at each level (0: leaf) the node, and the slot taken there. */
  readonly #pathNode: Int32Array = new Int32Array(heightMax);
  readonly #pathSlot: Int32Array = new Int32Array(heightMax);

  constructor(records: Records) {
    this.#records = records;
    this.#nodes = new TreeNodes(records);
    this.clear();
  }

  /** How many keys there are. */
  get count(): number {
    return this.#count;
  }

  /** Bytes held beside the arena. */
  get byteLength(): number {
    return this.#nodes.cells.byteLength;
  }

  /** Bytes of those that hold nodes. */
  get usedBytes(): number {
    return this.#nodes.usedBytes;
  }

  /** Forgets every key. */
  clear(): void {
    this.#nodes.clear();
    this.#height = 0;
    this.#count = 0;
    this.#shared = 0;
    this.#appending = true;
    this.#lastLeaf = this.#nodes.allocate(0);
    this.#root = this.#lastLeaf;
  }

  /** Adds the key at `key`, which is not among the keys yet. */
  insert(key: number): void {
    const records = this.#records;
    this.#share(key);
    this.#count++;
    const start = records.keyStartAt(key);
    const end = start + records.keyLengthAt(key);
    if (!this.#appending || !this.#findEnd(start, end)) {
      this.#search(records.bytes, start, end);
      this.#appending = this.#pathNode[0] === this.#lastLeaf && this.#pathSlot[0] === this.#nodes.cells[this.#lastLeaf];
    }
    this.#place(0, this.#pathSlot[0], key, 0);
  }

  /** Writes the references in key order into `into` from `at` on. */
  list(into: Int32Array, at: number): void {
    const cells = this.#nodes.cells;
    let to = at;
    for (let leaf = this.#firstLeaf(); leaf !== 0; leaf = cells[leaf + nextAt]) {
      const end = leaf + refsAt + cells[leaf];
      for (let from = leaf + refsAt; from < end; from++) into[to++] = cells[from];
    }
  }

  first(place: KeyPlace): void {
    this.#settle(place, this.#firstLeaf(), 0);
  }

  last(place: KeyPlace): void {
    this.#settle(place, this.#lastLeaf, this.#nodes.cells[this.#lastLeaf] - 1);
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
    const cells = this.#nodes.cells;
    const end = Math.min(slot + warmKeys, cells[leaf]);
    this.#records.warm(cells, leaf + refsAt + slot, leaf + refsAt + end);
  }

  /** Sets `place` to a slot of `leaf`, or to the neighbour's where the slot lies one beyond it. */
  #settle(place: KeyPlace, leaf: number, slot: number): void {
    const cells = this.#nodes.cells;
    let atLeaf = leaf;
    let atSlot = slot;
    if (slot < 0) {
      atLeaf = cells[leaf + previousAt];
      atSlot = cells[atLeaf] - 1;
    } else if (slot >= cells[leaf]) {
      atLeaf = cells[leaf + nextAt];
      atSlot = 0;
    }
    place.leaf = atLeaf;
    place.slot = atSlot;
    place.key = atLeaf === 0 ? 0 : cells[atLeaf + refsAt + atSlot];
  }

  /** Finds the key of `place` again if keys added since have moved it. */
  #ensure(place: KeyPlace): void {
    const cells = this.#nodes.cells;
    if (place.slot < cells[place.leaf] && cells[place.leaf + refsAt + place.slot] === place.key) return;
    const start = this.#records.keyStartAt(place.key);
    this.#search(this.#records.bytes, start, start + this.#records.keyLengthAt(place.key));
    place.leaf = this.#pathNode[0];
    place.slot = this.#pathSlot[0];
  }

  #firstLeaf(): number {
    let node = this.#root;
    for (let level = this.#height; level > 0; level--) node = this.#nodes.cells[node + childrenAt];
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
      this.#pathSlot[0] = difference < 0 ? 0 : this.#nodes.cells[leaf];
      return;
    }
    this.#search(bytes, 0, bytes.length);
  }

  /** Sets the path to the first slot at or after `bytes[start, end)`, which begins with what all keys share. */
  #search(bytes: Uint8Array, start: number, end: number): void {
    const nodes = this.#nodes;
    nodes.lookFor(bytes, start, end);
    let node = this.#root;
    for (let level = this.#height; level > 0; level--) {
      const slot = nodes.rank(level, node) - 1;
      this.#pathNode[level] = node;
      this.#pathSlot[level] = slot;
      node = nodes.cells[node + childrenAt + slot];
    }
    this.#pathNode[0] = node;
    this.#pathSlot[0] = nodes.rank(0, node);
  }

  /** Sets the path to the end of the last leaf if `bytes[start, end)` of the arena sorts after every key. */
  #findEnd(start: number, end: number): boolean {
    const cells = this.#nodes.cells;
    const leaf = this.#lastLeaf;
    const count = cells[leaf];
    if (count > 0) {
      const last = cells[leaf + refsAt + count - 1];
      if (this.#records.compareKey(this.#records.bytes, start, end, last, this.#shared) < 0) return false;
    }
    this.#pathNode[0] = leaf;
    this.#pathSlot[0] = count;
    if (count === fanout) this.#pathToEnd();
    return true;
  }

  #pathToEnd(): void {
    const cells = this.#nodes.cells;
    let node = this.#root;
    for (let level = this.#height; level > 0; level--) {
      const slot = cells[node] - 1;
      this.#pathNode[level] = node;
      this.#pathSlot[level] = slot;
      node = cells[node + childrenAt + slot];
    }
  }

  /** Puts a key (and at inner levels a child) at `slot` of the path's node, splitting it first if it is full. */
  // Hot path: a record for four numbers would cost as much as the insertion.
  #place(level: number, slot: number, key: number, child: number): void {
    const node = this.#pathNode[level];
    if (this.#nodes.cells[node] < fanout) this.#nodes.put(level, node, slot, key, child);
    else this.#placeInFull(level, slot, key, child);
  }

  #placeInFull(level: number, slot: number, key: number, child: number): void {
    const nodes = this.#nodes;
    const node = this.#pathNode[level];
    const low = this.#fence(level, 0);
    const high = this.#fence(level, 1);
    const cut = nodes.cutFor(node, slot);
    const right = nodes.split(level, node, cut);
    if (node === this.#lastLeaf) this.#lastLeaf = right;
    if (slot <= cut && cut < fanout) nodes.put(level, node, slot, key, child);
    else nodes.put(level, right, slot - cut, key, child);
    const separator = nodes.cells[right + refsAt];
    this.#narrow(level, node, low, separator);
    this.#narrow(level, right, separator, high);
    if (level === this.#height) this.#raise(node);
    this.#place(level + 1, this.#pathSlot[level + 1] + 1, separator, right);
  }

  /** The separator at or below (`side` 0) or above (1) all that the path's node at `level` covers; 0 if there is none. */
  #fence(level: number, side: number): number {
    const cells = this.#nodes.cells;
    for (let above = level + 1; above <= this.#height; above++) {
      const node = this.#pathNode[above];
      const slot = this.#pathSlot[above] + side;
      if (slot > 0 && slot < cells[node]) return cells[node + refsAt + slot];
    }
    return 0;
  }

  /** Words `node`, which covers [low, high), anew if that pays. */
  #narrow(level: number, node: number, low: number, high: number): void {
    const skip = low === 0 || high === 0 ? this.#shared : this.#records.sharedPrefix(low, high, keyBytesMax);
    if (skip >= this.#nodes.cells[node + skipAt] + staleBytes) this.#nodes.reword(level, node, skip);
  }

  /** Puts a root above `node`, and the path through it. */
  #raise(node: number): void {
    this.#height++;
    this.#root = this.#nodes.allocate(this.#height);
    this.#nodes.cells[this.#root + skipAt] = this.#shared;
    this.#nodes.put(this.#height, this.#root, 0, 0, node);
    this.#pathNode[this.#height] = this.#root;
    this.#pathSlot[this.#height] = 0;
  }

  /** Notes what all keys begin with when the one at `key` is among them. */
  #share(key: number): void {
    if (this.#count === 0) {
      this.#example = key;
      this.#shared = this.#records.keyLengthAt(key);
      return;
    }
    const shared = this.#records.sharedPrefix(key, this.#example, this.#shared);
    if (shared < this.#shared) this.#shrinkShared(shared);
  }

  /** Fewer bytes are common to all keys: the outermost nodes skip no more than those. */
  #shrinkShared(shared: number): void {
    this.#shared = shared;
    const nodes = this.#nodes;
    let leftmost = this.#root;
    let rightmost = this.#root;
    for (let level = this.#height; level >= 0; level--) {
      if (nodes.cells[leftmost + skipAt] > shared) nodes.reword(level, leftmost, shared);
      if (nodes.cells[rightmost + skipAt] > shared) nodes.reword(level, rightmost, shared);
      leftmost = nodes.cells[leftmost + childrenAt];
      rightmost = nodes.cells[rightmost + childrenAt + nodes.cells[rightmost] - 1];
    }
  }
}
