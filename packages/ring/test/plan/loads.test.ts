import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idealLoads } from '../../src/plan/ideal-loads.ts';
import { isEven, loadBounds } from '../../src/plan/load-bounds.ts';
import { targetLoads } from '../../src/plan/target-loads.ts';
import { type ZoneTree, zoneTree } from '../../src/plan/zone-tree.ts';
import { fewestMoves } from '../../src/plan/fewest-moves.ts';

const partitions = 64;

/** Members of some zones and weights, k copies. */
const questions = fc
  .record({
    members: fc.array(fc.record({ weight: fc.integer({ min: 1, max: 8 }), zone: fc.constantFrom('', 'a', 'b', 'b/x', 'b/y', 'c') }), {
      minLength: 1,
      maxLength: 24,
      size: 'max',
    }),
    wanted: fc.integer({ min: 1, max: 5 }),
  })
  .map(({ members, wanted }) => {
    const tree = zoneTree(
      members.map(({ weight, zone }, i) => ({ id: `m${i}`, name: `m${i}`, weight, zone })),
      Math.min(wanted, members.length),
    );
    return { tree, weights: members.map(({ weight }) => weight), partitions };
  });

function pathOf({ paths, depth }: ZoneTree, member: number): number[] {
  return [...paths.subarray(member * depth, (member + 1) * depth)];
}

describe('ideal loads', () => {
  it('are within every range, and add up', () => {
    fc.assert(
      fc.property(questions, (question) => {
        const { tree } = question;
        const loads = idealLoads(question);
        expect(loads[0]).toBe(tree.least[0] * partitions);
        tree.children.forEach((children, vertex) => {
          expect(loads[vertex]).toBeGreaterThanOrEqual(tree.least[vertex] * partitions);
          expect(loads[vertex]).toBeLessThanOrEqual(tree.most[vertex] * partitions);
          if (children.length > 0) expect(children.reduce((sum, child) => sum + loads[child], 0)).toBeCloseTo(loads[vertex], 4);
        });
      }),
      { numRuns: 200 },
    );
  });

  it('are fair: nobody who is more loaded for its weight could give to somebody less loaded', () => {
    fc.assert(
      fc.property(questions, (question) => {
        const { tree, weights } = question;
        const loads = idealLoads(question);
        const isFull = (vertex: number): boolean => loads[vertex] > tree.most[vertex] * partitions - 1e-4;
        const isSpent = (vertex: number): boolean => loads[vertex] < tree.least[vertex] * partitions + 1e-4;
        const levelOf = (member: number): number => loads[pathOf(tree, member).at(-1) ?? 0] / weights[member];
        const unfair = weights.flatMap((_, from) =>
          weights.flatMap((_, to) => {
            if (levelOf(from) <= levelOf(to) + 1e-4) return [];
            const up = pathOf(tree, from);
            const down = pathOf(tree, to);
            const isBlocked = up.some((v) => !down.includes(v) && isSpent(v)) || down.some((v) => !up.includes(v) && isFull(v));
            return isBlocked ? [] : [`${from} to ${to}`];
          }),
        );
        expect(unfair).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

describe('target loads', () => {
  it('are ideals rounded down or up, that add up, and go up for those who hold more', () => {
    fc.assert(
      fc.property(questions, fc.array(fc.nat(64), { minLength: 24, maxLength: 24 }), (question, held) => {
        const { tree, weights } = question;
        const ideal = idealLoads(question);
        const targets = targetLoads({ tree, ideal, present: Int32Array.from(held.slice(0, weights.length)) });
        const leaf = (member: number): number => ideal[pathOf(tree, member).at(-1) ?? 0];
        for (const [member, target] of targets.entries()) expect([Math.floor(leaf(member)), Math.ceil(leaf(member))]).toContain(target);
        expect(targets.reduce((sum, target) => sum + target, 0)).toBe(tree.least[0] * partitions);
      }),
      { numRuns: 200 },
    );
    const tree = zoneTree(
      ['a', 'b', 'c'].map((id) => ({ id, name: id })),
      1,
    );
    const ideal = idealLoads({ tree, weights: [1, 1, 1], partitions });
    expect([...targetLoads({ tree, ideal, present: Int32Array.of(21, 22, 21) })]).toEqual([21, 22, 21]);
    expect([...targetLoads({ tree, ideal, present: Int32Array.of(10, 10, 44) })]).toEqual([21, 21, 22]);
  });
});

describe('load bounds', () => {
  it('are the ideal rounded, or two in a hundred around it', () => {
    const bounds = loadBounds([30.4, 341.3, 64, 0.2]);
    expect([...bounds.rounded.least, ...bounds.rounded.most]).toEqual([30, 341, 64, 0, 31, 342, 64, 1]);
    expect([...bounds.least, ...bounds.most]).toEqual([30, 335, 63, 0, 31, 348, 65, 1]);
    expect(isEven(Int32Array.of(31, 348, 63, 0), bounds)).toBe(true);
    expect(isEven(Int32Array.of(31, 349, 63, 0), bounds)).toBe(false);
    expect(isEven(Int32Array.of(29, 348, 63, 0), bounds)).toBe(false);
  });

  it('say how few moves loads can take', () => {
    const bounds = loadBounds([10.5, 10.5, 10.5, 10.5]);
    // The last member has to copy 10, and then 1 of today's 42 is given up by somebody who has 11 or more.
    expect(fewestMoves({ today: Int32Array.of(14, 14, 14, 0), loads: Int32Array.of(11, 11, 10, 10), bounds })).toBe(10);
    expect(fewestMoves({ today: Int32Array.of(11, 11, 10, 10), loads: Int32Array.of(11, 11, 10, 10), bounds })).toBe(0);
    expect(fewestMoves({ today: Int32Array.of(20, 10, 10, 2), loads: Int32Array.of(10, 11, 11, 10), bounds })).toBe(9);
  });
});
