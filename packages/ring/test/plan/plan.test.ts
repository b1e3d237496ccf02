import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balanceOf, createRing, plan, type Plan, type Ring, withMember, withoutMember, withReplicas } from '../../src/index.ts';
import { SpreadRule } from '../../src/plan/spread.ts';
import { zoneTree } from '../../src/plan/zone-tree.ts';
import { changeDrafts, changeFrom, type ClusterDraft, clusterDrafts, memberFrom, ringFrom } from '../arbitrary-ring.ts';

const long = process.env['COTERIE_LONG'] === '1';
const testMs = long ? 900_000 : 60_000;
const alone = { id: '00000000000000a1', name: 'one' };
const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' });

/** Everything that a planned ring promises, whatever it was planned from. */
function checkPromises({ ring, after }: Plan, n: number): void {
  const copies = Math.min(n, ring.members.length);
  const rule = new SpreadRule(zoneTree(ring.members, copies));
  const broken = ring.replicas.filter((list) => {
    const holders = Int32Array.from(list);
    const fits = (member: number, i: number): boolean =>
      !list.slice(0, i).includes(member) && rule.admits(holders, { start: 0, end: i }, -1, member);
    return list.length !== copies || !list.every(fits);
  });
  expect(broken).toEqual([]);
  const uneven = after.members.filter(({ replicas, primaries, ideal }) => {
    const isHeavy = replicas / ideal > Math.max(1.02, Math.ceil(ideal) / ideal);
    const isLight = replicas < Math.min(ideal * 0.98, Math.floor(ideal));
    return isHeavy || isLight || primaries < Math.floor(replicas / copies) || primaries > Math.ceil(replicas / copies);
  });
  expect(uneven).toEqual([]);
}

/** Carries the plan out with the ring's own steps, a partition at a time. */
function carryOut(ring: Ring, { ring: target, changed }: Plan): Ring {
  let now = ring;
  for (const member of target.members) if (!now.members.some(({ id }) => id === member.id)) now = withMember(now, member);
  const lists = changed.map((partition) => ({ partition, members: target.replicas[partition].map((index) => target.members[index].id) }));
  for (let i = 0; i < lists.length; i += 500) now = withReplicas(now, lists.slice(i, i + 500));
  for (const { id } of ring.members) if (!target.members.some((member) => member.id === id)) now = withoutMember(now, id);
  return now;
}

const idLists = ({ members, replicas }: Ring): string[] => replicas.map((list) => list.map((index) => members[index].id).join());

