/** Replicas as sets of hashes, and a wire between two of them that counts what it carries. */
import {
  answerLeaves,
  answerRoots,
  type AskedGroup,
  type DifferingPartition,
  fanOut,
  HashTree,
  leafCount,
  type ListedLeaves,
  noSums,
  type OtherSide,
  type Side,
  type Sum64,
  sumBytes,
  type Sums,
  sumsOf,
  zeroSum,
} from '../src/index.ts';

/** Bytes that a small integer and the frame of a list may take on the wire. */
const numberBytes = 5;

/** A replica that holds hashes by leaf. */
export class SimulatedReplica implements Side {
  readonly #trees = new Map<number, HashTree>();
  readonly #leaves = new Map<number, Sum64[]>();
  listed = 0;

  add(partition: number, leaf: number, hash: Sum64): void {
    this.#tree(partition).change(leaf, zeroSum, hash);
    const keys = this.#leaves.get(partition * leafCount + leaf);
    if (keys === undefined) this.#leaves.set(partition * leafCount + leaf, [hash]);
    else keys.push(hash);
  }

  remove(partition: number, leaf: number, hash: Sum64): void {
    this.#tree(partition).change(leaf, hash, zeroSum);
    const keys = this.#leaves.get(partition * leafCount + leaf) ?? [];
    keys.splice(
      keys.findIndex(({ high, low }) => high === hash.high && low === hash.low),
      1,
    );
  }

  root(partition: number): Sum64 {
    return this.#tree(partition).root;
  }

  groups(partition: number): Sums {
    const groups = noSums(fanOut);
    this.#tree(partition).addGroupsTo(groups);
    return groups;
  }

  leaves(partition: number, group: number): Sums {
    const leaves = noSums(fanOut);
    this.#tree(partition).addLeavesTo(leaves, group);
    return leaves;
  }

  hashes(partition: number, leaf: number): Promise<Sums> {
    this.listed += 1;
    return Promise.resolve(sumsOf(this.#leaves.get(partition * leafCount + leaf) ?? []));
  }

  #tree(partition: number): HashTree {
    const tree = this.#trees.get(partition) ?? new HashTree();
    this.#trees.set(partition, tree);
    return tree;
  }
}

/** Asks a replica and counts. */
export class CountingWire implements OtherSide {
  trips = 0;
  bytes = 0;
  readonly #there: SimulatedReplica;

  constructor(there: SimulatedReplica) {
    this.#there = there;
  }

  async compareRoots(partitions: readonly number[], roots: Sums): Promise<readonly DifferingPartition[]> {
    const answer = answerRoots(this.#there, partitions, roots);
    this.#count(partitions.length * (numberBytes + sumBytes) + answer.length * (numberBytes + fanOut * sumBytes));
    return answer;
  }

  async compareLeaves(groups: readonly AskedGroup[]): Promise<ListedLeaves> {
    const answer = await answerLeaves(this.#there, groups);
    const listed = answer.leaves.reduce((sum, { hashes }) => sum + 2 * numberBytes + (hashes.length / 2) * sumBytes, 0);
    this.#count(groups.length * (2 * numberBytes + fanOut * sumBytes) + listed);
    return answer;
  }

  #count(bytes: number): void {
    this.trips += 1;
    this.bytes += bytes;
  }
}
