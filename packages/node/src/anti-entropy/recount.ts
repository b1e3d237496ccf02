/**
 * Counts leaves from the objects themselves: all of a store that comes from a version without trees, one that a failed
 * batch has left in doubt, and whatever an operator wants proven.
 *
 * ```
 *   one leaf:       watch ▶ an empty batch: all before it is visible ▶ scan, add up ▶ changed meanwhile? again
 *                                                                          └ no: other than the tree? ▶ correct, in one turn
 *   one partition:  the same once for all its leaves; each that changed, is in doubt or differs ▶ by itself, as above
 * ```
 */
import type { Timers } from '@coterie/env';
import { addAt, HashTree, leafOf, leafStart, noSums, sumAt, type Sums, zeroSum } from '@coterie/merkle';
import { hash64 } from '@coterie/ring';
import type { Buckets } from '../buckets/buckets.ts';
import { addressAt, space, successor } from '../store/layout.ts';
import { addressSeed } from '../objects/object.ts';
import { hashOfRecord } from '../replica/stored-copy.ts';
import type { Store } from '../store/store.ts';
import { leafKey, leafKeys, encodeSum, markKey, markOf } from './leaf-record.ts';
import { stateHashOfHeader } from './state-hash.ts';
import type { LeafNumber, Trees } from './trees.ts';

/** A key of a leaf, and the hash of what is known of it. */
export interface HashedKey {
  readonly objectKey: Uint8Array;
  readonly bucket: string;
  readonly generation: number;
  readonly hash: { readonly high: number; readonly low: number };
}

/** Objects that are read at a time. */
const pageObjects = 256;
/** Objects that are counted in one turn of the event loop. */
const turnObjects = 128;
/** A leaf that is written all the time is left for later. */
const triesMax = 3;

/** Visits the objects whose tokens begin in [from, until), by their high words, in order. */
export async function* hashedKeys(store: Store, from: number, until: number): AsyncGenerator<HashedKey> {
  const end = objectBound(until);
  let next = objectBound(from);
  for (let count = pageObjects; count === pageObjects; ) {
    count = 0;
    for await (const [objectKey, record] of store.range({ gte: next, lt: end, limit: pageObjects })) {
      count += 1;
      next = successor(objectKey);
      const { bucket, generation } = addressAt(objectKey);
      yield { objectKey, bucket, generation, hash: stateHashOfHeader(hash64(objectKey), hashOfRecord(record, addressSeed(objectKey))) };
    }
  }
}

function objectBound(high: number): Uint8Array {
  if (high >= 2 ** 32) return Uint8Array.of(space.object + 1);
  return Uint8Array.of(space.object, high >>> 24, high >>> 16, high >>> 8, high);
}

/** What counting needs. */
export interface Counting {
  readonly store: Store;
  readonly trees: Trees;
  readonly buckets: Buckets;
}

/** The same where much is counted, in turns of the event loop that are short. */
export interface LongCounting extends Counting {
  readonly environment: { readonly timers: Timers };
}

/** Counts a leaf, and mends its sums if they are wrong; resolves to whether they were, or undefined if writes did not let it. */
export async function recountLeaf({ store, trees, buckets }: Counting, start: LeafNumber): Promise<boolean | undefined> {
  const { partition, leaf } = leafOf(start, trees.partitions);
  await trees.loadPartition(partition);
  const end = leafStart({ partition, leaf: leaf + 1 }, trees.partitions);
  for (let tries = 0; tries < triesMax; tries++) {
    const watch = trees.watch(start, end);
    try {
      await passAll(store);
      const sums = new Map<string, Sums>();
      for await (const { bucket, generation, hash } of hashedKeys(store, start, end)) {
        if (buckets.get(bucket).generation !== generation) continue;
        const sum = sums.get(bucket) ?? noSums(1);
        addAt(sum, 0, hash);
        sums.set(bucket, sum);
      }
      if (watch.changed.size === 0) return await correct({ store, trees, buckets }, start, sums);
    } finally {
      trees.unwatch(watch);
    }
  }
  return undefined;
}

/** Resolves when everything that was committed before is visible: batches take effect in order. */
async function passAll(store: Store): Promise<void> {
  const batch = store.batch();
  // No record has this key: removing it changes nothing, and a batch of nothing would not wait its turn.
  batch.delete(leafKeys.from);
  await batch.commit({ durable: false });
}

async function correct({ store, trees, buckets }: Counting, start: LeafNumber, counted: ReadonlyMap<string, Sums>): Promise<boolean> {
  const { partition, leaf } = leafOf(start, trees.partitions);
  const wasDoubtful = trees.doubtful.delete(start);
  const batch = store.batch();
  let isWrong = false;
  for (const name of new Set([...trees.of(partition).keys(), ...counted.keys()])) {
    const bucket = buckets.get(name);
    const sum = sumAt(counted.get(name) ?? noSums(1), 0);
    const known = trees.of(partition).get(name);
    const held = known?.generation === bucket.generation ? known.tree.leaf(leaf) : { high: 0, low: 0 };
    const differs = held.high !== sum.high || held.low !== sum.low;
    if (!differs && !wasDoubtful) continue;
    isWrong ||= differs;
    trees.correct(batch, start, { bucket, sum });
  }
  try {
    await batch.commit({ durable: false });
  } catch (error) {
    trees.doubtful.add(start);
    throw error;
  }
  return isWrong;
}

