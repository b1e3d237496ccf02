import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Decision, decide } from '../src/cluster/decisions.ts';
import { concernedBy, errandsOf, gainersOf, passingHoldersOf, recoveryOf } from '../src/cluster/moves.ts';
import { placementOf } from '../src/cluster/placement.ts';
import { planWishes } from '../src/cluster/plan.ts';
import { clusterRules, decodeDecision, encodeDecision } from '../src/cluster/rules.ts';
import { seatStewards } from '../src/cluster/electorate.ts';
import { type ClusterState, type Member, memberOf } from '../src/cluster/state.ts';
import { partitionsIn } from '../src/store/partition-ranges.ts';
import { selfId, stateOfOne } from './core.ts';

const refused = (code: string) => expect.objectContaining({ code });

function member(number: number, more: Partial<Member> = {}): Member {
  const id = number.toString(16).padStart(16, '0');
  return { id, name: `n${number}`, zone: '', weight: 1, peer: `n${number}:7072`, http: '', acceptor: 'first', ...more };
}

const join = (state: ClusterState, one: Member): Decision => ({
  kind: 'join',
  id: `join-${one.id}`,
  member: one,
  ...planWishes(state, [{ kind: 'join', member: one }]),
});

function advance(state: ClusterState): ClusterState {
  const [change] = state.changes;
  if (change === undefined) throw new Error('nothing is under way');
  return decide(state, { kind: 'advance', id: `${change.id}-${change.phase}`, change: change.id, from: change.phase });
}

/** A cluster of so many members, each joined to the end. */
function clusterOf(count: number): ClusterState {
  let state = stateOfOne(64);
  for (let number = 1; number < count; number++) {
    state = decide(state, join(state, member(number)));
    state = advance(advance(state));
  }
  return state;
}

describe('a join', () => {
  it('goes through dual-write and read-new; only then the lists grow and the seats are given anew', () => {
    const before = clusterOf(2);
    const dual = decide(before, join(before, member(2)));
    expect(dual.ringEpoch).toBe(dual.epoch);
    expect(dual.stewards).toHaveLength(1);
    const [partition] = [...(dual.changes[0]?.moves.keys() ?? [])] as [number];
    const writing = placementOf(dual, partition, 3);
    expect(writing.writeSets.map((set) => set.length)).toEqual([2, 3]);
    expect(writing.readSet).toEqual(writing.writeSets[0]);
    const reading = advance(dual);
    expect(placementOf(reading, partition, 3)).toMatchObject({ readSet: writing.writeSets[1], writeSets: writing.writeSets });
    const done = advance(reading);
    expect(placementOf(done, partition, 3).writeSets).toEqual([writing.writeSets[1]]);
    expect(done.changes).toEqual([]);
    expect(done.stewards).toHaveLength(3);
    expect(done.ring.replicas.every((holders) => holders.length === 3)).toBe(true);
  });

  it('is refused while another is under way, and under a name or an address that is taken', () => {
    const state = clusterOf(3);
    const during = decide(state, join(state, member(3)));
    expect(() => decide(during, join(during, member(4)))).toThrow(refused('NOT_READY'));
    expect(() => decide(state, join(state, member(9, { name: 'n1' })))).toThrow(/the name n1 .* replace it/);
    expect(() => decide(state, join(state, member(9, { peer: 'n1:7072' })))).toThrow(/the address n1:7072/);
  });

  it('is refused when it was planned for another ring, or its moves cannot be', () => {
    const state = clusterOf(2);
    const stale = { ...join(state, member(2)), plannedFor: 1 } as Decision;
    expect(() => decide(state, stale)).toThrow(/planned for the ring of epoch 1/);
    const wrong = { ...join(state, member(2)), moves: [[0, [0, 7]]] } as Decision;
    expect(() => decide(state, wrong)).toThrow(/partition 0 cannot move so/);
  });

  it('asked for again by the same member only tells where it is reached', () => {
    const state = clusterOf(3);
    const again = decide(state, { ...join(stateOfOne(64), member(1, { peer: 'elsewhere:1' })), moves: [] } as Decision);
    expect(again.changes).toEqual([]);
    expect(memberOf(again, member(1).id)?.peer).toBe('elsewhere:1');
    expect(again.ringEpoch).toBe(state.ringEpoch);
  });

  it('has its next phase decided once', () => {
    const state = clusterOf(2);
    const dual = decide(state, join(state, member(2)));
    const again: Decision = { kind: 'advance', id: 'x', change: dual.changes[0]?.id ?? '', from: 'dual-write' };
    const reading = decide(dual, again);
    expect(decide(reading, again)).toEqual({ ...reading, epoch: reading.epoch + 1 });
  });
});

