import { describe, expect, it } from 'vitest';
import type { Intake } from '../src/cluster/moves.ts';
import { Covered } from '../src/transfer/covered.ts';

/** Three partitions that all hold, each given by one of them; the fourth is held and given by `a` alone. */
const a: Intake = {
  source: 'a',
  ranges: [[0, 4]],
  streamed: [
    [0, 1],
    [3, 4],
  ],
};
const b: Intake = { source: 'b', ranges: [[0, 3]], streamed: [[1, 2]] };
const c: Intake = { source: 'c', ranges: [[0, 3]], streamed: [[2, 3]] };

describe('what of a change is covered', () => {
  it('has nothing compared before it is streamed, and each source done when all that it holds is compared', () => {
    const covered = new Covered();
    expect(covered.leftToGive(a)).toEqual([0, 3]);
    expect(covered.leftToCompare(b)).toEqual([]);
    covered.noteStreamed([0, 1]);
    expect(covered.leftToCompare(b)).toEqual([0, 1]);
    covered.noteCompared('b', [0, 1]);
    expect([covered.leftToCompare(b), covered.leftToCompare(a)]).toEqual([[], [0, 1]]);
    expect(covered.isDoneWith(b)).toBe(false);
    covered.noteStreamed([2]);
    covered.noteCompared('b', covered.leftToCompare(b));
    expect(covered.isDoneWith(b)).toBe(true);
    expect(covered.isDoneWith(a)).toBe(false);
  });

  it('leaves to others what a silent source was to give and they hold, once', () => {
    const covered = new Covered();
    expect(covered.leftBy([a], b)).toEqual([0]);
    expect(covered.leftBy([a, c], b)).toEqual([0, 2]);
    covered.noteStreamed([0]);
    expect(covered.leftBy([a, c], b)).toEqual([2]);
    // When it is back it gives what nobody else could.
    expect(covered.leftToGive(a)).toEqual([3]);
  });
});
