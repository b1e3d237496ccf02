/**
 * The weighted ideal as the constraints allow: how many replicas each member would hold if replicas could be cut.
 *
 * ```
 *   share of a member  = level × weight, but at most one replica of every partition (and at least what the tree asks)
 *   share of a zone    = what its members take at that level, but within its own range × Q
 *   level              = the one at which the shares add up to k × Q; inside a zone held at a bound, a level of its own
 * ```
 *
 * This is water-filling: no member's load can come closer to its weight except by taking from one that is lighter loaded for
 * its weight. Found by bisection in 64 steps, which leaves an error far below 10^-6 of a replica.
 */
import type { ZoneTree } from './zone-tree.ts';

/** What the ideal depends on. */
export interface LoadQuestion {
  readonly tree: ZoneTree;
  /** By member. */
  readonly weights: readonly number[];
  readonly partitions: number;
}

/** Replicas by vertex of the tree, members and zones alike; whole numbers wherever they are whole. */
export function idealLoads(question: LoadQuestion): Float64Array {
  const { tree, partitions } = question;
  const loads = new Float64Array(tree.parents.length);
  loads[0] = tree.least[0] * partitions;
  settle(question, loads, 0);
  return loads.map((load) => (Math.abs(load - Math.round(load)) < wholeWithin ? Math.round(load) : load));
}

const steps = 64;
const wholeWithin = 1e-6;

/** Sets the loads below a vertex whose own load is set. */
function settle(question: LoadQuestion, loads: Float64Array, vertex: number): void {
  const children = question.tree.children[vertex];
  if (children.length === 0) return;
  const level = levelFor(question, vertex, loads[vertex]);
  for (const child of children) {
    loads[child] = loadAt(question, child, level);
    settle(question, loads, child);
  }
}

/** The level at which the children of a vertex take `total` together. */
function levelFor(question: LoadQuestion, vertex: number, total: number): number {
  let low = 0;
  // At one replica of every partition per unit of weight, everybody takes all that the tree allows.
  let high = question.partitions;
  for (let step = 0; step < steps; step++) {
    const middle = (low + high) / 2;
    if (loadOfChildren(question, vertex, middle) < total) low = middle;
    else high = middle;
  }
  return high;
}

function loadAt(question: LoadQuestion, vertex: number, level: number): number {
  const { tree, weights, partitions } = question;
  const member = tree.memberAt[vertex];
  const wanted = member >= 0 ? level * weights[member] : loadOfChildren(question, vertex, level);
  return Math.min(Math.max(wanted, tree.least[vertex] * partitions), tree.most[vertex] * partitions);
}

function loadOfChildren(question: LoadQuestion, vertex: number, level: number): number {
  let sum = 0;
  for (const child of question.tree.children[vertex]) sum += loadAt(question, child, level);
  return sum;
}
