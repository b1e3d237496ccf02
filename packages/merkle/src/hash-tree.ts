/**
 * The tree over one partition's keys of one bucket: a wrapping 64-bit sum for each leaf, of a hash for each key's state.
 * A change of one key changes one leaf by what the key was and what it is; nothing else is looked at.
 *
 * ```
 *   root = sum of all      group g = sum of leaves [64 g, 64 g + 64)      leaf = sum over its keys of hash(key, state)
 * ```
 *
 * Only leaves (and the root) are kept: groups are added up when they are compared. Because sums add, the tree of several
 * buckets is the sum of their trees. (Merkle, 1987, for the shape; sums instead of hashes of children, so that a change
 * costs no rehashing: Bellare and Micciancio's *AdHash*, 1997. It guards against accidents, not against forgers.)
 *
 * ```
 *   few leaves in use    root high │ root low │ leaf number + 1, or 0 │ high │ low │ …     open addressing, 12 bytes a slot
 *   from `denseFrom` on  root high │ root low │ high │ low of leaf 0 │ high │ low of leaf 1 │ …            32 KB
 * ```
 *
 * All in one table, which many trees have in one array (`tables.ts`): writes come to trees in no order, and what a change
 * costs is the memory that it has to wait for. Invariant: the root is the sum of the leaves.
 */
import { fanOut, leafCount } from './leaves.ts';
import { addAt, type Sum64, type Sums } from './sums.ts';
import { giveBack, takeTable } from './tables.ts';

/** A table of so many slots or more would save nothing. */
const denseFrom: number = leafCount;
const slotsMin = 8;
const rootWords = 2;
const sumWords = 2;
const slotWords = 3;

/** Sums of the leaves of one partition. */
export class HashTree {
  /** The table is `#words[#root, …)`. */
  #words: Uint32Array;
  #root: number;
  /** Slots of the table, a power of two; 0 when dense. */
  #slots: number = slotsMin;
  #used = 0;

  constructor() {
    const { words, at } = takeTable(wordsFor(slotsMin));
    this.#words = words;
    this.#root = at;
  }

  /** The sum of all leaves. */
  get root(): Sum64 {
    return this.#sumAt(this.#root);
  }

  /** Bytes of the table. */
  get bytes(): number {
    return 4 * wordsFor(this.#slots);
  }

  /** The sum of a leaf. */
  leaf(leaf: number): Sum64 {
    // A free slot has a sum of zero.
    return this.#sumAt(this.#find(leaf));
  }

  /**
   * A key of this leaf that had the hash `before` has `after` now; each is zero for a key that is not there. Returns the
   * sum of the leaf as it is then.
   */
  change(leaf: number, before: Sum64, after: Sum64): Sum64 {
    const at = this.#take(leaf);
    const difference = after.low - before.low;
    const low = difference >>> 0;
    const high = (after.high - before.high - (difference < 0 ? 1 : 0)) >>> 0;
    this.#add(this.#root, high, low);
    this.#add(at, high, low);
    return this.#sumAt(at);
  }

  /** Leaves whose sum is not zero. */
  leavesInUse(): number[] {
    const leaves: number[] = [];
    this.#forEach((leaf, { high, low }) => {
      if (high !== 0 || low !== 0) leaves.push(leaf);
    });
    return leaves;
  }

  /** Gives the leaf this sum, whatever it had. */
  set(leaf: number, sum: Sum64): void {
    this.change(leaf, this.leaf(leaf), sum);
  }

  /** Adds this tree's groups to a row of `fanOut` sums. */
  addGroupsTo(groups: Sums): void {
    this.#forEach((leaf, sum) => addAt(groups, Math.floor(leaf / fanOut), sum));
  }

  /** Adds the leaves of a group to a row of `fanOut` sums. */
  addLeavesTo(leaves: Sums, group: number): void {
    for (let at = 0; at < fanOut; at++) addAt(leaves, at, this.leaf(group * fanOut + at));
  }

  #forEach(each: (leaf: number, sum: Sum64) => void): void {
    const first = this.#root + rootWords;
    if (this.#slots === 0) {
      for (let leaf = 0; leaf < leafCount; leaf++) each(leaf, this.#sumAt(first + sumWords * leaf));
      return;
    }
    const end = first + slotWords * this.#slots;
    for (let at = first; at < end; at += slotWords) {
      if (this.#words[at] !== 0) each(this.#words[at] - 1, this.#sumAt(at + 1));
    }
  }

  #sumAt(at: number): Sum64 {
    return { high: this.#words[at], low: this.#words[at + 1] };
  }

  #add(at: number, high: number, low: number): void {
    const words = this.#words;
    const sum = words[at + 1] + low;
    words[at + 1] = sum;
    words[at] += high + (sum > 0xffffffff ? 1 : 0);
  }

  /** Where the sum of the leaf is, or in a free slot would be. */
  #find(leaf: number): number {
    const first = this.#root + rootWords;
    if (this.#slots === 0) return first + sumWords * leaf;
    const words = this.#words;
    const mask = this.#slots - 1;
    for (let slot = leaf & mask; ; slot = (slot + 1) & mask) {
      const at = first + slotWords * slot;
      if (words[at] === 0 || words[at] === leaf + 1) return at + 1;
    }
  }

  /** The same in a slot that is the leaf's from now on. */
  #take(leaf: number): number {
    const at = this.#find(leaf);
    if (this.#slots === 0 || this.#words[at - 1] !== 0) return at;
    if (4 * (this.#used + 1) > 3 * this.#slots) {
      this.#makeRoom();
      return this.#take(leaf);
    }
    this.#words[at - 1] = leaf + 1;
    this.#used += 1;
    return at;
  }

  /** Leaves that have become zero are left behind; if they were half of all, the table need not grow. */
  #makeRoom(): void {
    const leaves: [leaf: number, sum: Sum64][] = [];
    this.#forEach((leaf, sum) => {
      if (sum.high !== 0 || sum.low !== 0) leaves.push([leaf, sum]);
    });
    const { high, low } = this.root;
    const next = 2 * leaves.length >= this.#slots ? 2 * this.#slots : this.#slots;
    giveBack({ words: this.#words, at: this.#root }, wordsFor(this.#slots));
    this.#slots = next >= denseFrom ? 0 : next;
    const { words, at } = takeTable(wordsFor(this.#slots));
    this.#words = words;
    this.#root = at;
    this.#used = 0;
    this.#add(at, high, low);
    for (const [leaf, sum] of leaves) this.#add(this.#take(leaf), sum.high, sum.low);
  }
}

/** Words of a table of so many slots, 0 for the dense one. */
function wordsFor(slots: number): number {
  return rootWords + (slots === 0 ? sumWords * leafCount : slotWords * slots);
}