/**
 * Sees to it that every leaf of the store has its record. One that was made by a version without trees, or with others,
 * is counted once, before anybody writes to it.
 */
export async function prepareTrees(store: Store, partitions: number): Promise<void> {
  const mark = markOf(partitions);
  const found = await store.get(markKey);
  if (found !== undefined && found.length === mark.length && found.every((byte, at) => byte === mark[at])) return;
  const first = store.batch();
  first.delete(markKey);
  first.deleteRange(leafKeys.from, leafKeys.to);
  await first.commit({ durable: false });
  await countAll(store, partitions);
  const last = store.batch();
  last.put(markKey, mark);
  await last.commit({ durable: true });
}

/** Has all leaves counted when the store is next opened: some of their records may be gone. Durable when it resolves. */
export async function distrustTrees(store: Store): Promise<void> {
  const batch = store.batch();
  batch.delete(markKey);
  await batch.commit({ durable: true });
}

async function countAll(store: Store, partitions: number): Promise<void> {
  let sums = new Map<string, { readonly key: Uint8Array; readonly sum: Sums }>();
  let current = -1;
  const write = async (): Promise<void> => {
    if (sums.size === 0) return;
    const batch = store.batch();
    for (const { key, sum } of sums.values()) batch.put(key, encodeSum(sumAt(sum, 0)));
    sums = new Map();
    await batch.commit({ durable: false });
  };
  for await (const { objectKey, bucket, generation, hash } of hashedKeys(store, 0, 2 ** 32)) {
    const start = leafAt(objectKey, partitions);
    if (start !== current) await write();
    current = start;
    const id = `${generation}/${bucket}`;
    // A copy: what is kept for long must not keep the chunk that it was cut from.
    const entry = sums.get(id) ?? {
      key: leafKey(start, { nameBytes: new TextEncoder().encode(bucket), generation }).slice(),
      sum: noSums(1),
    };
    addAt(entry.sum, 0, hash);
    sums.set(id, entry);
  }
  await write();
}

/** Counts every leaf of a partition that has objects or sums: wrong ones, and those that writes did not let it count. */
export async function recountPartition(
  counting: LongCounting,
  partition: number,
): Promise<{ readonly wrong: number; readonly left: number }> {
  const { store, trees } = counting;
  await trees.loadPartition(partition);
  const [from, until] = [partition, partition + 1].map((at) => leafStart({ partition: at, leaf: 0 }, trees.partitions));
  const watch = trees.watch(from, until);
  let suspects: ReadonlySet<LeafNumber>;
  try {
    await passAll(store);
    const counted = await countPartition(counting, from, until);
    suspects = new Set([...watch.changed, ...doubtfulIn(trees, from, until), ...differingFrom(counting, partition, counted)]);
  } finally {
    trees.unwatch(watch);
  }
  let [wrong, left] = [0, 0];
  for (const start of suspects) {
    const isWrong = await recountLeaf(counting, start);
    if (isWrong === undefined) left += 1;
    else if (isWrong) wrong += 1;
  }
  return { wrong, left };
}

/** Sums by bucket over the objects of a partition, which are those from one word to the other. */
async function countPartition(
  { store, trees, buckets, environment }: LongCounting,
  from: LeafNumber,
  until: LeafNumber,
): Promise<ReadonlyMap<string, HashTree>> {
  const counted = new Map<string, HashTree>();
  let count = 0;
  for await (const { objectKey, bucket, generation, hash } of hashedKeys(store, from, until)) {
    if (++count % turnObjects === 0) await environment.timers.turn();
    if (buckets.get(bucket).generation !== generation) continue;
    const tree = counted.get(bucket) ?? new HashTree();
    counted.set(bucket, tree);
    tree.change(leafOf(highOf(objectKey), trees.partitions).leaf, zeroSum, hash);
  }
  return counted;
}

function doubtfulIn({ doubtful }: Trees, from: LeafNumber, until: LeafNumber): LeafNumber[] {
  return [...doubtful].filter((start) => start >= from && start < until);
}

/** Leaves of a partition that have another sum than was counted. */
function differingFrom({ trees, buckets }: Counting, partition: number, counted: ReadonlyMap<string, HashTree>): LeafNumber[] {
  const held = trees.of(partition);
  return [...new Set([...held.keys(), ...counted.keys()])].flatMap((name) => {
    const known = held.get(name);
    const own = known?.generation === buckets.get(name).generation ? known.tree : new HashTree();
    const seen = counted.get(name) ?? new HashTree();
    const leaves = [...new Set([...own.leavesInUse(), ...seen.leavesInUse()])];
    return leaves
      .filter((leaf) => own.leaf(leaf).high !== seen.leaf(leaf).high || own.leaf(leaf).low !== seen.leaf(leaf).low)
      .map((leaf) => leafStart({ partition, leaf }, trees.partitions));
  });
}

/** The first word of the leaf of an object's key. */
function leafAt(objectKey: Uint8Array, partitions: number): LeafNumber {
  return leafStart(leafOf(highOf(objectKey), partitions), partitions);
}

function highOf(objectKey: Uint8Array): number {
  return new DataView(objectKey.buffer, objectKey.byteOffset).getUint32(1);
}
