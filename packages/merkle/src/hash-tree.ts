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
 * Few leaves in use lie in a table of open addressing, 10 bytes a slot; from `denseFrom` on they lie side by side, 32 KB.
 * Invariant: the root is the sum of the leaves.
 */
import { fanOut, leafCount } from './leaves.ts';
import { addAt, noSums, type Sum64, sumAt, type Sums, subtractAt } from './sums.ts';

/** A table of so many slots or more would save nothing. */
const denseFrom: number = leafCount;
const slotsMin = 8;

/** Sums of the leaves of one partition. */
export class HashTree {
  readonly #root: Sums = noSums(1);
  /** Leaf number + 1 of each slot, 0 for a free one; undefined when dense. */
  #slots: Uint16Array | undefined = new Uint16Array(slotsMin);
  /** By slot, or by leaf when dense. */
  #sums: Sums = noSums(slotsMin);
  #used = 0;

  /** The sum of all leaves. */
  get root(): Sum64 {
    return sumAt(this.#root, 0);
  }

  /** Bytes of the tables. */
  get bytes(): number {
    return (this.#slots?.byteLength ?? 0) + this.#sums.byteLength;
  }

  /** The sum of a leaf. */
  leaf(leaf: number): Sum64 {
    const slot = this.#find(leaf);
    return this.#isFree(slot) ? { high: 0, low: 0 } : sumAt(this.#sums, slot);
  }

  /** A key of this leaf that had the hash `before` has `after` now; each is zero for a key that is not there. */
  change(leaf: number, before: Sum64, after: Sum64): void {
    const slot = this.#take(leaf);
    subtractAt(this.#sums, slot, before);
    addAt(this.#sums, slot, after);
    subtractAt(this.#root, 0, before);
    addAt(this.#root, 0, after);
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
    const places = this.#slots?.length ?? leafCount;
    for (let slot = 0; slot < places; slot++) {
      if (!this.#isFree(slot)) each(this.#slots === undefined ? slot : this.#slots[slot] - 1, sumAt(this.#sums, slot));
    }
  }

  #isFree(slot: number): boolean {
    return this.#slots !== undefined && this.#slots[slot] === 0;
  }

  /** The leaf's slot, or the free one where it would be. */
  #find(leaf: number): number {
    const slots = this.#slots;
    if (slots === undefined) return leaf;
    const mask = slots.length - 1;
    let slot = leaf & mask;
    while (slots[slot] !== 0 && slots[slot] !== leaf + 1) slot = (slot + 1) & mask;
    return slot;
  }

  /** The leaf's slot, taken if it was free. */
  #take(leaf: number): number {
    const slot = this.#find(leaf);
    if (!this.#isFree(slot)) return slot;
    const slots = this.#slots as Uint16Array;
    if (4 * (this.#used + 1) > 3 * slots.length) {
      this.#makeRoom(slots.length);
      return this.#take(leaf);
    }
    slots[slot] = leaf + 1;
    this.#used += 1;
    return slot;
  }

  /** Leaves that have become zero are left behind; if they were half of all, the table need not grow. */
  #makeRoom(places: number): void {
    const leaves: [leaf: number, sum: Sum64][] = [];
    this.#forEach((leaf, sum) => {
      if (sum.high !== 0 || sum.low !== 0) leaves.push([leaf, sum]);
    });
    const next = 2 * leaves.length >= places ? 2 * places : places;
    this.#slots = next >= denseFrom ? undefined : new Uint16Array(next);
    this.#sums = noSums(next);
    this.#used = 0;
    for (const [leaf, sum] of leaves) addAt(this.#sums, this.#take(leaf), sum);
  }
}
