/**
 * The last step: which of a partition's holders is first, second and so on. Order moves no data, but the first holder
 * coordinates, and buckets with fewer copies use only the front of the list.
 *
 * ```
 *   set {a b c}   position 0   balanced: each member is first in its share of its partitions, rounded down or up
 *                 position 1   among those least like the ones before by zone, balanced again
 *                 …
 * ```
 *
 * Each position is a choice of one candidate per partition whose fractional answer is known (every candidate alike), so
 * whole numbers next to it exist; augmenting paths find them. Whoever has the place today keeps it if the numbers allow.
 */
import type { ZoneTree } from './zone-tree.ts';

/** Sets to be put in order. */
export interface OrderQuestion {
  readonly tree: ZoneTree;
  readonly members: number;
  /** By partition, in any order, all equally long. */
  readonly sets: readonly (readonly number[])[];
  /** By partition, the list of today. */
  readonly today: readonly (readonly number[])[];
}

/** The sets as ordered lists. */
export function orderHolders({ tree, members, sets, today }: OrderQuestion): number[][] {
  const lists = sets.map((): number[] => []);
  const copies = sets[0].length;
  for (let position = 0; position < copies; position++) {
    const candidates = sets.map((set, partition) => leastAlike(tree, set, lists[partition]));
    const wished = today.map((list) => list[position] ?? -1);
    const chosen = new Choice({ members, candidates, wished }).run();
    chosen.forEach((member, partition) => lists[partition].push(member));
  }
  return lists;
}

/** Of the set's members that are not placed yet, those that share the fewest zones with the placed ones, the widest zones first. */
function leastAlike(tree: ZoneTree, set: readonly number[], placed: readonly number[]): number[] {
  let candidates = set.filter((member) => !placed.includes(member));
  if (placed.length === 0) return candidates;
  for (let level = 0; level < tree.depth - 1 && candidates.length > 1; level++) {
    const vertexOf = (member: number): number => tree.paths[member * tree.depth + level];
    const shared = candidates.map((member) => placed.filter((other) => vertexOf(other) === vertexOf(member)).length);
    const fewest = Math.min(...shared);
    candidates = candidates.filter((_, i) => shared[i] === fewest);
  }
  return candidates;
}

interface ChoiceQuestion {
  readonly members: number;
  /** By partition, who may be chosen. */
  readonly candidates: readonly (readonly number[])[];
  /** By partition, who is chosen if nothing speaks against it; -1 for nobody. */
  readonly wished: readonly number[];
}

/** One candidate for each partition, so that everybody is chosen about equally often for the candidacies they have. */
class Choice {
  readonly #candidates: readonly (readonly number[])[];
  readonly #chosen: Int32Array;
  readonly #counts: Int32Array;
  readonly #fewest: Int32Array;
  readonly #most: Int32Array;
  /** By member, the partitions where it is a candidate. */
  readonly #candidacies: readonly number[][];

  constructor({ members, candidates, wished }: ChoiceQuestion) {
    const fair = new Float64Array(members);
    this.#candidates = candidates;
    this.#candidacies = Array.from({ length: members }, () => []);
    candidates.forEach((some, partition) => {
      for (const member of some) {
        fair[member] += 1 / some.length;
        this.#candidacies[member].push(partition);
      }
    });
    this.#fewest = Int32Array.from(fair, (share) => Math.floor(share + wholeWithin));
    this.#most = Int32Array.from(fair, (share) => Math.ceil(share - wholeWithin));
    this.#counts = new Int32Array(members);
    this.#chosen = Int32Array.from(wished);
    this.#chooseFirst();
  }

  run(): Int32Array {
    for (let member = 0; member < this.#counts.length; member++) {
      while (this.#counts[member] > this.#most[member]) this.#pass(this.#pathFrom(member));
    }
    for (let member = 0; member < this.#counts.length; member++) {
      while (this.#counts[member] < this.#fewest[member]) this.#pass(this.#pathTo(member));
    }
    return this.#chosen;
  }

  /** Wishes that can be met, and for the rest whoever has been chosen least for its share. */
  #chooseFirst(): void {
    this.#candidates.forEach((some, partition) => {
      const wished = this.#chosen[partition];
      if (some.includes(wished)) this.#counts[wished]++;
      else this.#chosen[partition] = -1;
    });
    this.#candidates.forEach((some, partition) => {
      if (this.#chosen[partition] >= 0) return;
      const open = (member: number): number => this.#fewest[member] - this.#counts[member];
      const best = some.reduce((a, b) => (open(b) > open(a) ? b : a));
      this.#chosen[partition] = best;
      this.#counts[best]++;
    });
  }

  /** From a member chosen too often, partition by partition, to one that may be chosen more. */
  #pathFrom(first: number): readonly Handover[] {
    const reached = new Map<number, Handover | undefined>([[first, undefined]]);
    for (const member of reached.keys()) {
      if (this.#counts[member] < this.#most[member]) return pathAlong(reached, member, 'from');
      for (const partition of this.#candidacies[member]) {
        if (this.#chosen[partition] !== member) continue;
        for (const to of this.#candidates[partition]) if (!reached.has(to)) reached.set(to, { partition, from: member, to });
      }
    }
    throw new Error('assertion failed: a fair choice exists');
  }

  /** To a member chosen too seldom, from one that may be chosen less. */
  #pathTo(last: number): readonly Handover[] {
    const reached = new Map<number, Handover | undefined>([[last, undefined]]);
    for (const member of reached.keys()) {
      if (this.#counts[member] > this.#fewest[member]) return pathAlong(reached, member, 'to');
      for (const partition of this.#candidacies[member]) {
        const from = this.#chosen[partition];
        if (!reached.has(from)) reached.set(from, { partition, from, to: member });
      }
    }
    throw new Error('assertion failed: a fair choice exists');
  }

  #pass(path: readonly Handover[]): void {
    for (const { partition, from, to } of path) {
      this.#chosen[partition] = to;
      this.#counts[from]--;
      this.#counts[to]++;
    }
  }
}

/** Sums of thirds and fifths are whole when they are this near. */
const wholeWithin = 1e-6;

/** The partition's place goes from one member to another. */
interface Handover {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

function pathAlong(reached: ReadonlyMap<number, Handover | undefined>, end: number, towards: 'from' | 'to'): readonly Handover[] {
  const path: Handover[] = [];
  for (let step = reached.get(end); step !== undefined; step = reached.get(step[towards])) path.push(step);
  return path;
}