describe('what a change means for a member', () => {
  it('is to take over from every old holder, and the others wait for all who gain', () => {
    const state = clusterOf(3);
    const dual = decide(state, join(state, member(3)));
    const [change] = dual.changes;
    if (change === undefined) throw new Error('the join has begun');
    const errands = errandsOf(dual, change, member(3).id);
    for (const [partition, holders] of change.moves) {
      if (!holders.includes(3)) continue;
      const sources = errands.filter(({ ranges }) => ranges.some(([from, until]) => from <= partition && partition < until));
      expect(sources.map(({ source }) => source).sort()).toEqual(
        dual.ring.replicas[partition].map((at) => dual.ring.members[at].id).sort(),
      );
    }
    expect(gainersOf(dual, change)).toContain(member(3).id);
    expect(concernedBy(dual, change).sort()).toEqual(dual.members.map(({ id }) => id).sort());
    expect(errandsOf(dual, change, selfId)).toEqual([]);
  });

  it('streams each partition from one holder, and from all alike', () => {
    const dual = decide(clusterOf(3), join(clusterOf(3), member(3)));
    const [change] = dual.changes;
    if (change === undefined) throw new Error('the join has begun');
    const streams = errandsOf(dual, change, member(3).id).map(({ streamed }) => partitionsIn(streamed));
    const gained = [...change.moves].flatMap(([partition, holders]) => (holders.includes(3) ? [partition] : []));
    expect(streams.flat().sort((a, b) => a - b)).toEqual(gained.sort((a, b) => a - b));
    for (const { length } of streams) expect(length).toBeGreaterThan(gained.length / 6);
    // A holder that is dead for good gives nothing: the others give its part.
    const without = { ...dual, lost: [member(1).id] };
    expect(errandsOf(without, change, member(3).id).flatMap(({ streamed }) => partitionsIn(streamed)).length).toBe(gained.length);
  });

  it('is, after a loss, to take back from every other holder', () => {
    const errands = recoveryOf(clusterOf(3), selfId);
    expect(errands.map(({ source }) => source).sort()).toEqual([member(1).id, member(2).id]);
    expect(errands.every(({ ranges }) => String(ranges) === '0,64')).toBe(true);
  });

  it('is, after a loss while partitions move, to take back what those have who get them, and everything where it is read from', () => {
    const dual = decide(clusterOf(3), join(clusterOf(3), member(3)));
    const [change] = dual.changes;
    if (change === undefined) throw new Error('the join has begun');
    const got = [...change.moves].flatMap(([partition, holders]) => (holders.includes(3) ? [partition] : []));
    const sorted = got.sort((a, b) => a - b);
    const ofPassing = (state: ClusterState, id: string): (readonly [string, number[]])[] =>
      passingHoldersOf(state, id).map(({ source, ranges }) => [source, partitionsIn(ranges)]);
    expect(ofPassing(clusterOf(3), selfId)).toEqual([]);
    expect(ofPassing(dual, selfId)).toEqual([[member(3).id, sorted]]);
    // The mover brings a newcomer what it is to hold, until others read from it.
    expect(ofPassing(dual, member(3).id)).toEqual([]);
    const reading = { ...dual, changes: [{ ...change, phase: 'read-new' as const }] };
    const sources = new Map(ofPassing(reading, member(3).id));
    expect([...sources.keys()].sort()).toEqual([selfId, member(1).id, member(2).id].sort());
    for (const partitions of sources.values()) expect(partitions).toEqual(sorted);
    expect(ofPassing({ ...dual, lost: [member(3).id] }, selfId)).toEqual([]);
  });
});

describe('seats', () => {
  it('are odd, at most seven, and spread over zones', () => {
    const members = Array.from({ length: 12 }, (_, i) => member(i, { zone: i < 8 ? 'a/r1' : i < 10 ? 'b/r1' : 'c/r1' }));
    const seats = seatStewards(members).map(({ id }) => members.find((one) => one.id === id)?.zone.slice(0, 1));
    expect(seats.map(String).sort()).toEqual(['a', 'a', 'a', 'b', 'b', 'c', 'c']);
    expect([1, 2, 3, 4, 5, 9].map((count) => seatStewards(members.slice(0, count)).length)).toEqual([1, 1, 3, 3, 5, 7]);
  });

  it('follow a member into the new life of its votes', () => {
    const state = clusterOf(3);
    const { id, peer, http } = member(1);
    const next = decide(state, { kind: 'member', id: 'm', member: { id, peer, http, acceptor: 'second' } });
    expect(next.stewards.find((seat) => seat.id === id)?.acceptor).toBe('second');
  });
});

describe('buckets', () => {
  it('keep what was said before, and forget it when they are dropped', () => {
    let state = stateOfOne(64);
    state = decide(state, { kind: 'bucket', id: '1', name: 'b', given: { n: 5, w: 4 }, used: false });
    state = decide(state, { kind: 'bucket', id: '2', name: 'b', given: { siblingsMax: 9 }, used: true });
    expect(state.buckets.get('b')).toEqual({ generation: 1, given: { n: 5, w: 4, siblingsMax: 9 }, exists: true });
    expect(() => decide(state, { kind: 'bucket', id: '3', name: 'b', given: { conflict: 'lww' }, used: true })).toThrow(
      /conflict is fixed/,
    );
    state = decide(state, { kind: 'drop', id: '4', name: 'b' });
    expect(state.buckets.get('b')).toEqual({ generation: 2, given: {}, exists: false });
  });
});

describe('the bytes of the ring log', () => {
  it('are read as they were written', () => {
    const state = clusterOf(3);
    const decision = join(state, member(3));
    const states = [stateOfOne(64), state, decide(state, decision)];
    for (const one of states) expect(clusterRules.decodeState(clusterRules.encodeState(one))).toEqual(one);
    expect(decodeDecision(encodeDecision(decision, 1))).toEqual(decision);
    expect(clusterRules.apply(state, encodeDecision(decision, 1))).toEqual(states[2]);
  });

  it('are refused in a typed way when they are something else', () => {
    const hostile = (bytes: Uint8Array): void => {
      expect(() => clusterRules.decodeState(bytes)).toThrow(/./);
      try {
        clusterRules.decodeState(bytes);
      } catch (error) {
        expect(error).toMatchObject({ name: 'CoterieError' });
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), hostile));
    fc.assert(fc.property(fc.json(), (text) => hostile(new TextEncoder().encode(text))));
    const later = encodeDecision({ kind: 'merge-everything', id: 'x' } as unknown as Decision, 2);
    expect(() => clusterRules.apply(stateOfOne(64), later)).toThrow(refused('UNSUPPORTED_FORMAT'));
  });
});
