/**
 * Collections of what comes and goes within milliseconds: operations under way, locks, questions without an answer.
 *
 * A `Map` or `Set` whose entries come and go makes its table anew every so often, and V8 has each table point to the next. One
 * of them that has become old keeps all that follow it, with everything that was in them, until the next full collection:
 * what ended long ago is copied, and copied again. Here nothing outlives its removal, and no table is made anew but to grow.
 *
 * ```
 *  set:  [a, b, c, d]  remove b ▶ [a, d, c]            each item knows its position
 *  map:  [ , [a], , [b, c], …]   one short list for all items whose hashes end alike
 * ```
 */

/** An item of a `ShortLivedSet`, which keeps its place in it. */
export interface Placed {
  /** -1 outside a set. Only the set changes it. */
  position: number;
}

/** Items in no order. An item is in one set at a time. */
export class ShortLivedSet<Item extends Placed> {
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** Adds an item that is in no set. */
  add(item: Item): void {
    item.position = this.#items.length;
    this.#items.push(item);
  }

  /** Removes an item; false if it is not in this set (any more). */
  remove(item: Item): boolean {
    const { position } = item;
    if (this.#items[position] !== item) return false;
    const last = this.#items.pop();
    if (last !== undefined && last !== item) {
      this.#items[position] = last;
      last.position = position;
    }
    item.position = -1;
    return true;
  }

  /** The items of now: it may change while they are gone through. */
  list(): Item[] {
    return [...this.#items];
  }
}

/** An item of a `ShortLivedMap`. */
export interface Identified<Id> {
  readonly id: Id;
}

const bucketsFirst = 64;
/** With more items a bucket on average there are four times as many buckets. */
const itemsPerBucketMax = 4;

/** Items by their ids. */
export class ShortLivedMap<Id extends string | number, Item extends Identified<Id>> {
  #buckets: Item[][] = emptyBuckets(bucketsFirst);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The item with this id. */
  get(id: Id): Item | undefined {
    for (const item of this.#bucketOf(id)) if (item.id === id) return item;
    return undefined;
  }

  /** Adds an item whose id no other here has. */
  add(item: Item): void {
    if (this.#size === itemsPerBucketMax * this.#buckets.length) this.#grow();
    this.#bucketOf(item.id).push(item);
    this.#size += 1;
  }

  /** Removes the item with this id, and returns it. */
  remove(id: Id): Item | undefined {
    const bucket = this.#bucketOf(id);
    for (let at = 0; at < bucket.length; at++) {
      const item = bucket[at];
      if (item.id !== id) continue;
      const last = bucket.pop();
      if (last !== undefined && last !== item) bucket[at] = last;
      this.#size -= 1;
      return item;
    }
    return undefined;
  }

  /** The items of now, in no order. */
  list(): Item[] {
    return this.#buckets.flat();
  }

  #bucketOf(id: Id): Item[] {
    return this.#buckets[hashOf(id) & (this.#buckets.length - 1)];
  }

  #grow(): void {
    const items = this.list();
    this.#buckets = emptyBuckets(4 * this.#buckets.length);
    for (const item of items) this.#bucketOf(item.id).push(item);
  }
}

function emptyBuckets(count: number): never[][] {
  return Array.from({ length: count }, () => []);
}

/** Of a long string its two ends. */
const endChars = 32;

function hashOf(id: string | number): number {
  if (typeof id === 'number') return id;
  let hash = id.length;
  const first = Math.min(id.length, endChars);
  for (let at = 0; at < first; at++) hash = (Math.imul(hash, 31) + id.charCodeAt(at)) | 0;
  for (let at = Math.max(first, id.length - endChars); at < id.length; at++) hash = (Math.imul(hash, 31) + id.charCodeAt(at)) | 0;
  return hash ^ (hash >>> 15);
}
