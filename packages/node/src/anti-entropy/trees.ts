/**
 * The trees of this store: for each partition and bucket the sums of its leaves, in memory as they are once everything
 * that was committed is done, on disk as of each batch. Every change of an object passes through `change`, in the turn in
 * which its batch is committed: so the order of sums is the order of the log.
 *
 * ```
 *   partition ──not loaded──▶ its leaf records are read, once, when it is first changed or compared ──▶ loaded
 *
 *   change:  leaf += hash(after) - hash(before)      batch ◀── the leaf's record, with the sum as it is now
 *   failed:  the batch did not happen, and later ones may have written sums that count it: the leaf is counted anew
 * ```
 *
 * A tree belongs to a bucket, not to a number of copies, and trees add up: what two members share is the sum of the
 * trees of the buckets that both hold. So a bucket's n can change without any tree being made anew, and a dropped
 * generation goes with its records. Memory: some 16 bytes a key while leaves have few, 32 KB a partition and bucket at
 * most (`HashTree`).
 */
import { HashTree, leafOf, leafStart, type Sum64 } from '@coterie/merkle';
import { type Hash64, hash64 } from '@coterie/ring';
import { successor } from '../store/layout.ts';
import type { CausalObject } from '../objects/object.ts';
import type { Place } from '../replica/replica.ts';
import type { Store, StoreBatch } from '../store/store.ts';
import { decodeLeaf, encodePassingSum, leafBound, leafKey, type LeafScope, passingLeafKey } from './leaf-record.ts';
import { stateHashOf, stateHashOfHeader } from './state-hash.ts';

/** One bucket's tree in one partition. */
export interface BucketTree {
  readonly generation: number;
  readonly tree: HashTree;
}

/** The trees of one partition, by bucket. */
export type PartitionTrees = ReadonlyMap<string, BucketTree>;

/** What a key was and what it is. */
export interface ObjectChange {
  readonly before: CausalObject;
  readonly after: CausalObject;
  /** `hashOf` what it was, where that is at hand. */
  readonly hashBefore?: Hash64 | undefined;
}

/** A leaf on the whole ring: partition and leaf in one number. */
export type LeafNumber = number;

/** Leaves of which somebody wants to know whether they change. */
export interface LeafWatch {
  /** From the first, to the one after the last. */
  readonly from: LeafNumber;
  readonly until: LeafNumber;
  /** Those that changed since. */
  readonly changed: Set<LeafNumber>;
}

/** The trees of one generation of a bucket, by partition. */
interface ChangedTrees {
  readonly generation: number;
  readonly trees: (HashTree | undefined)[];
}

/** Leaf records that are read at a time. */
const pageRecords = 1024;
/** Leaves to be counted anew that are remembered; past that, comparing finds them. */
const doubtfulMax = 65_536;

/** How the record of a leaf gets into the batch of the object: `writeLeaf`. The key is good during the call. */
export type WriteLeaf = (batch: StoreBatch, key: Uint8Array, sum: Sum64) => void;

/** All trees of a store. */
export class Trees {
  readonly partitions: number;
  readonly #store: Store;
  readonly #loaded: (Map<string, BucketTree> | undefined)[] = [];
  readonly #loading = new Map<number, Promise<void>>();
  /** The same trees by bucket, then by partition, as far as they were changed: the way there is short. */
  readonly #changed = new Map<string, ChangedTrees>();
  /** Leaves whose sum on disk may count a batch that failed, by the high word of their first token. */
  readonly doubtful: Set<LeafNumber> = new Set();
  /** Whoever counts leaves learns here which changed meanwhile. */
  readonly #watches = new Set<LeafWatch>();

  readonly #write: WriteLeaf;
  /** Batches that failed since the start. */
  failures = 0;

  /** `partitions`: of the ring. The store's mark was checked before. */
  constructor(store: Store, { partitions, write }: { readonly partitions: number; readonly write: WriteLeaf }) {
    this.#store = store;
    this.partitions = partitions;
    this.#write = write;
  }

  /** The key of the record of the leaf that holds this token. */
  recordKey(high: number, scope: LeafScope): Uint8Array {
    return leafKey(leafStart(leafOf(high, this.partitions), this.partitions), scope);
  }

  /** Reads the trees of the partition of this token; undefined if they are there already. */
  load(high: number): Promise<void> | undefined {
    return this.loadPartition(Math.floor(high / (2 ** 32 / this.partitions)));
  }

