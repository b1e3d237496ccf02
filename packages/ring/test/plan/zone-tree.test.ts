import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpreadRule } from '../../src/plan/spread.ts';
import { type ZoneTree, zoneTree } from '../../src/plan/zone-tree.ts';

const membersIn = (zones: readonly string[]) => zones.map((zone, i) => ({ id: `m${i}`, name: `m${i}`, zone }));

/** All subsets of [0, count) with `size` elements. */
function subsets(count: number, size: number, from = 0): number[][] {
  if (size === 0) return [[]];
  const found: number[][] = [];
  for (let first = from; first <= count - size; first++)
    for (const rest of subsets(count, size - 1, first + 1)) found.push([first, ...rest]);
  return found;
}

/** Pairs of the set that share the top level, the top two, and so on: straight from the words "as different as possible, level by level". */
function sharedPairs(set: readonly number[], zones: readonly string[], levels: number): number[] {
  return Array.from({ length: levels }, (_, level) => {
    const prefixes = set.map((member) => Array.from({ length: level + 1 }, (_, i) => zones[member].split('/')[i] ?? '').join('/'));
    return prefixes.flatMap((a, i) => prefixes.slice(i + 1).filter((b) => a === b)).length;
  });
}

const compareVectors = (a: readonly number[], b: readonly number[]): number => a.reduce((order, value, i) => order || value - b[i], 0);

function admitsAll(tree: ZoneTree, set: readonly number[]): boolean {
  const rule = new SpreadRule(tree);
  return set.every((member, i) => rule.admits(Int32Array.from(set), { start: 0, end: i }, -1, member));
}

const zonePath = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }).map((levels) => levels.join('/'));

describe('the zone tree', () => {
  it('admits exactly the sets that share the fewest zones, the widest first', () => {
    fc.assert(
      fc.property(fc.array(zonePath, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 5 }), (zones, wanted) => {
        const copies = Math.min(wanted, zones.length);
        const tree = zoneTree(membersIn(zones), copies);
        const sets = subsets(zones.length, copies);
        const vectors = sets.map((set) => sharedPairs(set, zones, 3));
        const best = vectors.reduce((a, b) => (compareVectors(b, a) < 0 ? b : a));
        sets.forEach((set, i) => expect([set, admitsAll(tree, set)]).toEqual([set, compareVectors(vectors[i], best) === 0]));
      }),
      { numRuns: 400 },
    );
  });

  it('lets part of a set stand exactly when it can be completed', () => {
    fc.assert(
      fc.property(fc.array(zonePath, { minLength: 2, maxLength: 7 }), fc.integer({ min: 2, max: 4 }), (zones, wanted) => {
        const copies = Math.min(wanted, zones.length);
        const tree = zoneTree(membersIn(zones), copies);
        const whole = subsets(zones.length, copies).filter((set) => admitsAll(tree, set));
        for (const part of subsets(zones.length, copies - 1)) {
          const isPart = whole.some((set) => part.every((member) => set.includes(member)));
          expect([part, admitsAll(tree, part)]).toEqual([part, isPart]);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('puts two copies where they can lie in two racks', () => {
    const tree = zoneTree(membersIn(['dc1/r1', 'dc1/r1', 'dc1/r2', 'dc2/r3', 'dc2/r3']), 3);
    const [dc1, dc2] = tree.children[0];
    expect([tree.least[dc1], tree.most[dc1], tree.least[dc2], tree.most[dc2]]).toEqual([2, 2, 1, 1]);
    const ranges = [0, 1, 2, 3, 4].map((member) => {
      const leaf = tree.paths[(member + 1) * tree.depth - 1];
      return `${tree.least[leaf]}..${tree.most[leaf]}`;
    });
    expect(ranges).toEqual(['0..1', '0..1', '1..1', '0..1', '0..1']);
  });

  it('has ranges no wider than one, that add up', () => {
    fc.assert(
      fc.property(fc.array(zonePath, { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 16 }), (zones, wanted) => {
        const tree = zoneTree(membersIn(zones), Math.min(wanted, zones.length));
        const sum = (bounds: Int32Array, vertices: readonly number[]): number =>
          vertices.reduce((total, vertex) => total + bounds[vertex], 0);
        tree.children.forEach((children, vertex) => {
          expect(tree.most[vertex] - tree.least[vertex]).toBeOneOf([0, 1]);
          if (children.length === 0) return;
          expect(sum(tree.least, children)).toBeLessThanOrEqual(tree.least[vertex]);
          expect(sum(tree.most, children)).toBeGreaterThanOrEqual(tree.most[vertex]);
        });
      }),
    );
  });
});
