import { balanceOf } from '@coterie/ring';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holdsAnything, holdsAtRest } from '../src/cluster/changes.ts';
import { type Decision, decide } from '../src/cluster/decisions.ts';
import { driversOf } from '../src/cluster/driver.ts';
import { concernedBy, errandsOf, gainersOf } from '../src/cluster/moves.ts';
import { placementOf } from '../src/cluster/placement.ts';
import { planWishes } from '../src/cluster/plan.ts';
import { clusterRules } from '../src/cluster/rules.ts';
import { type ClusterState, isBarred, type Member, memberOf, type Wish } from '../src/cluster/state.ts';
import { stateOfOne } from './core.ts';

const refused = (code: string) => expect.objectContaining({ code });
let ids = 0;

function member(number: number, more: Partial<Member> = {}): Member {
  const id = number.toString(16).padStart(16, '0');
  return { id, name: `n${number}`, zone: '', weight: 1, peer: `n${number}:7072`, http: '', acceptor: 'first', ...more };
}

const idOf = (number: number): string => member(number).id;
const beginning = (state: ClusterState, ...wishes: Wish[]): Decision => ({
  kind: 'begin',
  id: `change-${ids++}`,
  wishes,
  ...planWishes(state, wishes),
});
const begin = (state: ClusterState, ...wishes: Wish[]): ClusterState => decide(state, beginning(state, ...wishes));
const joinOf = (number: number, more: Partial<Member> = {}): Wish => ({ kind: 'join', member: member(number, more) });

function advance(state: ClusterState, at = 0): ClusterState {
  const change = state.changes[at];
  if (change === undefined) throw new Error('nothing is under way');
  return decide(state, { kind: 'advance', id: `${change.id}-${change.phase}`, change: change.id, from: change.phase });
}

const done = (state: ClusterState): ClusterState => advance(advance(state));
const abort = (state: ClusterState, at = 0): ClusterState =>
  decide(state, { kind: 'abort', id: `abort-${ids++}`, change: state.changes[at]?.id ?? '' });
const lose = (state: ClusterState, number: number): ClusterState =>
  decide(state, { kind: 'lose', id: `lose-${ids++}`, member: idOf(number) });
const left = (state: ClusterState, number: number): ClusterState =>
  decide(state, { kind: 'left', id: `left-${ids++}`, member: idOf(number) });

/** The founder and n1 to n`count - 1`. */
function clusterOf(count: number, partitions = 64): ClusterState {
  let state = stateOfOne(partitions);
  for (let number = 1; number < count; number++) state = done(begin(state, joinOf(number)));
  return state;
}

const names = (ids: readonly string[], state: ClusterState): string[] => ids.map((id) => memberOf(state, id)?.name ?? id).sort();

describe('a leave', () => {
  it('moves what the member holds to others; then it is leaving, and gone once it says that it has nothing', () => {
    const moving = begin(clusterOf(5), { kind: 'leave', id: idOf(2) });
    expect(holdsAnything(moving, idOf(2))).toBe(true);
    const leaving = done(moving);
    expect(leaving.leaving).toEqual([idOf(2)]);
    expect(leaving.ring.replicas.every((holders) => holders.length === 3 && !holders.includes(2))).toBe(true);
    expect(leaving.stewards.map(({ id }) => id)).not.toContain(idOf(2));
    const gone = left(leaving, 2);
    expect(gone.members.map(({ name }) => name)).toEqual(['a', 'n1', 'n3', 'n4']);
    expect(gone.former).toMatchObject([{ id: idOf(2), how: 'left' }]);
    expect(isBarred(gone, idOf(2))).toBe(true);
  });

  it('is refused before nothing is held, and for one that is leaving already', () => {
    const moving = begin(clusterOf(5), { kind: 'leave', id: idOf(2) });
    expect(() => left(moving, 2)).toThrow(/not about to leave/);
    const leaving = done(moving);
    expect(() => begin(leaving, { kind: 'leave', id: idOf(2) })).toThrow(/leaving already/);
    expect(() => begin(stateOfOne(64), { kind: 'leave', id: stateOfOne().members[0]?.id ?? '' })).toThrow(/last member cannot leave/);
  });

  it('leaves nobody a hint who is leaving', () => {
    const leaving = done(begin(clusterOf(5), { kind: 'leave', id: idOf(2) }));
    for (let partition = 0; partition < 64; partition++) expect([...placementOf(leaving, partition, 3).fallbacks]).not.toContain(idOf(2));
  });
});

