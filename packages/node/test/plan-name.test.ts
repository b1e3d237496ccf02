/** Names of plans: what they stand for, and what alters nothing of what was shown. */
import { plan } from '@coterie/ring';
import { describe, expect, it } from 'vitest';
import { type Decision, decide } from '../src/cluster/decisions.ts';
import { planWishes, questionOf } from '../src/cluster/plan.ts';
import { clusterRules } from '../src/cluster/rules.ts';
import type { ClusterState, Member, Wish } from '../src/cluster/state.ts';
import { checkOutcome, checkStaged, nameOfPlan, parsePlanName, showPlanName } from '../src/topology/plan-name.ts';
import { stateOf } from './among-peers.ts';

const state = stateOf(5, [0, 1, 2]);
const [first, second, third, fourth] = state.members as [Member, Member, Member, Member];
const leave = ({ id }: Member): Wish => ({ kind: 'leave', id });
const weigh = ({ id }: Member, weight: number): Wish => ({ kind: 'weight', id, weight });
const newcomer: Member = { ...first, id: '00000000000000ff', name: 'late', peer: 'late:7072' };

function nameIn(of: ClusterState, wishes: readonly Wish[]): string {
  const { ring, changes, n } = questionOf(of, wishes);
  return showPlanName(nameOfPlan(wishes, plan(ring, changes, { n })));
}

function begun(wishes: readonly Wish[]): ClusterState {
  return decide(state, { kind: 'begin', id: 'change-1', wishes, ...planWishes(state, wishes) });
}

describe('the name of a plan', () => {
  it('is of what is staged, in whatever order, and of nothing else', () => {
    const name = nameIn(state, [leave(first), weigh(second, 2)]);
    expect(name).toMatch(/^plan-[0-9a-f]{8}-[0-9a-f]{8}$/);
    expect(nameIn(state, [weigh(second, 2), leave(first)])).toBe(name);
    const others = [[leave(first)], [leave(third), weigh(second, 2)], [leave(first), weigh(second, 3)], [leave(first), weigh(third, 2)]];
    const names = others.map((wishes) => nameIn(state, wishes));
    expect(new Set([...names, name]).size).toBe(others.length + 1);
  });

  it('stays when the same wish is staged again, by somebody else and later', () => {
    const stage = (stagedBy: string, stagedAtMs: number): Decision => ({
      kind: 'stage',
      id: 's',
      wish: { ...leave(first), stagedBy, stagedAtMs },
    });
    const once = decide(state, stage(second.id, 7));
    const again = decide(once, stage(third.id, 8));
    expect(again.staged).toEqual([{ ...leave(first), stagedBy: third.id, stagedAtMs: 8 }]);
    expect(new Set([once, again].map(({ staged }) => nameIn(state, staged)))).toEqual(new Set([nameIn(state, [leave(first)])]));
    for (const level of [1, 2])
      expect(clusterRules.decodeState(clusterRules.encodeState({ ...again, level })).staged).toEqual(again.staged);
  });

  it('tells a replacement of one that is lost from one that gives what it has', () => {
    const replace = (isLost: boolean): Wish => ({ kind: 'replace', id: first.id, by: newcomer, isLost });
    expect(nameIn(state, [replace(true)])).not.toBe(nameIn(state, [replace(false)]));
  });

  it('stays when the epoch moves for a reason without meaning to the plan', () => {
    const wishes: Wish[] = [leave(first), { kind: 'join', member: newcomer }];
    const name = nameIn(state, wishes);
    const { id, http, acceptor } = second;
    const moved = decide(state, { kind: 'member', id: 'm', member: { id, peer: 'elsewhere:7072', http, acceptor } });
    const bucket = decide(moved, { kind: 'bucket', id: 'b', name: 'cart', given: { n: 3 }, used: false });
    expect(bucket.epoch).toBe(state.epoch + 2);
    expect(nameIn(bucket, wishes)).toBe(name);
    const reachedElsewhere: Wish[] = [leave(first), { kind: 'join', member: { ...newcomer, peer: 'elsewhere:1', acceptor: 'second' } }];
    expect(nameIn(state, reachedElsewhere)).toBe(name);
  });

  it('stays while a change under way goes from phase to phase, and is another once that is taken back', () => {
    const wishes = [weigh(fourth, 2)];
    const dual = begun([leave(first)]);
    const name = nameIn(dual, wishes);
    expect(name).not.toBe(nameIn(state, wishes));
    const reading = decide(dual, { kind: 'advance', id: 'a1', change: 'change-1', from: 'dual-write' });
    const done = decide(reading, { kind: 'advance', id: 'a2', change: 'change-1', from: 'read-new' });
    expect([reading, done].map((later) => nameIn(later, wishes))).toEqual([name, name]);
    const back = decide(dual, { kind: 'abort', id: 'b1', change: 'change-1' });
    expect(nameIn(back, wishes)).toBe(nameIn(state, wishes));
  });

  it('is another when more copies are wanted, since other copies would move', () => {
    const wishes = [leave(first)];
    const wider = decide(state, { kind: 'bucket', id: 'b', name: 'cart', given: { n: 4 }, used: false });
    expect(nameIn(wider, wishes)).not.toBe(nameIn(state, wishes));
  });
});

describe('a plan that is named', () => {
  const shown = parsePlanName(nameIn(state, [leave(first)]));
  const refusal = (message: RegExp): object => ({
    code: 'PRECONDITION_FAILED',
    retryable: false,
    message: expect.stringMatching(message),
    details: { mayHaveTakenEffect: false },
  });
  const refusalOf = (work: () => void): unknown => {
    try {
      work();
    } catch (error) {
      return error;
    }
    return undefined;
  };

  it('is refused with what is staged now', () => {
    expect(refusalOf(() => checkStaged(shown, { ...state, staged: [leave(first)] }))).toBeUndefined();
    const both = { ...state, staged: [leave(first), weigh(second, 2)] };
    expect(refusalOf(() => checkStaged(shown, both))).toMatchObject(refusal(/^plan-.* is not begun: .* now: leave of n0, weight 2 of n1;/));
    expect(refusalOf(() => checkStaged(shown, state))).toMatchObject(refusal(/nothing is staged any more/));
    const many = { ...state, staged: Array.from({ length: 10 }, (_, at) => weigh(second, at + 1)) };
    expect(refusalOf(() => checkStaged(shown, many))).toMatchObject(refusal(/weight 8 of n1 and 2 more; coterie plan show/));
  });

  it('is refused when other copies would move', () => {
    expect(refusalOf(() => checkOutcome(shown, { ...shown }))).toBeUndefined();
    expect(refusalOf(() => checkOutcome(shown, { ...shown, outcome: '00000000' }))).toMatchObject(refusal(/the ring has changed/));
  });

  it.each(['', 'plan', 'change-1', 'plan-0123456-01234567', 'plan-01234567-0123456G', ' plan-01234567-01234567', 'x'.repeat(300)])(
    'is refused as a name when it is none: %j',
    (text) => {
      const error = refusalOf(() => parsePlanName(text));
      expect(error).toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/is not the name of a plan; coterie plan show/),
      });
      expect((error as Error).message.length).toBeLessThan(200);
    },
  );
});
