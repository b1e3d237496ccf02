import { describe, expect, it } from 'vitest';
import { balanceOf, plan, type Ring } from '../src/index.ts';
import { ringFrom } from './arbitrary-ring.ts';

const members = ['a', 'b', 'c'].map((name) => ({ id: name, name }));

describe('the balance', () => {
  it('counts replicas, primaries, shares and sets', () => {
    const ring: Ring = {
      epoch: 1,
      partitions: 64,
      members: [members[0], { ...members[1], weight: 2, zone: 'z' }, members[2]],
      replicas: Array.from({ length: 64 }, (_, i) => (i < 16 ? [0] : [1, 0])),
    };
    const { members: parts, ...whole } = balanceOf(ring, 1);
    expect(parts).toEqual([
      { id: 'a', name: 'a', weight: 1, zone: '', replicas: 64, primaries: 16, share: 64 / 112, ideal: 16 },
      { id: 'b', name: 'b', weight: 2, zone: 'z', replicas: 48, primaries: 48, share: 48 / 112, ideal: 32 },
      { id: 'c', name: 'c', weight: 1, zone: '', replicas: 0, primaries: 0, share: 0, ideal: 16 },
    ]);
    expect(whole).toEqual({ worst: 4, replicaSets: 2, scatterWidth: 1 });
  });

  it('has ideals that stop at one replica of every partition, and share out the rest', () => {
    const heavy = ringFrom({ partitions: 64, n: 2, zones: 1, members: [8, 1, 1].map((weight) => ({ weight, zone: 0 })) });
    expect(balanceOf(heavy, 2).members.map(({ ideal }) => ideal)).toEqual([64, 32, 32]);
  });

  it('has ideals that give every zone its copy', () => {
    const members = [0, 0, 0, 1, 2].map((zone) => ({ weight: 1, zone }));
    const ring = ringFrom({ partitions: 64, n: 3, zones: 3, members });
    const ideals = balanceOf(ring, 3).members.map(({ ideal }) => ideal);
    expect(ideals.map((ideal) => Math.round(ideal * 1000) / 1000)).toEqual([21.333, 21.333, 21.333, 64, 64]);
  });
});

describe('advice', () => {
  const codes = (ring: Ring, n = 3): string[] => plan(ring, [], { n }).advice.map(({ code }) => code);
  const equal = (count: number, zones: number, partitions = 1024): Ring =>
    ringFrom({ partitions, n: 3, zones, members: Array.from({ length: count }, (_, zone) => ({ weight: 1, zone })) });

  it('is silent when all is well', () => {
    expect(codes(equal(6, 1))).toEqual([]);
    expect(codes(equal(6, 3))).toEqual([]);
  });

  it('says when there are not members enough', () => {
    expect(codes(equal(3, 1), 5)).toEqual(['FEW_MEMBERS']);
  });

  it('says when there are not zones enough', () => {
    const [advice] = plan(equal(6, 2), []).advice;
    expect(advice).toMatchObject({
      code: 'FEW_ZONES',
      message: '3 copies lie in 2 zones: one zone holds 2 of some keys; 3 zones would hold one each',
    });
  });

  it('says which Q would do when partitions are too coarse, and that one does', () => {
    const coarse = equal(100, 1, 64);
    const [advice] = plan(coarse, []).advice;
    expect(advice.code).toBe('FEW_PARTITIONS');
    expect(advice.partitions).toBeGreaterThan(64);
    expect(codes(equal(100, 1, advice.partitions))).toEqual([]);
    expect(codes(equal(100, 1, (advice.partitions ?? 0) / 2))).toEqual(['FEW_PARTITIONS']);
  });

  it('names the members whose weight cannot be used', () => {
    const ring = ringFrom({ partitions: 1024, n: 3, zones: 1, members: [8, 1, 1, 1, 1].map((weight) => ({ weight, zone: 0 })) });
    const [advice] = plan(ring, []).advice;
    expect(advice).toMatchObject({ code: 'UNUSABLE_WEIGHT', members: [ring.members[0].id] });
  });
});
