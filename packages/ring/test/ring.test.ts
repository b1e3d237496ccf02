import { describe, expect, it } from 'vitest';
import { createRing, preferenceList } from '../src/index.ts';

const alone = { id: '00000000000000a1', name: 'one' };
const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' });

describe('a ring of one member', () => {
  it('gives every partition to it, whatever n asks', () => {
    const ring = createRing({ members: [alone] });
    expect(ring.partitions).toBe(1024);
    for (const high of [0, 1, 0x3fffff, 0x400000, 0x80000000, 0xffffffff]) {
      for (const n of [1, 3]) {
        const { partition, primaries, fallbacks } = preferenceList(ring, { high, low: 7 }, n);
        expect({ partition, primaries, fallbacks }).toEqual({ partition: Math.floor(high / 2 ** 22), primaries: [alone], fallbacks: [] });
      }
    }
  });

  it.each([0, 1, 63, 65, 100, 1023, 131_072, 1.5, Number.NaN, -64])('refuses %d partitions', (partitions) => {
    expect(() => createRing({ partitions, members: [alone] })).toThrow(refused);
  });

  it.each([64, 1024, 16_384, 65_536])('takes %d partitions', (partitions) => {
    expect(createRing({ partitions, members: [alone] }).replicas).toHaveLength(partitions);
  });

  it('refuses to begin with none or several', () => {
    expect(() => createRing({ members: [] })).toThrow(refused);
    expect(() => createRing({ members: [alone, alone] })).toThrow(refused);
  });

  it.each([
    { id: '' },
    { name: '' },
    { name: 'n'.repeat(257) },
    { weight: 0 },
    { weight: 1025 },
    { weight: 1.5 },
    { zone: '/rack' },
    { zone: 'a/b/c/d/e/f/g/h/i' },
    { address: '' },
  ])('refuses a member with %j', (wrong) => {
    expect(() => createRing({ members: [{ ...alone, ...wrong }] })).toThrow(refused);
  });

  it('takes a member with everything said', () => {
    const member = { ...alone, weight: 1024, zone: 'dc1/rack7/host3', address: 'node1.example:7072' };
    expect(createRing({ members: [member] }).members).toEqual([member]);
  });
});
