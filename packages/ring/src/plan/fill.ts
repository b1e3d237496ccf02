/**
 * The third step of a plan: holes that nobody who wants replicas could take are filled by whoever fits and is lightest.
 * Who then holds too much is `even-out.ts`'s business.
 */
import { assert } from '@coterie/env';
import type { Assignment } from './assignment.ts';

/** Fills every partition. */
export function fillHoles(assignment: Assignment, targets: Int32Array): void {
  for (let partition = 0; partition < assignment.partitions; partition++) {
    while (assignment.countOf(partition) < assignment.copies) assignment.add(partition, lightestFor(assignment, targets, partition));
  }
}

function lightestFor(assignment: Assignment, targets: Int32Array, partition: number): number {
  let best = -1;
  for (let member = 0; member < targets.length; member++) {
    const isLighter = best < 0 || assignment.loadOf(member) - targets[member] < assignment.loadOf(best) - targets[best];
    if (isLighter && assignment.canAdd(partition, member)) best = member;
  }
  assert(best >= 0, 'the holders of a partition can be made complete');
  return best;
}
