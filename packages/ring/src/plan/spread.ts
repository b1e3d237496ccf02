/**
 * Whether some members can hold one partition together, by the ranges of the zone tree: whether others could be added so
 * that every vertex has a number of replicas in its range. For a full list that means that it keeps the rule itself.
 *
 * ```
 *   needed(v) = max( least(v), sum of least over v's children
 *                              + sum over the children that hold some of (needed(child) - least(child)) )
 *   together  = needed(v) <= most(v) everywhere
 * ```
 *
 * The sets that pass are the independent sets of a matroid: whatever order members are tried in, as many can stay.
 */
import type { ZoneTree } from './zone-tree.ts';

/** The rule for one tree. Keeps scratch space; one question at a time. */
export class SpreadRule {
  readonly #tree: ZoneTree;
  readonly #leastBelow: Int32Array;
  readonly #vertices: number[] = [];
  readonly #needed: number[] = [];

  constructor(tree: ZoneTree) {
    this.#tree = tree;
    this.#leastBelow = new Int32Array(tree.parents.length);
    for (let vertex = 1; vertex < tree.parents.length; vertex++) this.#leastBelow[tree.parents[vertex]] += tree.least[vertex];
  }

  /** Whether `holders[start, end)` without the member `without` (-1: none) and with `added` can hold a partition together. `added` is not among them. */
  admits(holders: Int32Array, range: { readonly start: number; readonly end: number }, without: number, added: number): boolean {
    // Four parameters: asked for every candidate of every move.
    const { depth, paths } = this.#tree;
    let count = 0;
    for (let i = range.start; i < range.end; i++) {
      if (holders[i] !== without) this.#vertices[count++] = paths[(holders[i] + 1) * depth - 1];
    }
    this.#vertices[count++] = paths[(added + 1) * depth - 1];
    for (let i = 0; i < count; i++) this.#needed[i] = 1;
    for (let level = depth; level > 0; level--) {
      count = this.#toParents(count);
      if (count === 0) return false;
    }
    return true;
  }

  /** Replaces the first `count` vertices by their parents; returns how many those are, 0 if one of them needs too many. */
  #toParents(count: number): number {
    const { parents, least, most } = this.#tree;
    const vertices = this.#vertices;
    const needed = this.#needed;
    let found = 0;
    for (let i = 0; i < count; i++) {
      const parent = parents[vertices[i]];
      const extra = needed[i] - least[vertices[i]];
      let at = 0;
      while (at < found && vertices[at] !== parent) at++;
      if (at === found) {
        vertices[found] = parent;
        needed[found++] = this.#leastBelow[parent] + extra;
      } else needed[at] += extra;
    }
    for (let i = 0; i < found; i++) {
      if (needed[i] > most[vertices[i]]) return 0;
      needed[i] = Math.max(needed[i], least[vertices[i]]);
    }
    return found;
  }
}
