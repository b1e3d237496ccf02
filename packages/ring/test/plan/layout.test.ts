import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idealLoads } from '../../src/plan/ideal-loads.ts';
import { layOut } from '../../src/plan/layout.ts';
import { SpreadRule } from '../../src/plan/spread.ts';
import { targetLoads } from '../../src/plan/target-loads.ts';
import { zoneTree } from '../../src/plan/zone-tree.ts';
import { clusterDrafts, memberFrom } from '../arbitrary-ring.ts';

describe('a layout', () => {
  it('gives every member its load, keeps the zones apart in every column, and has few kinds of columns', () => {
    fc.assert(
      fc.property(clusterDrafts({ membersMax: 80, partitionBitsMax: 9 }), ({ partitions, n, zones, members }) => {
        const made = members.map((draft, number) => memberFrom(number, draft, zones));
        const tree = zoneTree(made, Math.min(n, made.length));
        const ideal = idealLoads({ tree, weights: members.map(({ weight }) => weight), partitions });
        const targets = targetLoads({ tree, ideal, present: new Int32Array(made.length) });
        const columns = layOut({ tree, targets, columns: partitions });
        const loads = new Int32Array(made.length);
        for (const member of columns.flat()) loads[member]++;
        expect(loads).toEqual(targets);
        const rule = new SpreadRule(tree);
        const broken = columns.filter((column) => {
          const holders = Int32Array.from(column);
          return !column.every(
            (member, i) => !column.slice(0, i).includes(member) && rule.admits(holders, { start: 0, end: i }, -1, member),
          );
        });
        expect(broken).toEqual([]);
        const kinds = new Set(columns.map((column) => column.toSorted((a, b) => a - b).join()));
        expect(kinds.size).toBeLessThanOrEqual(4 * (made.length + 1));
      }),
      { numRuns: 80 },
    );
  });

  it('is the drawing at the top of its file, when there is one section', () => {
    const tree = zoneTree(
      Array.from('abcdef', (id) => ({ id, name: id })),
      3,
    );
    const columns = layOut({ tree, targets: Int32Array.of(4, 4, 4, 3, 7, 8), columns: 10 });
    const words = columns.map((column) => column.map((member) => 'abcdef'[member]).join(''));
    expect(words).toEqual(['ace', 'ace', 'adf', 'adf', 'bdf', 'bef', 'bef', 'bef', 'cef', 'cef']);
  });
});
