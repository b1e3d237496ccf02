import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balanceOf } from '../../src/index.ts';
import { orderHolders } from '../../src/plan/order.ts';
import { zoneTree } from '../../src/plan/zone-tree.ts';
import { clusterDrafts, ringFrom } from '../arbitrary-ring.ts';

describe('the order of holders', () => {
  it('begins every list with copies in as many zones as can be', () => {
    fc.assert(
      fc.property(clusterDrafts({ membersMax: 30, partitionBitsMax: 8 }), (draft) => {
        const ring = ringFrom(draft);
        const zonesIn = (list: readonly number[]): number => new Set(list.map((index) => ring.members[index].zone)).size;
        for (const list of ring.replicas) {
          const all = zonesIn(list);
          for (let n = 1; n <= list.length; n++) expect(zonesIn(list.slice(0, n))).toBe(Math.min(n, all));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('shares first places evenly whatever stood there before, and keeps those that may stay', () => {
    const sets = Array.from({ length: 64 }, (_, i) => [i % 8, (i + 1) % 8, (i + 3) % 8]);
    const members = Array.from({ length: 8 }, (_, i) => ({ id: `m${i}`, name: `m${i}` }));
    const tree = zoneTree(members, 3);
    const ordered = orderHolders({ tree, members: 8, sets, today: sets.map((set) => set.toSorted((a, b) => a - b)) });
    const firsts = new Array<number>(8).fill(0);
    for (const [first] of ordered) firsts[first]++;
    expect(firsts).toEqual(new Array(8).fill(8));
    expect(ordered.map((list) => list.toSorted((a, b) => a - b))).toEqual(sets.map((set) => set.toSorted((a, b) => a - b)));
    expect(orderHolders({ tree, members: 8, sets, today: ordered })).toEqual(ordered);
  });

  it('balances the first two places as well, for buckets with fewer copies', () => {
    const ring = ringFrom({ partitions: 1024, n: 3, zones: 1, members: Array.from({ length: 10 }, () => ({ weight: 1, zone: 0 })) });
    const front = { ...ring, replicas: ring.replicas.map((list) => list.slice(0, 2)) };
    for (const { replicas } of balanceOf(front, 2).members) expect(Math.abs(replicas - 204.8)).toBeLessThan(2);
  });
});