describe('a plan', () => {
  it(
    'keeps every promise for clusters built at once and changed step by step',
    () => {
      const sizes = long ? { membersMax: 200, partitionBitsMax: 14 } : { membersMax: 60, partitionBitsMax: 9 };
      fc.assert(
        fc.property(clusterDrafts(sizes), fc.array(changeDrafts, { maxLength: 4 }), (draft, changes) => {
          let ring = ringFrom(draft);
          checkPromises(plan(ring, [], { n: draft.n }), draft.n);
          changes.forEach((change, i) => {
            const real = changeFrom(ring, change, { number: 1000 + i, zones: draft.zones });
            const planned = plan(ring, [real], { n: draft.n });
            checkPromises(planned, draft.n);
            expect(idLists(carryOut(ring, planned))).toEqual(idLists(planned.ring));
            ring = planned.ring;
          });
        }),
        { numRuns: long ? 100 : 60 },
      );
    },
    testMs,
  );

  it.each([
    [200, 16_384, 5, 8],
    [100, 4096, 3, 1],
    [3, 64, 1, 8],
  ])('keeps every promise for %d members, %d partitions, %d zones and weights up to %d', (members, partitions, zones, heaviest) => {
    const drafts = Array.from({ length: members }, (_, i) => ({ weight: 1 + ((i * 5) % heaviest), zone: (i * 3) % zones }));
    for (const n of members > 100 ? [3] : [1, 2, 3, 5]) {
      const ring = ringFrom({ partitions, n, zones, members: drafts });
      const joined = plan(ring, [{ kind: 'join', member: memberFrom(1000, { weight: 2, zone: 1 }, zones) }], { n });
      checkPromises(joined, n);
      expect(joined.moves.length).toBeLessThanOrEqual(1.05 * joined.fewestMoves);
    }
  });

  it('takes several changes at once', () => {
    fc.assert(
      fc.property(clusterDrafts({ membersMax: 20, partitionBitsMax: 8 }), fc.integer({ min: 1, max: 8 }), (draft, joins) => {
        const ring = ringFrom(draft);
        const newcomers = Array.from({ length: joins }, (_, i) => memberFrom(1000 + i, { weight: 1 + i, zone: i }, draft.zones));
        const planned = plan(
          ring,
          [
            ...newcomers.map((member) => ({ kind: 'join' as const, member })),
            { kind: 'leave', id: ring.members[0].id },
            { kind: 'weight', id: ring.members[1].id, weight: 3 },
            { kind: 'replace', id: ring.members[2].id, by: memberFrom(2000, draft.members[2], draft.zones) },
          ],
          { n: draft.n },
        );
        checkPromises(planned, draft.n);
        expect(planned.ring.members).toHaveLength(ring.members.length + joins - 1);
        expect(planned.ring.members.find(({ id }) => id === ring.members[1].id)?.weight).toBe(3);
      }),
      { numRuns: 60 },
    );
  });

  it('leaves an even ring alone', () => {
    fc.assert(
      fc.property(clusterDrafts({ membersMax: 40, partitionBitsMax: 9 }), changeDrafts, (draft, change) => {
        const { n, zones } = draft;
        const ring = ringFrom(draft);
        const planned = plan(ring, [changeFrom(ring, change, { number: 1000, zones })], { n });
        const again = plan(planned.ring, [], { n });
        expect(again).toMatchObject({ moves: [], releases: [], changed: [], fewestMoves: 0 });
        expect(again.ring.replicas).toEqual(planned.ring.replicas);
      }),
      { numRuns: 80 },
    );
  });

  it('is the same for the same question', () => {
    const draft: ClusterDraft = {
      partitions: 256,
      n: 3,
      zones: 3,
      members: Array.from({ length: 20 }, (_, i) => ({ weight: 1 + (i % 4), zone: i })),
    };
    const ring = ringFrom(draft);
    expect(ringFrom(draft)).toEqual(ring);
    const leave = { kind: 'leave', id: ring.members[7].id } as const;
    expect(plan(ring, [leave])).toEqual(plan(structuredClone(ring), [leave]));
  });

  it('goes on from a ring whose lists have not grown yet', () => {
    let ring = createRing({ partitions: 64, members: [alone] });
    for (const name of ['two', 'three', 'four']) ring = withMember(ring, { id: name, name });
    ring = withReplicas(ring, [
      { partition: 3, members: ['two', alone.id] },
      { partition: 9, members: ['three', 'four', 'two'] },
    ]);
    const planned = plan(ring, []);
    checkPromises(planned, 3);
    expect(planned.ring.replicas[9].map((index) => planned.ring.members[index].id).toSorted()).toEqual(['four', 'three', 'two']);
    expect(planned.moves).toHaveLength(planned.fewestMoves);
  });

  it('shortens lists when there are fewer members or copies, and says what is released', () => {
    const three = ringFrom({ partitions: 64, n: 3, zones: 1, members: [1, 1, 1].map((weight) => ({ weight, zone: 0 })) });
    const left = plan(three, [{ kind: 'leave', id: three.members[1].id }]);
    checkPromises(left, 3);
    expect(left.moves).toEqual([]);
    expect(left.releases).toEqual(Array.from({ length: 64 }, (_, partition) => ({ partition, from: three.members[1].id })));
    const fewer = plan(three, [], { n: 2 });
    checkPromises(fewer, 2);
    expect(fewer.moves).toEqual([]);
    expect(fewer.releases).toHaveLength(64);
  });

  it('gives a replacement of equal weight and zone exactly what was held, in its place', () => {
    const ring = ringFrom({ partitions: 128, n: 3, zones: 3, members: Array.from({ length: 12 }, (_, zone) => ({ weight: 2, zone })) });
    const by = { ...ring.members[4], id: 'new', name: 'new' };
    const planned = plan(ring, [{ kind: 'replace', id: ring.members[4].id, by }]);
    expect(planned.ring.replicas).toEqual(ring.replicas);
    expect(planned.moves).toHaveLength(balanceOf(ring, 3).members[4].replicas);
    expect(new Set(planned.moves.map(({ from, to }) => `${from} ${to}`))).toEqual(new Set([`${ring.members[4].id} new`]));
  });

  it('refuses changes that cannot be', () => {
    const ring = createRing({ partitions: 64, members: [alone] });
    const two = { id: 'two', name: 'two' };
    const cases: Parameters<typeof plan>[1][] = [
      [{ kind: 'leave', id: alone.id }],
      [{ kind: 'leave', id: 'nobody' }],
      [{ kind: 'join', member: alone }],
      [{ kind: 'join', member: { ...two, weight: 0 } }],
      [{ kind: 'join', member: { ...two, zone: 'a//b' } }],
      [
        { kind: 'join', member: two },
        { kind: 'join', member: two },
      ],
      [{ kind: 'weight', id: alone.id, weight: 1025 }],
      [
        { kind: 'weight', id: alone.id, weight: 2 },
        { kind: 'leave', id: alone.id },
      ],
      [{ kind: 'replace', id: alone.id, by: alone }],
      [{ kind: 'replace', id: 'nobody', by: two }],
    ];
    for (const changes of cases) expect(() => plan(ring, changes)).toThrow(refused);
    for (const n of [0, 17, 1.5, Number.NaN]) expect(() => plan(ring, [], { n })).toThrow(refused);
  });
});

describe('distinct replica sets', () => {
  const scatter = (ring: Ring): number => balanceOf(ring, 3).scatterWidth;

  it('are at most four for each member when a cluster is made at once, and each member has few partners', () => {
    fc.assert(
      fc.property(clusterDrafts({ membersMax: 100, partitionBitsMax: 10 }), (draft) => {
        const { after, ring } = plan(ringFrom(draft), [], { n: draft.n });
        // A new set begins where a member's run does, in one of the four sections, and where a section begins.
        expect(after.replicaSets).toBeLessThanOrEqual(4 * (ring.members.length + 1));
      }),
      { numRuns: 40 },
    );
    const hundred = ringFrom({
      partitions: 4096,
      n: 3,
      zones: 5,
      members: Array.from({ length: 100 }, (_, zone) => ({ weight: 1, zone })),
    });
    // Two neighbours in each of the two other rows, in four sections; 99 if partners were chosen at random.
    expect(scatter(hundred)).toBeLessThanOrEqual(16);
  });

  it('stay few while a cluster grows from one member to fifty, one by one', () => {
    let ring = createRing({ partitions: 1024, members: [alone] });
    for (let i = 1; i < 50; i++) ring = plan(ring, [{ kind: 'join', member: memberFrom(i, { weight: 1, zone: 0 }, 1) }]).ring;
    // Partners at random would be nearly all 49 others: each member holds 61 partitions with two partners each.
    expect(scatter(ring)).toBeLessThanOrEqual(36);
    expect(balanceOf(ring, 3).replicaSets).toBeLessThanOrEqual(600);
  });
});