describe('an abort', () => {
  it('of dual-write leaves the lists as they were, and the newcomer leaving', () => {
    const before = clusterOf(4);
    const back = abort(begin(before, joinOf(4)));
    expect(back.ring.replicas).toEqual(before.ring.replicas);
    expect([back.changes, back.leaving]).toEqual([[], [idOf(4)]]);
    expect(back.ringEpoch).toBe(back.epoch);
    expect(left(back, 4).members.map(({ id }) => id)).toEqual(before.members.map(({ id }) => id));
  });

  it('of read-new reads the old lists and goes on writing both until everybody has heard of it', () => {
    const before = clusterOf(4);
    const reading = advance(begin(before, joinOf(4)));
    const [partition] = [...(reading.changes[0]?.moves.keys() ?? [])] as [number];
    const undoing = abort(reading);
    const { writeSets, readSet } = placementOf(undoing, partition, 3);
    expect([writeSets.length, readSet]).toEqual([2, writeSets[0]]);
    expect(undoing.leaving).toEqual([]);
    const back = advance(undoing);
    expect(back.ring.replicas).toEqual(before.ring.replicas);
    expect(back.leaving).toEqual([idOf(4)]);
  });

  it('gives a weight back, and is refused for what is done', () => {
    const before = clusterOf(4);
    const heavier = begin(before, { kind: 'weight', id: idOf(1), weight: 3 });
    expect([memberOf(heavier, idOf(1))?.weight, heavier.ring.members[1]?.weight]).toEqual([3, 3]);
    const back = abort(heavier);
    expect([memberOf(back, idOf(1))?.weight, back.ring.members[1]?.weight]).toEqual([1, 1]);
    expect(() => decide(back, { kind: 'abort', id: 'x', change: heavier.changes[0]?.id ?? '' })).toThrow(/not under way/);
  });
});

describe('a weight', () => {
  it('brings a member its share', () => {
    const after = done(begin(clusterOf(5), { kind: 'weight', id: idOf(1), weight: 2 }));
    const loads = balanceOf(after.ring, 3).members;
    expect(loads.map(({ replicas }) => replicas)).toEqual([32, 64, 32, 32, 32]);
  });

  it('is refused when nobody can have it', () => {
    const wish = { kind: 'weight', id: idOf(1), weight: 0 } as const;
    const state = clusterOf(3);
    const decision: Decision = { kind: 'begin', id: 'w', wishes: [wish], plannedFor: state.ringEpoch, moves: [] };
    expect(() => decide(state, decision)).toThrow(/weight is an integer from 1/);
  });
});

describe('a replacement', () => {
  it('moves nothing but what the old member holds, under its name and address if need be', () => {
    const before = clusterOf(5);
    const newcomer = member(9, { name: 'n2', peer: 'n2:7072' });
    const moving = begin(before, { kind: 'replace', id: idOf(2), by: newcomer, isLost: false });
    const held = before.ring.replicas.flatMap((holders, partition) => (holders.includes(2) ? [partition] : []));
    expect([...(moving.changes[0]?.moves.keys() ?? [])].sort((a, b) => a - b)).toEqual(held);
    expect(gainersOf(moving, moving.changes[0] as never)).toEqual([newcomer.id]);
    const after = done(moving);
    expect(after.leaving).toEqual([idOf(2)]);
    expect(left(after, 2).members.map(({ id }) => id)).toContain(newcomer.id);
  });

  it('of a lost one waits for nothing from it, and ends it at once', () => {
    const moving = begin(clusterOf(5), { kind: 'replace', id: idOf(2), by: member(9), isLost: true });
    const [change] = moving.changes;
    if (change === undefined) throw new Error('it has begun');
    expect(moving.stewards.map(({ id }) => id)).not.toContain(idOf(2));
    expect(errandsOf(moving, change, idOf(9)).map(({ source }) => source)).not.toContain(idOf(2));
    expect(concernedBy(moving, change)).not.toContain(idOf(2));
    const after = done(moving);
    expect(memberOf(after, idOf(2))).toBeUndefined();
    expect(after.former).toMatchObject([{ id: idOf(2), how: 'lost' }]);
    expect(() => begin(after, joinOf(2))).toThrow(/removed by force/);
  });
});

