import { describe, expect, it } from 'vitest';
import { createRing, withMember, withoutMember, withReplicas, withWeight } from '../src/index.ts';

const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
const [one, two, three] = ['one', 'two', 'three'].map((id) => ({ id, name: id }));
const first = createRing({ partitions: 64, members: [one] });
const joined = withMember(withMember(first, two), three);

describe('decisions', () => {
  it('count epochs, and leave the ring that they are made on as it was', () => {
    const before = structuredClone(first);
    const after = withWeight(withReplicas(withMember(first, two), [{ partition: 5, members: ['two', 'one'] }]), 'two', 3);
    expect(after.epoch).toBe(4);
    expect(after.members).toEqual([one, { ...two, weight: 3 }]);
    expect(after.replicas[5]).toEqual([1, 0]);
    expect(after.replicas[4]).toEqual([0]);
    expect(first).toEqual(before);
  });

  it('take several partitions at once', () => {
    const lists = [1, 63].map((partition) => ({ partition, members: ['three'] }));
    const after = withReplicas(joined, lists);
    expect(after.epoch).toBe(joined.epoch + 1);
    expect(after.replicas.flatMap((list, partition) => (list[0] === 2 ? [partition] : []))).toEqual([1, 63]);
  });

  it('let a member go once it holds nothing, and count the others anew', () => {
    const held = withReplicas(joined, [{ partition: 7, members: ['two', 'three'] }]);
    expect(() => withoutMember(held, 'two')).toThrow(refused);
    const released = withReplicas(held, [{ partition: 7, members: ['three', 'one'] }]);
    const after = withoutMember(released, 'two');
    expect(after.members).toEqual([one, three]);
    expect(after.replicas[7]).toEqual([1, 0]);
    expect(after.replicas[8]).toEqual([0]);
    expect(() => withoutMember(first, 'one')).toThrow(refused);
  });

  it('refuse what would break the ring', () => {
    expect(() => withMember(first, one)).toThrow(refused);
    expect(() => withMember(first, { ...two, weight: -1 })).toThrow(refused);
    expect(() => withWeight(first, 'two', 2)).toThrow(refused);
    expect(() => withWeight(first, 'one', 0)).toThrow(refused);
    expect(() => withoutMember(first, 'two')).toThrow(refused);
    const lists = [
      { partition: 64, members: ['one'] },
      { partition: -1, members: ['one'] },
      { partition: 0, members: [] },
      { partition: 0, members: ['one', 'one'] },
      { partition: 0, members: ['nobody'] },
    ];
    for (const list of lists) expect(() => withReplicas(joined, [list])).toThrow(refused);
    const many = Array.from({ length: 17 }, (_, i) => ({ id: `m${i}`, name: `m${i}` }));
    const crowd = many.reduce(withMember, first);
    expect(() => withReplicas(crowd, [{ partition: 0, members: many.map(({ id }) => id) }])).toThrow(refused);
  });
});
