/** One register, held to what Paxos promises: whatever is lost, repeated, late or crashed, no second value is chosen. */
import { describe, expect, it } from 'vitest';
import { answer, freshAcceptor } from '../src/acceptor.ts';
import { compareBallots, maxRound, roundLeapMax } from '../src/ballot.ts';
import { advanceProposer, beginProposer, type ProposerSettings } from '../src/proposer.ts';
import { RegisterWorld } from './register-world.ts';

const long = process.env['COTERIE_LONG'] !== undefined;
const seeds = long ? 20_000 : 1500;
const steps = 400;
const shapes = [
  { acceptors: 1, proposers: 2 },
  { acceptors: 2, proposers: 2 },
  { acceptors: 3, proposers: 2 },
  { acceptors: 3, proposers: 3 },
  { acceptors: 4, proposers: 2 },
  { acceptors: 5, proposers: 3 },
];

const value = (text: string): Uint8Array => new TextEncoder().encode(text);
const ballot = (round: number, proposer = 'p') => ({ round, proposer });

function settings(changes: Partial<ProposerSettings> = {}): ProposerSettings {
  const random = { u32: () => 2 ** 31, fill: (into: Uint8Array) => into };
  const acceptors = ['a1', 'a2', 'a3'];
  return { name: 'p', acceptors, value: value('mine'), replyMs: 100, backoffMs: 10, attemptsMax: 3, random, ...changes };
}

describe('a register under every fault', () => {
  it.each(shapes)('chooses one value: $acceptors acceptors, $proposers proposers', (shape) => {
    let decided = 0;
    for (let seed = 0; seed < seeds; seed++) {
      const world = new RegisterWorld({ ...shape, seed, answers: 'synced' });
      for (let i = 0; i < steps; i++) world.stepWithFaults();
      expect(world.chosen.size, `seed ${seed}: ${[...world.chosen].join(', ')}`).toBeLessThanOrEqual(1);
      decided += world.decided;
    }
    expect(decided).toBeGreaterThan(seeds / 2);
  });

  it.each(shapes)('decides once the faults stop: $acceptors acceptors, $proposers proposers', (shape) => {
    for (let seed = 0; seed < seeds / 10; seed++) {
      const world = new RegisterWorld({ ...shape, seed, answers: 'synced' });
      for (let i = 0; i < 100; i++) world.stepWithFaults();
      for (let i = 0; i < 20_000 && world.decided === 0; i++) world.stepWithoutFaults();
      expect(world.decided, `seed ${seed}`).toBeGreaterThan(0);
      expect(world.chosen.size).toBe(1);
    }
  });

  it('chooses two values when answers do not wait for the disk', () => {
    const broken = Array.from({ length: seeds }, (_, seed) => {
      const world = new RegisterWorld({ acceptors: 3, proposers: 3, seed, answers: 'atOnce' });
      for (let i = 0; i < steps; i++) world.stepWithFaults();
      return world.chosen.size > 1;
    });
    expect(broken.filter(Boolean).length).toBeGreaterThan(0);
  });
});

describe('an acceptor', () => {
  it('keeps its promise', () => {
    const { state, reply, mustPersist } = answer(freshAcceptor, { kind: 'prepare', ballot: ballot(5) });
    expect({ reply, mustPersist }).toEqual({ reply: { kind: 'promise', ballot: ballot(5), accepted: undefined }, mustPersist: true });
    for (const request of [
      { kind: 'prepare', ballot: ballot(4) },
      { kind: 'accept', ballot: ballot(5, 'o'), value: value('x') },
    ] as const) {
      expect(answer(state, request)).toMatchObject({ state, reply: { kind: 'refused', promised: ballot(5) }, mustPersist: false });
    }
  });

  it('repeats an answer without writing it again', () => {
    const promised = answer(freshAcceptor, { kind: 'prepare', ballot: ballot(1) });
    expect(answer(promised.state, { kind: 'prepare', ballot: ballot(1) })).toEqual({ ...promised, mustPersist: false });
    const accepted = answer(promised.state, { kind: 'accept', ballot: ballot(1), value: value('x') });
    expect(accepted.mustPersist).toBe(true);
    expect(answer(accepted.state, { kind: 'accept', ballot: ballot(1), value: value('x') })).toEqual({ ...accepted, mustPersist: false });
  });

  it('takes no second value under one ballot', () => {
    const { state } = answer(freshAcceptor, { kind: 'accept', ballot: ballot(1), value: value('x') });
    expect(() => answer(state, { kind: 'accept', ballot: ballot(1), value: value('y') })).toThrow(
      expect.objectContaining({ code: 'PROTOCOL' }),
    );
  });

  it('does not let one message use up all rounds', () => {
    const step = answer(freshAcceptor, { kind: 'prepare', ballot: ballot(maxRound) });
    expect(step).toMatchObject({ state: freshAcceptor, reply: { kind: 'refused' }, mustPersist: false });
    expect(answer(freshAcceptor, { kind: 'prepare', ballot: ballot(roundLeapMax) }).reply.kind).toBe('promise');
  });
});