describe('a member that is lost', () => {
  it('is not waited for by changes that it was to give to, and those that it was to take from end', () => {
    const giving = lose(begin(clusterOf(5), joinOf(5)), 1);
    expect(giving.changes).toHaveLength(1);
    expect(concernedBy(giving, giving.changes[0] as never)).not.toContain(idOf(1));
    const taking = lose(begin(clusterOf(5), joinOf(5)), 5);
    expect(taking.changes).toEqual([]);
    expect(memberOf(taking, idOf(5))).toBeUndefined();
  });

  it('goes with the next change, whatever that is for', () => {
    const state = lose(clusterOf(5), 1);
    const after = done(begin(state, { kind: 'remove', id: idOf(1) }));
    expect(memberOf(after, idOf(1))).toBeUndefined();
    expect(after.lost).toEqual([]);
    expect(after.ring.replicas.every((holders) => holders.length === 3)).toBe(true);
    expect(Math.max(...after.ring.replicas.flat())).toBe(3);
  });

  it('has nothing to give away at rest while a change moves all that it holds', () => {
    const idle = lose(clusterOf(4), 1);
    expect([holdsAnything(idle, idOf(1)), holdsAtRest(idle, idOf(1))]).toEqual([true, true]);
    const moving = begin(idle, { kind: 'remove', id: idOf(1) });
    expect([holdsAnything(moving, idOf(1)), holdsAtRest(moving, idOf(1))]).toEqual([true, false]);
  });

  it('cannot be everybody', () => {
    const state = lose(clusterOf(2), 1);
    expect(() => decide(state, { kind: 'lose', id: 'x', member: state.members[0]?.id ?? '' })).toThrow(/last member/);
  });
});

describe('changes at once', () => {
  it('are begun together when they are committed together', () => {
    const wishes: Wish[] = [joinOf(5), joinOf(6), { kind: 'leave', id: idOf(1) }, { kind: 'weight', id: idOf(2), weight: 2 }];
    let state = clusterOf(5);
    for (const [at, wish] of wishes.entries()) state = decide(state, { kind: 'stage', id: `s${at}`, wish });
    expect(state.staged).toHaveLength(4);
    const moving = begin(state, ...state.staged);
    expect(moving.staged).toEqual([]);
    const after = left(done(moving), 1);
    expect(
      names(
        after.members.map(({ id }) => id),
        after,
      ),
    ).toEqual(['a', 'n2', 'n3', 'n4', 'n5', 'n6']);
    expect(balanceOf(after.ring, 3).members.map(({ replicas, ideal }) => Math.abs(replicas - ideal) <= 1)).not.toContain(false);
  });

  it('go side by side where their partitions differ, and are refused where not', () => {
    // Many partitions, and a member that asks for few of them.
    let state = clusterOf(8, 1024);
    state = begin(state, { kind: 'replace', id: idOf(2), by: member(9), isLost: false });
    expect(() => begin(state, joinOf(10))).toThrow(refused('NOT_READY'));
    const [first] = state.changes;
    const free = state.ring.replicas.findIndex(
      (holders, partition) => first !== undefined && !first.moves.has(partition) && holders.includes(1),
    );
    const holders = state.ring.replicas[free]?.map((at) => at) ?? [];
    const moves = [[free, [...holders].reverse()]] as const;
    const beside = decide(state, {
      kind: 'begin',
      id: 'beside',
      wishes: [{ kind: 'weight', id: idOf(1), weight: 1 }],
      plannedFor: state.ringEpoch,
      moves,
    });
    expect(beside.changes).toHaveLength(2);
    const after = done(done(beside));
    expect(after.ring.replicas[free]).toEqual([...holders].reverse());
    expect(after.leaving).toEqual([idOf(2)]);
  });

  it('that count on an aborted newcomer are aborted with it', () => {
    const state = begin(clusterOf(4), joinOf(4));
    const free = [...Array(64).keys()].find((partition) => !state.changes.some(({ moves }) => moves.has(partition))) as number;
    const beside = decide(state, {
      kind: 'begin',
      id: 'beside',
      wishes: [{ kind: 'weight', id: idOf(1), weight: 2 }],
      plannedFor: state.ringEpoch,
      moves: [[free, [4, 0, 1]]],
    });
    const back = abort(beside);
    expect(back.changes).toEqual([]);
    expect(memberOf(back, idOf(1))?.weight).toBe(1);
  });
});

