/**
 * Zones as a tree, and how many of a partition's k replicas may lie below each of its vertices: as evenly spread as can
 * be at the top level, and of the ways that are equal there as evenly as can be at the next, and so on down. That is the
 * rule "distinct nodes, distinct zones" in one form.
 *
 * ```
 *                 root 3                     k = 3 copies, two data centres
 *            ┌──────┴──────┐
 *         dc1 2..2      dc2 1..1             3 = 2 + 1; two in dc2 would share its only rack, so dc1 has the two
 *        ┌───┴───┐         │
 *     r1 1..1  r2 1..1   r3 1..1
 *      │  │      │        │  │
 *      a  b      c        d  e               a 0..1   b 0..1   c 1..1   d 0..1   e 0..1
 * ```
 *
 * Replicas are given out one at a time, each to where it meets the fewest others: fewest in its top zone, then in the zone
 * below, and so on. That number, one digit a level, is the price of the next replica below a vertex. It only rises, so
 * buying at the lowest price is best, and only equal prices leave a choice: the range of a vertex is never wider than one.
 */
import { type RingMember, zoneLevelsOf } from '../member.ts';

/** The tree for some members and k. Vertex 0 is the root; the leaves are the members. */
export interface ZoneTree {
  /** Levels below the root, the members' own included. */
  readonly depth: number;
  /** For member m, vertices from the top level down to its leaf: `[m * depth, (m + 1) * depth)`. */
  readonly paths: Int32Array;
  readonly parents: Int32Array;
  /** Of each vertex; empty for a leaf. */
  readonly children: readonly (readonly number[])[];
  /** The member at a leaf, -1 elsewhere. */
  readonly memberAt: Int32Array;
  /** Fewest and most replicas of one partition below each vertex. */
  readonly least: Int32Array;
  readonly most: Int32Array;
}

/** The tree of these members for partitions of `copies` replicas; `copies` is at most the number of members. */
export function zoneTree(members: readonly RingMember[], copies: number): ZoneTree {
  const depth = 1 + members.reduce((most, member) => Math.max(most, zoneLevelsOf(member).length), 0);
  const grown = growTree(members, depth);
  const vertices = grown.parents.length;
  const tree: ZoneTree = {
    depth,
    paths: grown.paths,
    parents: Int32Array.from(grown.parents),
    children: grown.children,
    memberAt: Int32Array.from(grown.memberAt),
    least: new Int32Array(vertices),
    most: new Int32Array(vertices),
  };
  tree.least[0] = copies;
  tree.most[0] = copies;
  shareRange(tree, pricesOf(tree, copies), 0);
  return tree;
}

interface GrownTree {
  readonly paths: Int32Array;
  readonly parents: number[];
  readonly children: number[][];
  readonly memberAt: number[];
}

/** Zones in the order of their names, so that the tree does not depend on who joined first; a zone's members in their own order. */
function growTree(members: readonly RingMember[], depth: number): GrownTree {
  const tree: GrownTree = { paths: new Int32Array(members.length * depth), parents: [-1], children: [[]], memberAt: [-1] };
  const zones = new Map<string, number>();
  const order = members.map((_, index) => index).sort((a, b) => compareZones(members[a], members[b]) || a - b);
  for (const index of order) {
    const levels = zoneLevelsOf(members[index]);
    let at = 0;
    for (let level = 0; level < depth - 1; level++) {
      // A path that ends early goes on with a nameless zone at each further level.
      const key = `${at}/${levels[level] ?? ''}`;
      const known = zones.get(key);
      const next = known ?? addVertex(tree, at, -1);
      if (known === undefined) zones.set(key, next);
      tree.paths[index * depth + level] = next;
      at = next;
    }
    tree.paths[(index + 1) * depth - 1] = addVertex(tree, at, index);
  }
  return tree;
}

function compareZones(a: RingMember, b: RingMember): number {
  const x = a.zone ?? '';
  const y = b.zone ?? '';
  return x < y ? -1 : x > y ? 1 : 0;
}

function addVertex(tree: GrownTree, parent: number, member: number): number {
  const vertex = tree.parents.length;
  tree.parents.push(parent);
  tree.children.push([]);
  tree.memberAt.push(member);
  tree.children[parent].push(vertex);
  return vertex;
}

/** A digit of a price: how many others a replica meets in one zone, below 16 as there are at most 16 copies. */
const digit = 16;

/** For each vertex the prices of the first, second, … replica below it; at most `copies`, rising. */
function pricesOf(tree: ZoneTree, copies: number): number[][] {
  const prices: number[][] = tree.children.map(() => []);
  const digits = digitsOf(tree);
  // Children come after their parents.
  for (let vertex = prices.length - 1; vertex >= 0; vertex--) {
    const inside = tree.memberAt[vertex] >= 0 ? [0] : cheapest(tree, prices, vertex).slice(0, copies);
    prices[vertex] = inside.map((price, met) => met * digits[vertex] + price);
  }
  return prices;
}

/** What one other replica met at a vertex adds to a price: more the higher it stands; nothing at the root, where all meet. */
function digitsOf({ depth, parents }: ZoneTree): number[] {
  const digits = [0, ...new Array<number>(parents.length - 1).fill(digit ** depth)];
  for (let vertex = 1; vertex < digits.length; vertex++) if (parents[vertex] > 0) digits[vertex] = digits[parents[vertex]] / digit;
  return digits;
}

/** The prices of all replicas below a vertex's children, rising. */
function cheapest(tree: ZoneTree, prices: readonly (readonly number[])[], vertex: number): number[] {
  return tree.children[vertex].flatMap((child) => prices[child]).sort((a, b) => a - b);
}

/** Sets the ranges below a vertex from its own: what is cheaper than the next is bought, what costs as much may be. */
function shareRange(tree: ZoneTree, prices: readonly (readonly number[])[], vertex: number): void {
  const all = cheapest(tree, prices, vertex);
  const next = all[tree.least[vertex]] ?? Infinity;
  const last = all[tree.most[vertex] - 1] ?? -Infinity;
  for (const child of tree.children[vertex]) {
    tree.least[child] = prices[child].filter((price) => price < next).length;
    tree.most[child] = prices[child].filter((price) => price <= last).length;
    shareRange(tree, prices, child);
  }
}
