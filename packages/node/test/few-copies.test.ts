/** Buckets that want fewer copies than the lists of the ring are long: only the first of a list hold their keys. */
import { describe, expect, it } from 'vitest';
import { errandsOf, foreignTo, gainersOf } from '../src/cluster/moves.ts';
import { placementOf } from '../src/cluster/placement.ts';
import type { Change, ClusterState } from '../src/cluster/state.ts';
import { selfId, stateOfOne } from './core.ts';

const id = (position: number): string => (position === 0 ? selfId : position.toString(16).padStart(16, '0'));

/** A ring of four in which partition 0 goes from one list to another, with a bucket of so many copies. */
function moving(before: readonly number[], after: readonly number[], n: number): { readonly state: ClusterState; readonly change: Change } {
  const one = stateOfOne(64);
  const members = [0, 1, 2, 3].map((position) => ({ ...one.members[0]!, id: id(position), name: `n${position}` }));
  const ring = {
    ...one.ring,
    members: members.map((member) => ({ id: member.id, name: member.name, weight: 1 })),
    replicas: one.ring.replicas.map((holders, partition) => (partition === 0 ? before : holders)),
  };
  const change: Change = { id: 'c', aims: [{ kind: 'join', member: id(3) }], phase: 'dual-write', moves: new Map([[0, after]]) };
  const buckets = new Map([['b', { generation: 1, given: { n }, exists: true }]]);
  return { state: { ...one, members, ring, changes: [change], buckets }, change };
}

describe('a member that moves forward in a list', () => {
  it('takes over what it is to hold of buckets with few copies', () => {
    const { state, change } = moving([0, 1, 2], [1, 3, 0], 1);
    expect(placementOf(state, 0, 1).writeSets).toEqual([[id(0)], [id(1)]]);
    expect(gainersOf(state, change).sort()).toEqual([id(1), id(3)].sort());
    expect(errandsOf(state, change, id(1)).map(({ source }) => source)).toEqual([id(2), id(0)]);
  });

  it('takes over nothing where every bucket had it hold everything before', () => {
    const { state, change } = moving([0, 1, 2], [1, 3, 0], 3);
    expect(gainersOf(state, change)).toEqual([id(3)]);
    expect(errandsOf(state, change, id(1))).toEqual([]);
  });

  it('leaves what it no longer holds of them to be cleared out, once nothing moves there any more', () => {
    const at = (n: number): ClusterState => moving([0, 1, 2], [0, 1, 2], n).state;
    expect(foreignTo({ ...at(3), changes: [] }, id(1))).not.toContain(0);
    expect(foreignTo({ ...at(1), changes: [] }, id(1))).toContain(0);
    expect(foreignTo(at(1), id(1))).not.toContain(0);
  });
});
