/**
 * Who can give a replica to whom: the edges of the graph in which a plan is a flow. All partitions are full.
 *
 * ```
 *   a gives p to d:   a's zones, up to the first that is d's too, can do with one less;
 *                     d's zones, up to that one, have room for one more
 *
 *              root                the way of p through the zone tree:  a ▲ r1 ▲ dc1 ▲ root ▼ dc2 ▼ r3 ▼ d
 *          dc1      dc2
 *        r1   r2      r3           cost, in moves:  +1 if d has to copy p
 *        a            d                             -1 if a would have had to
 * ```
 */
import type { Assignment } from './assignment.ts';
import type { ZoneTree } from './zone-tree.ts';

/** `from` gives the partition to `to`. */
export interface Swap {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  /** Moves that it adds to the plan: -1, 0 or 1. */
  readonly cost: number;
}

/** All that one member could give. */
export class Exchange {
  readonly #assignment: Assignment;
  readonly #tree: ZoneTree;
  readonly #levels: Int32Array;

  /** Vertices of the zone tree. */
  get vertices(): number {
    return this.#levels.length;
  }

  constructor(assignment: Assignment, tree: ZoneTree) {
    this.#assignment = assignment;
    this.#tree = tree;
    this.#levels = new Int32Array(tree.parents.length);
    for (let vertex = 1; vertex < this.#levels.length; vertex++) this.#levels[vertex] = this.#levels[tree.parents[vertex]] + 1;
  }

  /** Shows the cheapest swap from a member to each other that it would help, and maybe some that are not the cheapest. */
  visitFrom(from: number, visitor: SwapVisitor): void {
    const { depth, parents, paths, least } = this.#tree;
    this.#visitReturns(from, visitor);
    let open = this.#cheapestFirst(from);
    for (let level = depth - 1; level >= 0; level--) {
      const own = paths[from * depth + level];
      open = open.filter((partition) => this.#countBelow(partition, own) > least[own]);
      if (open.length === 0) return;
      this.#visitChildren(parents[own], own, { from, open, visitor });
    }
  }

  #visitChildren(vertex: number, except: number, descent: Descent): void {
    const { children, memberAt, most } = this.#tree;
    const { from, open, visitor } = descent;
    if (memberAt[children[vertex][0]] >= 0) {
      this.#visitMembers(vertex, descent);
      return;
    }
    for (const child of children[vertex]) {
      if (child === except || !this.#mayHelpBelow(child, descent)) continue;
      const passing = open.filter((partition) => this.#countBelow(partition, child) < most[child]);
      if (passing.length > 0) this.#visitChildren(child, -1, { from, open: passing, visitor });
    }
  }

  /** Visits the members of a narrowest zone, and learns how high their labels are: most zones need not be looked at again. */
  #visitMembers(zone: number, descent: Descent): void {
    if (!this.#mayHelpBelow(zone, descent)) return;
    const { children, memberAt } = this.#tree;
    const { from, visitor } = descent;
    const cost = this.#leastCost(descent);
    let highest = -Infinity;
    for (const child of children[zone]) {
      const to = memberAt[child];
      if (to !== from && helps(visitor, to, cost)) this.#visitMember(to, descent);
      highest = Math.max(highest, visitor.labels[to]);
    }
    visitor.highest[zone] = highest;
  }

  #mayHelpBelow(zone: number, descent: Descent): boolean {
    const { label, perMove, highest } = descent.visitor;
    return label + this.#leastCost(descent) * perMove < highest[zone];
  }

  /** What a swap to somebody without the data costs: no more than that for anybody in this descent. */
  #leastCost({ from, open }: Descent): number {
    return this.#assignment.isOriginal(open[0], from) ? 1 : 0;
  }

  #visitMember(to: number, { from, open, visitor }: Descent): void {
    const partition = open.find((partition) => !this.#assignment.holds(partition, to));
    if (partition !== undefined) visitor.visit(this.#swap(partition, from, to));
  }

  /** What a member holds, that which it would have to copy first: what is found first is cheapest. */
  #cheapestFirst(from: number): readonly number[] {
    const held = this.#assignment.held[from];
    const copied = held.filter((partition) => !this.#assignment.isUnmoved(partition) && !this.#assignment.isOriginal(partition, from));
    return copied.length === 0 ? held : [...copied, ...held.filter((partition) => this.#assignment.isOriginal(partition, from))];
  }

  /** Swaps to members that have the data and stand outside: they need not copy it. */
  #visitReturns(from: number, visitor: SwapVisitor): void {
    for (const partition of this.#assignment.held[from]) {
      if (this.#assignment.isKept(partition)) continue;
      for (const to of this.#assignment.original[partition]) {
        if (this.#assignment.holds(partition, to) || !helps(visitor, to, -1)) continue;
        if (this.#assignment.canSwap(partition, from, to)) visitor.visit(this.#swap(partition, from, to));
      }
    }
  }

  #swap(partition: number, from: number, to: number): Swap {
    return { partition, from, to, cost: swapCost(this.#assignment, partition, from, to) };
  }

  #countBelow(partition: number, vertex: number): number {
    const { depth, paths } = this.#tree;
    const level = this.#levels[vertex] - 1;
    let count = 0;
    for (let slot = 0; slot < this.#assignment.copies; slot++) {
      if (paths[this.#assignment.holderAt(partition, slot) * depth + level] === vertex) count++;
    }
    return count;
  }
}

/** Looks at swaps. A swap helps if `label` + cost × `perMove` is below the label of who receives; numbers, for there are millions of questions. */
export interface SwapVisitor {
  /** By member. */
  readonly labels: Int32Array;
  readonly label: number;
  readonly perMove: number;
  /** For each vertex of the zone tree no less than the labels of the members right below it; lowered by what is seen. */
  readonly highest: Float64Array;
  visit(swap: Swap): void;
}

interface Descent {
  readonly from: number;
  /** Partitions that can get as far as here, the cheapest first. */
  readonly open: readonly number[];
  readonly visitor: SwapVisitor;
}

function helps({ labels, label, perMove }: SwapVisitor, to: number, cost: number): boolean {
  return label + cost * perMove < labels[to];
}

/** Moves that a swap adds to the plan. */
export function swapCost(assignment: Assignment, partition: number, from: number, to: number): number {
  // Four parameters: one for each part of a swap.
  return (assignment.isOriginal(partition, to) ? 0 : 1) - (assignment.isOriginal(partition, from) ? 0 : 1);
}
