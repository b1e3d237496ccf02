/** Decisions that were made up: whoever proposes or sends one gets a state or a typed refusal, and no member stops over it. */
import { isCoterieError } from '@coterie/env';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clusterRules, decodeDecision } from '../src/cluster/rules.ts';
import type { ClusterState, Member } from '../src/cluster/state.ts';
import { selfId, stateOfOne } from './core.ts';
import { stateOf } from './among-peers.ts';

const long = process.env['COTERIE_LONG'] !== undefined;

const newcomer: Member = { id: '00000000000000cc', name: 'c', zone: '', weight: 1, peer: 'c:7072', http: '', acceptor: 'first' };
/** By the ring of one member: it stands at 0, the newcomer will at 1. */
const joined = {
  member: newcomer,
  plannedFor: 1,
  moves: [
    [0, [0, 1]],
    [5, [1]],
  ],
};

/** Contents as they are meant. */
const wellMeant: readonly Readonly<Record<string, unknown>>[] = [
  { kind: 'join', ...joined },
  { kind: 'begin', wishes: [{ kind: 'join', member: newcomer }], plannedFor: joined.plannedFor, moves: joined.moves },
  { kind: 'begin', wishes: [{ kind: 'leave', id: selfId }], plannedFor: 1, moves: [] },
  { kind: 'stage', wish: { kind: 'weight', id: selfId, weight: 3 } },
  { kind: 'stage', wish: { kind: 'replace', id: selfId, by: newcomer, isLost: false } },
  { kind: 'unstage' },
  { kind: 'lose', member: selfId },
  { kind: 'left', member: selfId },
  { kind: 'advance', change: 'x', from: 'dual-write' },
  { kind: 'abort', change: 'x' },
  { kind: 'member', member: { id: selfId, peer: 'a:1', http: '', acceptor: 'second' } },
  { kind: 'bucket', name: 'b', given: { n: 2, w: 1 }, used: false },
  { kind: 'drop', name: 'b' },
];

const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(null, -1, 0.5, 1e300, 2 ** 53, '', selfId, '__proto__', [], [[]], {}, [[0, [0]]], [[0, []]], [[70_000, [9]]]),
);

/** A path into a value, as numbers: which of its parts, and so on. */
const path = fc.array(fc.nat(9), { minLength: 1, maxLength: 4 });

/** `value` with something else at the end of the path. */
function spoil(value: unknown, [at, ...rest]: readonly number[], other: unknown): unknown {
  if (at === undefined || typeof value !== 'object' || value === null || Object.keys(value).length === 0) return other;
  const copy: unknown[] | Record<string, unknown> = Array.isArray(value) ? [...(value as unknown[])] : { ...value };
  const name = Object.keys(value)[at % Object.keys(value).length] as string;
  Object.assign(copy, { [name]: spoil((value as Record<string, unknown>)[name], rest, other) });
  return copy;
}

const made = fc.oneof(
  fc.constantFrom(...wellMeant),
  fc.tuple(fc.constantFrom(...wellMeant), path, anything).map(([content, at, other]) => spoil(content, at, other)),
);
const states: readonly ClusterState[] = [stateOfOne(64), stateOf(3, [0, 1, 2])];

describe('a decision that was made up', () => {
  it('makes a state that can be kept, or is refused', () => {
    let applied = 0;
    fc.assert(
      fc.property(
        fc.oneof({ weight: 5, arbitrary: made }, { weight: 1, arbitrary: anything }),
        fc.constantFrom(...states),
        (content, state) => {
          const decision = { id: 'made-up', content: new TextEncoder().encode(JSON.stringify(content)) };
          try {
            const next = clusterRules.apply(state, decision) as ClusterState;
            expect(next.epoch).toBe(state.epoch + 1);
            expect(clusterRules.decodeState(clusterRules.encodeState(next)).epoch).toBe(next.epoch);
            expect(clusterRules.stewardsOf(next).length).toBeGreaterThan(0);
            applied++;
          } catch (error) {
            if (!isCoterieError(error)) throw error;
          }
        },
      ),
      { numRuns: long ? 50_000 : 3000 },
    );
    expect(applied).toBeGreaterThan(50);
  });

  it('is refused by the part that is wrong', () => {
    const read = (content: unknown): unknown => decodeDecision({ id: 'x', content: new TextEncoder().encode(JSON.stringify(content)) });
    const wrong: readonly [unknown, RegExp][] = [
      [{ kind: 'join', ...joined, member: { ...newcomer, weight: '1' } }, /it\.member\.weight/],
      [{ kind: 'join', ...joined, moves: [[0, ['0']]] }, /it\.moves\[\]\[1\]\[\]/],
      [{ kind: 'stage', wish: { kind: 'leave', id: 'zz' } }, /it\.wish\.id/],
      [{ kind: 'stage', wish: { kind: 'leave', id: selfId, stagedBy: 7 } }, /it\.wish\.stagedBy/],
      [{ kind: 'stage', wish: { kind: 'leave', id: selfId, stagedAtMs: 'noon' } }, /it\.wish\.stagedAtMs/],
      [{ kind: 7 }, /it\.kind/],
    ];
    for (const [content, words] of wrong) expect(() => read(content)).toThrow(words);
    expect(read({ kind: 'drop', name: 'b', why: 'a later version says so' })).toMatchObject({ kind: 'drop', name: 'b' });
  });
});
