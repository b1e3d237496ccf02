import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plan, type Ring } from '../../src/index.ts';
import { loadBounds } from '../../src/plan/load-bounds.ts';
import { zoneTree } from '../../src/plan/zone-tree.ts';
import { changeDrafts, changeFrom, clusterDrafts, ringFrom } from '../arbitrary-ring.ts';
import { fewestMovesByFlow } from './min-cost-flow.ts';

const long = process.env['COTERIE_LONG'] === '1';
const testMs = long ? 900_000 : 60_000;

/** By partition, who of the target's members has the data today. */
function heldToday(today: Ring, target: Ring): number[][] {
  const positions = new Map(target.members.map(({ id }, index) => [id, index]));
  return today.replicas.map((list) => list.map((index) => positions.get(today.members[index].id) ?? -1).filter((index) => index >= 0));
}

describe('moves', () => {
  it(
    'are within a twentieth of the fewest that a flow through all partitions finds',
    () => {
      const clusters = clusterDrafts({ membersMax: 16, partitionBitsMax: 6 });
      let equal = 0;
      let all = 0;
      fc.assert(
        fc.property(clusters, fc.array(changeDrafts, { minLength: 1, maxLength: 4 }), (draft, changes) => {
          let ring = ringFrom(draft);
          changes.forEach((change, i) => {
            const planned = plan(ring, [changeFrom(ring, change, { number: 1000 + i, zones: draft.zones })], { n: draft.n });
            const loads = planned.after.members.map(({ replicas }) => replicas);
            const { rounded } = loadBounds(planned.after.members.map(({ ideal }) => ideal));
            const fewest = fewestMovesByFlow({
              tree: zoneTree(planned.ring.members, Math.min(draft.n, planned.ring.members.length)),
              original: heldToday(ring, planned.ring),
              least: rounded.least.map((least, member) => Math.min(least, loads[member])),
              most: rounded.most.map((most, member) => Math.max(most, loads[member])),
            });
            expect(fewest).toBeDefined();
            expect(planned.moves.length).toBeLessThanOrEqual(1.05 * (fewest ?? 0));
            expect(planned.fewestMoves).toBeLessThanOrEqual(fewest ?? 0);
            if (planned.moves.length === fewest) equal++;
            all++;
            ring = planned.ring;
          });
        }),
        { numRuns: long ? 1000 : 40 },
      );
      // Only a layout from nothing, taken for its few replica sets, may move more than it must.
      expect(equal).toBeGreaterThan(0.9 * all);
    },
    testMs,
  );

  it('of a join are a fair share and nothing else, where zones do not stand in the way', () => {
    for (const [members, partitions] of [
      [5, 1024],
      [30, 1024],
      [99, 4096],
    ]) {
      const drafts = Array.from({ length: members }, () => ({ weight: 1, zone: 0 }));
      const ring = ringFrom({ partitions, n: 3, zones: 1, members: drafts });
      const { moves } = plan(ring, [{ kind: 'join', member: { id: 'new', name: 'new' } }]);
      const share = (3 * partitions) / (members + 1);
      expect(moves.length).toBeLessThanOrEqual(Math.ceil(share));
      expect(moves.length).toBeGreaterThanOrEqual(Math.floor(share));
      expect(moves.every(({ to, from }) => to === 'new' && from !== undefined)).toBe(true);
    }
  });
});