  /** Reads the trees of a partition; undefined if they are there already. */
  loadPartition(partition: number): Promise<void> | undefined {
    if (this.#loaded[partition] !== undefined) return undefined;
    let loading = this.#loading.get(partition);
    if (loading === undefined) {
      loading = this.#load(partition).finally(() => this.#loading.delete(partition));
      this.#loading.set(partition, loading);
    }
    return loading;
  }

  /** The trees of a partition that was loaded. */
  of(partition: number): PartitionTrees {
    const trees = this.#loaded[partition];
    if (trees === undefined) throw new Error('assertion failed: a partition is loaded before its trees are used');
    return trees;
  }

  /** Takes a change in, and adds the leaf's record to its batch, which the caller commits in this turn. */
  change(batch: StoreBatch, { address, bucket }: Place, { before, after, hashBefore }: ObjectChange): void {
    const { objectKey, generation, token } = address;
    const place = leafOf(token.high, this.partitions);
    const tree = this.#treeToChange(place.partition, bucket.name, generation);
    if (tree === undefined) return;
    const key = hash64(objectKey);
    // The new copy was encoded a moment ago, and its header is at hand.
    const hashAfter = stateHashOf(key, after);
    const known = hashBefore === undefined ? stateHashOf(key, before) : stateHashOfHeader(key, hashBefore);
    const sum = tree.change(place.leaf, known, hashAfter);
    const start = leafStart(place, this.partitions);
    this.#touch(start);
    this.#write(batch, passingLeafKey(start, { nameBytes: bucket.nameBytes, generation }), sum);
  }

  /** The batch of a change may not have happened. */
  failed({ address }: Place): void {
    this.failures += 1;
    const start = leafStart(leafOf(address.token.high, this.partitions), this.partitions);
    if (this.doubtful.size < doubtfulMax) this.doubtful.add(start);
    this.#touch(start);
  }

  /** From now on `changed` gathers the leaves that change of those that start at [from, until). */
  watch(from: LeafNumber, until: LeafNumber): LeafWatch {
    const watch = { from, until, changed: new Set<LeafNumber>() };
    this.#watches.add(watch);
    return watch;
  }

  /** Nothing is gathered there any more. */
  unwatch(watch: LeafWatch): void {
    this.#watches.delete(watch);
  }

  /** Gives a leaf the sum that was counted, here and in `batch`. Undefined for a generation that is gone. */
  correct(batch: StoreBatch, start: LeafNumber, counted: { readonly bucket: Place['bucket']; readonly sum: Sum64 }): void {
    const { bucket, sum } = counted;
    const { partition, leaf } = leafOf(start, this.partitions);
    this.#treeOf(partition, bucket.name, bucket.generation)?.set(leaf, sum);
    writeLeaf(batch, leafKey(start, bucket), sum);
  }

  #touch(start: LeafNumber): void {
    if (this.#watches.size === 0) return;
    for (const { from, until, changed } of this.#watches) if (start >= from && start < until) changed.add(start);
  }

  /** `#treeOf` for every write: few steps, as each may wait for memory. */
  #treeToChange(partition: number, bucket: string, generation: number): HashTree | undefined {
    const changed = this.#changed.get(bucket);
    const known = changed?.generation === generation ? changed.trees[partition] : undefined;
    return known ?? this.#treeOf(partition, bucket, generation);
  }

  /** The tree of a bucket's generation; undefined when a newer one has begun. */
  #treeOf(partition: number, bucket: string, generation: number): HashTree | undefined {
    const trees = this.#loaded[partition];
    if (trees === undefined) throw new Error('assertion failed: a partition is loaded before its trees are changed');
    const tree = treeIn(trees, bucket, generation);
    if (tree !== undefined) this.#shorten(partition, bucket, { generation, tree });
    return tree;
  }

  /** Has `#treeToChange` find this tree, and of older generations none. */
  #shorten(partition: number, bucket: string, { generation, tree }: BucketTree): void {
    const known = this.#changed.get(bucket);
    if (known !== undefined && known.generation > generation) return;
    const changed = known?.generation === generation ? known : { generation, trees: Array.from<undefined>({ length: this.partitions }) };
    changed.trees[partition] = tree;
    this.#changed.set(bucket, changed);
  }

  async #load(partition: number): Promise<void> {
    const trees = new Map<string, BucketTree>();
    const until = leafBound({ partition: partition + 1, leaf: 0 }, this.partitions);
    let from = leafBound({ partition, leaf: 0 }, this.partitions);
    for (let count = pageRecords; count === pageRecords; ) {
      count = 0;
      for await (const [key, value] of this.#store.range({ gte: from, lt: until, limit: pageRecords })) {
        const { high, bucket, generation, sum } = decodeLeaf(key, value);
        treeIn(trees, bucket, generation)?.set(leafOf(high, this.partitions).leaf, sum);
        count += 1;
        from = successor(key);
      }
    }
    this.#loaded[partition] = trees;
  }
}

function treeIn(trees: Map<string, BucketTree>, bucket: string, generation: number): HashTree | undefined {
  const known = trees.get(bucket);
  if (known !== undefined && known.generation >= generation) return known.generation === generation ? known.tree : undefined;
  const tree = new HashTree();
  trees.set(bucket, { generation, tree });
  return tree;
}

/** Adds the record of a leaf to a batch, or its end if it has no keys. */
export function writeLeaf(batch: StoreBatch, key: Uint8Array, sum: Sum64): void {
  if (sum.high === 0 && sum.low === 0) batch.delete(key);
  else batch.put(key, encodePassingSum(sum));
}