describe('whoever drives a change', () => {
  it('is its newcomer, and when that is down who takes over, and then anybody', () => {
    const state = begin(clusterOf(4), joinOf(4));
    const [change] = state.changes;
    if (change === undefined) throw new Error('it has begun');
    expect(driversOf(state, change, () => true)[0]).toBe(idOf(4));
    expect(driversOf(state, change, (id) => id === idOf(2))[0]).toBe(idOf(2));
    expect(driversOf(state, change, () => false)).toEqual([]);
  });
});

describe('any row of decisions', () => {
  /** What somebody does next, whether or not it can be. */
  const step = fc.record({
    what: fc.constantFrom('join', 'leave', 'replace', 'weight', 'lose', 'abort', 'advance', 'left'),
    who: fc.nat(9),
  });

  function perform(state: ClusterState, { what, who }: { readonly what: string; readonly who: number }): ClusterState {
    const target = state.members[who % state.members.length]?.id ?? '';
    const fresh = member(100 + ids);
    switch (what) {
      case 'join':
        return begin(state, { kind: 'join', member: fresh });
      case 'leave':
        return begin(state, { kind: 'leave', id: target });
      case 'replace':
        return begin(state, { kind: 'replace', id: target, by: fresh, isLost: who % 2 === 0 });
      case 'weight':
        return begin(state, { kind: 'weight', id: target, weight: 1 + who });
      case 'lose':
        return decide(state, { kind: 'lose', id: `l${ids++}`, member: target });
      case 'abort':
        return abort(state, who % Math.max(1, state.changes.length));
      case 'left':
        return decide(state, { kind: 'left', id: `l${ids++}`, member: state.leaving[0] ?? target });
      default:
        return advance(state, who % Math.max(1, state.changes.length));
    }
  }

  function checkWhole(state: ClusterState): void {
    const { ring, members, changes, lost, leaving, stewards } = state;
    expect(ring.members.map(({ id }) => id)).toEqual(members.map(({ id }) => id));
    const moving = changes.flatMap(({ moves }) => [...moves.keys()]);
    expect(new Set(moving).size).toBe(moving.length);
    const going = new Set([...leaving, ...lost]);
    for (const holders of [...ring.replicas, ...changes.flatMap(({ moves }) => [...moves.values()])]) {
      expect(new Set(holders).size).toBe(holders.length);
      expect(holders.length).toBeGreaterThan(0);
      expect(holders.every((at) => ring.members[at] !== undefined)).toBe(true);
    }
    expect(leaving.every((id) => !lost.includes(id))).toBe(true);
    const settled = members.filter(({ id }) => !going.has(id));
    expect(stewards.length).toBeGreaterThan(0);
    expect(stewards.every(({ id }) => settled.length === 0 || !lost.includes(id))).toBe(true);
    expect(clusterRules.decodeState(clusterRules.encodeState(state))).toEqual(state);
  }

  it('leaves a whole ring, whose lists name members once each, and moves no partition twice', () => {
    let decided = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 8, maxLength: 25 }), (steps) => {
        let state = clusterOf(3);
        for (const one of steps) {
          try {
            state = perform(state, one);
            decided += 1;
          } catch (error) {
            if (!(error instanceof Error) || !('code' in error || error.message === 'nothing is under way')) throw error;
          }
          checkWhole(state);
        }
      }),
      { numRuns: 15 },
    );
    expect(decided).toBeGreaterThan(40);
  });
});