describe('ballots', () => {
  it('are ordered by round, then by proposer', () => {
    const ordered = [ballot(0, 'z'), ballot(1, 'a'), ballot(1, 'b'), ballot(2, 'a')];
    for (const [i, a] of ordered.entries())
      for (const [j, b] of ordered.entries()) expect(Math.sign(compareBallots(a, b))).toBe(Math.sign(i - j));
  });
});

describe('a proposer', () => {
  it('takes over the value of the highest acceptance it hears of', () => {
    const { proposer } = beginProposer(settings({ acceptors: ['a1', 'a2', 'a3', 'a4', 'a5'] }), 0);
    const promise = (from: string, round: number) => ({
      kind: 'reply' as const,
      from,
      reply: { kind: 'promise' as const, ballot: proposer.ballot, accepted: { ballot: ballot(round, 'q'), value: value(`from ${round}`) } },
    });
    const one = advanceProposer({ ...proposer, ballot: proposer.ballot }, promise('a1', 0), 1);
    const two = advanceProposer(one.proposer, promise('a5', 7), 2);
    expect(two.request).toBeUndefined();
    const three = advanceProposer(two.proposer, promise('a3', 3), 3);
    expect(three.request).toEqual({ kind: 'accept', ballot: proposer.ballot, value: value('from 7') });
    expect(three.proposer.offered).toBe(false);
  });

  it('counts an acceptor once, and nobody else', () => {
    let { proposer } = beginProposer(settings(), 0);
    const promise = { kind: 'promise', ballot: proposer.ballot, accepted: undefined } as const;
    for (const from of ['a1', 'a1', 'stranger']) ({ proposer } = advanceProposer(proposer, { kind: 'reply', from, reply: promise }, 1));
    expect(proposer.phase.kind).toBe('preparing');
    expect(advanceProposer(proposer, { kind: 'reply', from: 'a2', reply: promise }, 1).proposer.phase.kind).toBe('accepting');
  });

  it('waits longer after each failure, goes above the round it met, and gives up', () => {
    let { proposer, request } = beginProposer(settings(), 0);
    const pauses: number[] = [];
    for (let nowMs = 0; proposer.phase.kind !== 'gaveUp'; nowMs = proposer.deadlineMs ?? nowMs) {
      for (const from of ['a1', 'a2']) {
        const reply = { kind: 'refused', ballot: proposer.ballot, promised: ballot(proposer.ballot.round + 10, 'q') } as const;
        ({ proposer } = advanceProposer(proposer, { kind: 'reply', from, reply }, nowMs));
      }
      if (proposer.deadlineMs === undefined) break;
      pauses.push(proposer.deadlineMs - nowMs);
      ({ proposer, request } = advanceProposer(proposer, { kind: 'time' }, proposer.deadlineMs));
      expect(request?.ballot.round).toBe(proposer.ballot.round);
    }
    expect(pauses).toEqual([10, 20]);
    expect(proposer).toMatchObject({ attempts: 3, phase: { kind: 'gaveUp' }, deadlineMs: undefined, ballot: { round: 23 } });
  });

  it('gives an attempt up as soon as no majority is left', () => {
    const { proposer, request } = beginProposer(settings(), 0);
    if (request === undefined) throw new Error('a proposer begins with a question');
    const lost = (from: string) => ({ kind: 'lost', from, request }) as const;
    const one = advanceProposer(proposer, lost('a1'), 1).proposer;
    expect(one.phase.kind).toBe('preparing');
    expect(advanceProposer(one, lost('a2'), 1).proposer.phase.kind).toBe('waiting');
  });
});
