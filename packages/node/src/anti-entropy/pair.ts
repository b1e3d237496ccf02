/**
 * What two members both hold, as each of them knows by the ring and the buckets alone: partitions that both are in the
 * list of, and in each the buckets whose number of copies reaches the later of the two.
 *
 * ```
 *   list of partition 75:  n2 n5 n1      n2 and n5 share buckets of two copies and more, n2 and n1 those of three
 * ```
 *
 * A partition that moves is left to those who carry the change through.
 */
import { addAt, fanOut, leafStart, noSums, type Side, type Sum64, sumAt, type Sums, sumsOf } from '@coterie/merkle';
import type { Buckets } from '../buckets/buckets.ts';
import { changeOf, type ClusterState, isBarred } from '../cluster/state.ts';
import type { Store } from '../store/store.ts';
import { type HashedKey, hashedKeys } from './recount.ts';
import type { BucketTree, Trees } from './trees.ts';

/** Partitions that both members hold and that stay where they are, in order. */
export function sharedPartitions(state: ClusterState, a: string, b: string): number[] {
  const { replicas } = state.ring;
  return replicas.flatMap((_, partition) => (copiesShared(state, partition, [a, b]) === undefined ? [] : [partition]));
}

/** From how many copies on a bucket's keys in this partition are at both; undefined if none are, or they move. */
export function copiesShared(state: ClusterState, partition: number, pair: readonly [string, string]): number | undefined {
  const { members, replicas } = state.ring;
  const holders = replicas[partition];
  if (holders === undefined || changeOf(state, partition) !== undefined) return undefined;
  const places = pair.map((id) => holders.findIndex((position) => members[position]?.id === id));
  return places.includes(-1) ? undefined : Math.max(...places) + 1;
}

// Asked for several times a second, of rings of thousands of partitions, and the same until the state is another one.
const found = new WeakMap<ClusterState, { readonly self: string; readonly ids: readonly string[] }>();

/** Members that hold something together with this one, sorted. */
export function sharersOf(state: ClusterState, self: string): readonly string[] {
  const known = found.get(state);
  if (known?.self === self) return known.ids;
  const ids = findSharers(state, self);
  found.set(state, { self, ids });
  return ids;
}

function findSharers(state: ClusterState, self: string): string[] {
  const { members, replicas } = state.ring;
  const own = members.findIndex(({ id }) => id === self);
  const sharers = new Set<number>();
  for (const holders of replicas) {
    if (holders.includes(own)) for (const holder of holders) if (holder !== own) sharers.add(holder);
  }
  const ids = [...sharers].map((position) => members[position].id);
  return ids.filter((id) => !isBarred(state, id)).sort();
}

/** What a pair is made of. */
export interface PairParts {
  readonly trees: Trees;
  readonly store: Store;
  readonly buckets: Buckets;
  readonly state: ClusterState;
  readonly pair: readonly [string, string];
}

/** This store's side of a pair. Partitions are loaded before they are asked for. */
export class PairSide implements Side {
  readonly #parts: PairParts;
  /** From how many copies on both hold a bucket, by partition: asked for with every key, and the same as long as the state is. */
  readonly #copies = new Map<number, number>();

  constructor(parts: PairParts) {
    this.#parts = parts;
  }

  /** Resolves when the trees of these partitions are in memory. */
  async load(partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) {
      const loading = this.#parts.trees.loadPartition(partition);
      if (loading !== undefined) await loading;
    }
  }

  root(partition: number): Sum64 {
    const root = noSums(1);
    for (const { tree } of this.#shared(partition)) addAt(root, 0, tree.root);
    return sumAt(root, 0);
  }

  groups(partition: number): Sums {
    const groups = noSums(fanOut);
    for (const { tree } of this.#shared(partition)) tree.addGroupsTo(groups);
    return groups;
  }

  leaves(partition: number, group: number): Sums {
    const leaves = noSums(fanOut);
    for (const { tree } of this.#shared(partition)) tree.addLeavesTo(leaves, group);
    return leaves;
  }

  async hashes(partition: number, leaf: number): Promise<Sums> {
    return sumsOf((await this.keys(partition, leaf)).map(({ hash }) => hash));
  }

  /** The shared keys of a leaf, in order. */
  async keys(partition: number, leaf: number): Promise<HashedKey[]> {
    const { store, trees } = this.#parts;
    const [from, until] = [leaf, leaf + 1].map((at) => leafStart({ partition, leaf: at }, trees.partitions));
    const keys: HashedKey[] = [];
    for await (const key of hashedKeys(store, from, until)) {
      if (this.#isShared(partition, key.bucket, key.generation)) keys.push(key);
    }
    return keys;
  }

  *#shared(partition: number): Generator<BucketTree> {
    for (const [bucket, tree] of this.#parts.trees.of(partition)) {
      if (this.#isShared(partition, bucket, tree.generation)) yield tree;
    }
  }

  #isShared(partition: number, name: string, generation: number): boolean {
    const bucket = this.#parts.buckets.get(name);
    return bucket.generation === generation && bucket.properties.n >= this.#copiesFrom(partition);
  }

  #copiesFrom(partition: number): number {
    const known = this.#copies.get(partition);
    if (known !== undefined) return known;
    const copies = copiesShared(this.#parts.state, partition, this.#parts.pair) ?? Infinity;
    this.#copies.set(partition, copies);
    return copies;
  }
}
