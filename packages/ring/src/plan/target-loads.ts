/**
 * Whole numbers of replicas near the ideal: each member gets its ideal rounded down or up, each zone too, and all together
 * what there is. Who is rounded up is free for balance, so it is whoever moves the fewest replicas: those that hold more
 * than their ideal already.
 */
import type { ZoneTree } from './zone-tree.ts';

/** What the targets depend on. */
export interface TargetQuestion {
  readonly tree: ZoneTree;
  /** By vertex. */
  readonly ideal: Float64Array;
  /** Replicas that each member holds now and may keep. */
  readonly present: Int32Array;
}

/** Replicas by member. */
export function targetLoads({ tree, ideal, present }: TargetQuestion): Int32Array {
  const held = new Float64Array(ideal.length);
  for (let vertex = ideal.length - 1; vertex >= 0; vertex--) {
    const member = tree.memberAt[vertex];
    if (member >= 0) held[vertex] = present[member];
    if (vertex > 0) held[tree.parents[vertex]] += held[vertex];
  }
  const rounded = new Int32Array(ideal.length);
  rounded[0] = ideal[0];
  // Children come after their parents.
  for (let vertex = 0; vertex < ideal.length; vertex++)
    roundChildren(tree.children[vertex], { ideal, held, rounded, total: rounded[vertex] });
  const targets = new Int32Array(present.length);
  for (let vertex = 0; vertex < ideal.length; vertex++) {
    if (tree.memberAt[vertex] >= 0) targets[tree.memberAt[vertex]] = rounded[vertex];
  }
  return targets;
}

interface Rounding {
  readonly ideal: Float64Array;
  readonly held: Float64Array;
  readonly rounded: Int32Array;
  readonly total: number;
}

function roundChildren(children: readonly number[], { ideal, held, rounded, total }: Rounding): void {
  let left = total;
  for (const child of children) {
    rounded[child] = Math.floor(ideal[child]);
    left -= rounded[child];
  }
  if (left <= 0) return;
  const between = children.filter((child) => rounded[child] < ideal[child]);
  between.sort((a, b) => held[b] - ideal[b] - (held[a] - ideal[a]) || ideal[b] - rounded[b] - (ideal[a] - rounded[a]) || a - b);
  for (const child of between.slice(0, left)) rounded[child]++;
}
