/**
 * Zones as a tree, and how many of a partition's k replicas may lie below each of its vertices: as evenly spread as can
 * be, level by level from the top. That is the rule "distinct nodes, distinct zones" in one form.
 *
 * ```
 *                 root 3                     k = 3 copies, two data centres
 *            ┌──────┴──────┐
 *         dc1 1..2      dc2 1..2             3 = 2 + 1, whichever way round
 *        ┌───┴───┐         │
 *     r1 0..1  r2 0..1   r3 1..2             two copies in dc1 lie in two racks; dc2 has no second one
 *      │  │      │        │  │
 *      a  b      c        d  e               members: 0..1, never two on one
 * ```
 *
 * The range of a vertex is never wider than one. A vertex that has too few members below it takes one on each, and its
 * siblings share the rest.
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
  shareRange(tree, memberCounts(tree), 0);
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

/** Members below each vertex. Children come after their parents. */
function memberCounts(tree: ZoneTree): Int32Array {
  const counts = Int32Array.from(tree.memberAt, (member) => (member < 0 ? 0 : 1));
  for (let vertex = counts.length - 1; vertex > 0; vertex--) counts[tree.parents[vertex]] += counts[vertex];
  return counts;
}

/** Sets the ranges below a vertex from its own. */
function shareRange(tree: ZoneTree, counts: Int32Array, vertex: number): void {
  const children = tree.children[vertex];
  if (children.length === 0) return;
  const room = (level: number): number => children.reduce((sum, child) => sum + Math.min(counts[child], level), 0);
  let full = 0;
  while (full < tree.least[vertex] && room(full + 1) <= tree.least[vertex]) full++;
  let reached = full;
  while (room(reached) < tree.most[vertex]) reached++;
  for (const child of children) {
    tree.least[child] = Math.min(counts[child], full);
    tree.most[child] = Math.min(counts[child], reached);
    shareRange(tree, counts, child);
  }
}
