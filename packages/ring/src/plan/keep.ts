/**
 * The first step of a plan: every partition keeps as many of its present holders as the rules let stay together. As many
 * stay whatever order they are asked in, so those are asked first that hold less than they shall.
 */
import type { Assignment } from './assignment.ts';

/** Members that stand in a partition's list and may stay; `targets` by member. */
export function keepHolders(assignment: Assignment, lists: readonly (readonly number[])[], targets: Int32Array): void {
  const surplus = Int32Array.from(targets, (target) => -target);
  for (const list of lists) for (const member of list) surplus[member]++;
  lists.forEach((list, partition) => {
    const inTurn = list.length > 1 ? [...list].sort((a, b) => surplus[a] - surplus[b]) : list;
    for (const member of inTurn) {
      if (assignment.canAdd(partition, member)) assignment.add(partition, member);
      else surplus[member]--;
    }
  });
}
