/** Two lists that differ in any way become one by reconciling alone, within a bounded number of rounds. */
import { SeededRandom } from '@coterie/simulator';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GossipMachine } from '../src/index.ts';
import type { MemberRecord } from '../src/message.ts';
import { decodeMessage, encodeMessage } from '../src/wire.ts';
import { addressOf, idOf, selfOf } from './conversation.ts';

const alive = (id: string, incarnation: number): MemberRecord => ({
  id,
  standing: { incarnation, state: 'alive', witnesses: [] },
  profile: { id, incarnation, address: 'x:1', zone: 'z', weight: 1, extensions: new Map() },
});
const memberId = fc
  .nat(2 ** 32 - 1)
  .map((n) => n.toString(16).padStart(8, '0').repeat(2))
  .filter((id) => !/^0+$/.test(id));
const record = fc
  .record({ id: memberId, incarnation: fc.nat(3), isLeft: fc.boolean() })
  .map(({ id, incarnation, isLeft }): MemberRecord => {
    const one = alive(id, incarnation);
    return isLeft ? { ...one, standing: { ...one.standing, state: 'left' } } : one;
  });
const knowledge = fc.uniqueArray(record, { maxLength: 300, size: 'max', selector: ({ id }) => id });

/** So long that no probe ends before the lists are equal. */
const periodMs = 3_600_000;

function machineThatKnows(name: string, records: readonly MemberRecord[]): GossipMachine {
  const machine = new GossipMachine({
    self: selfOf(name),
    incarnation: 1,
    cluster: 'c',
    random: new SeededRandom(3),
    timing: { periodMs },
  });
  for (const one of records)
    machine.receive(0, 'x:1', encodeMessage({ cluster: 'c', sender: idOf('f'), message: { kind: 'records', records: [one] } }));
  return machine;
}

/**
 * Lets through what belongs to reconciling, and nothing else; whoever it is meant for, the other of the two gets it. Returns the digests
 * that were sent until the lists were equal.
 */
function reconcile(a: GossipMachine, b: GossipMachine): number {
  const other = new Map([
    [idOf('a'), b],
    [idOf('b'), a],
  ]);
  for (const machine of [a, b]) machine.start(0);
  let digests = 0;
  for (let steps = 0; steps < 10_000 && digests < 100 && !a.digest.every((hash, i) => hash === b.digest[i]); steps++) {
    const now = Math.min(a.dueAt, b.dueAt);
    const queue = [a, b].flatMap((machine) => [...machine.tick(now)]);
    for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
      if (effect.kind !== 'send') continue;
      const { sender, message } = decodeMessage(effect.bytes);
      if (!['digest', 'summary', 'want', 'records'].includes(message.kind)) continue;
      if (message.kind === 'digest') digests++;
      queue.push(...(other.get(sender)?.receive(now, addressOf(sender[0]), effect.bytes) ?? []));
    }
  }
  return a.digest.every((hash, i) => hash === b.digest[i]) ? digests : Number.POSITIVE_INFINITY;
}

describe('reconciling', () => {
  it('makes two lists equal: the union, each member by its highest standing', () => {
    fc.assert(
      fc.property(knowledge, knowledge, (of, to) => {
        const both = [alive(idOf('a'), 1), alive(idOf('b'), 1)].map((one, i) => ({
          ...one,
          profile: { ...selfOf('ab'[i]), incarnation: 1 },
        }));
        const a = machineThatKnows('a', [...of, both[1]]);
        const b = machineThatKnows('b', [...to, both[0]]);
        expect(reconcile(a, b)).toBeLessThan(60);
        const expected = machineThatKnows('a', [...of, ...to, both[1]]);
        const facts = (machine: GossipMachine): unknown[] =>
          machine.members().map(({ profile, state, incarnation }) => [profile, state, incarnation]);
        expect(facts(a)).toEqual(facts(expected));
        expect(facts(b)).toEqual(facts(expected));
      }),
      { numRuns: 15 },
    );
  });
});
