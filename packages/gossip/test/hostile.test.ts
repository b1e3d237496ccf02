/** Well-formed messages that lie, and true ones that are said again: neither may break a member, or what the others believe in the end. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MemberRecord, Message } from '../src/message.ts';
import { encodeMessage } from '../src/wire.ts';
import { envelope, profileOf, standing } from './arbitraries.ts';
import { addressOf, Conversation, idOf, selfOf } from './conversation.ts';
import { Sfc32 } from './virtual-cluster.mjs';

const names = 'abcde';

/** Records that say anything about the members, up to incarnations that a clock could give. */
const lie: fc.Arbitrary<MemberRecord> = fc.constantFrom(...Array.from(names)).chain((name) =>
  fc.record({
    id: fc.constant(idOf(name)),
    standing: standing.map((one) => ({ ...one, incarnation: one.incarnation % 2 ** 41 })),
    profile: profileOf(idOf(name)).map((one) => ({ ...one, incarnation: one.incarnation % 2 ** 41 })),
  }),
);

/** Lets so many seconds pass, and something bad happen every 20 ms. */
function during(conversation: Conversation, seconds: number, bad: (round: number) => void): void {
  for (let round = 0; round < seconds * 50; round++) {
    bad(round);
    conversation.runSeconds(0.02);
  }
}

/** What each member believes of the others: state and address. */
function beliefs(conversation: Conversation): unknown[] {
  return Array.from(names, (by) =>
    Array.from(names, (about) => [
      conversation.machine(by).stateOf(idOf(about)),
      conversation.machine(by).member(idOf(about))?.profile.address,
    ]),
  );
}

const wellAndWhereTheyAre = Array.from(names, () => Array.from(names, (about) => ['alive', addressOf(about)]));

describe('a liar among the members', () => {
  it('is outbid: when it is gone, all are taken for alive again, and are reached where they are', () => {
    const conversation = new Conversation();
    for (const name of names) conversation.start(name, { cluster: 'here', seeds: [addressOf('a'), addressOf('b')] });
    conversation.runSeconds(20);
    const lies = fc.sample(fc.array(lie, { minLength: 1, maxLength: 2 }), { numRuns: 500, seed: 1 });
    during(conversation, 10, (round) => {
      const victim = names[round % names.length];
      const speaker = names[Math.floor(round / 7) % names.length];
      if (speaker === victim) return;
      const bytes = encodeMessage({ cluster: 'here', sender: idOf(speaker), message: { kind: 'gossip', records: lies[round] } });
      conversation.do(victim, (machine, now) => machine.receive(now, addressOf(speaker), bytes));
    });
    conversation.runSeconds(60);
    expect(beliefs(conversation)).toEqual(wellAndWhereTheyAre);
  });

  it('that gives somebody another address under the incarnation that it has is outbid as well', () => {
    const conversation = Conversation.of('abc');
    const record = (profileIncarnation: number): MemberRecord => ({
      id: idOf('b'),
      standing: { incarnation: 1, state: 'alive', witnesses: [] },
      profile: { ...selfOf('b'), incarnation: profileIncarnation, address: 'nowhere:1' },
    });
    const message: Message = { kind: 'gossip', records: [record(2 ** 40)] };
    const bytes = encodeMessage({ cluster: 'here', sender: idOf('c'), message });
    conversation.do('a', (machine, now) => machine.receive(now, addressOf('c'), bytes));
    expect(conversation.machine('a').member(idOf('b'))?.profile.address).toBe('nowhere:1');
    conversation.runSeconds(60);
    expect(Array.from('abc', (name) => conversation.machine(name).member(idOf('b'))?.profile.address)).toEqual(
      Array(3).fill(addressOf('b')),
    );
  });

  it('that parts two sides by telling each that the other has left is found out without a seed', () => {
    const conversation = Conversation.of('abc');
    const left = (name: string): MemberRecord => ({ id: idOf(name), standing: { incarnation: 9, state: 'left', witnesses: [] } });
    const tell = (to: string, ...about: string[]): void => {
      const message: Message = { kind: 'gossip', records: about.map(left) };
      const bytes = encodeMessage({ cluster: 'here', sender: idOf('f'), message });
      conversation.do(to, (machine, now) => machine.receive(now, addressOf('f'), bytes));
    };
    tell('a', 'b', 'c');
    tell('b', 'a');
    tell('c', 'a');
    conversation.runSeconds(30);
    const states = Array.from('abc', (by) => Array.from('abc', (about) => conversation.machine(by).stateOf(idOf(about))));
    expect(states.flat()).toEqual(Array(9).fill('alive'));
  });
});

describe('anything at all', () => {
  it('from anybody is survived, within the tables and the budget', () => {
    const conversation = Conversation.of(names);
    const messages = fc.sample(envelope, { numRuns: 3000, seed: 2 });
    const before = conversation.machine('a').counters.sentBytes;
    during(conversation, 60, (round) => {
      const { sender, message } = messages[round];
      const bytes = encodeMessage({ cluster: 'here', sender, message });
      conversation.do('a', (machine, now) => machine.receive(now, 'liar:1', bytes));
    });
    const machine = conversation.machine('a');
    expect(machine.counters.malformed).toBe(0);
    expect((machine.counters.sentBytes - before) / 60).toBeLessThan(20_000 + 50 * 1400);
    expect(machine.size.known).toBeLessThan(10_000);
    for (const { now, most } of Object.values(machine.bounds)) expect(now).toBeLessThanOrEqual(most);
    expect(machine.bounds['gossipMembers']?.now).toBeGreaterThan(names.length);
    for (const name of names) expect(conversation.machine('a').stateOf(idOf(name))).toBe('alive');
  });
});

describe('messages that are said again', () => {
  it('later change no belief', () => {
    const conversation = new Conversation(3);
    const heard: { readonly to: string; readonly from: string; readonly bytes: Uint8Array }[] = [];
    conversation.overhear((from, to, bytes) => heard.push({ from, to, bytes }));
    for (const name of names) conversation.start(name, { cluster: 'here', seeds: [addressOf('a')] });
    conversation.runSeconds(20);
    // A death and a return are among what was said.
    conversation.stop('e');
    conversation.runSeconds(30);
    conversation.resume('e');
    conversation.runSeconds(30);
    conversation.overhear(() => undefined);
    expect(beliefs(conversation)).toEqual(wellAndWhereTheyAre);
    const random = new Sfc32(4);
    const incarnations = (): unknown[] => Array.from(names, (name) => conversation.machine('a').member(idOf(name))?.profile.incarnation);
    const before = incarnations();
    conversation.text();
    during(conversation, 60, () => {
      const { from, to, bytes } = heard[random.u32() % heard.length];
      conversation.do(to, (machine, now) => machine.receive(now, addressOf(from), bytes));
    });
    expect(conversation.text((line) => /→ (suspect|dead|left)/.test(line))).toBe('\n');
    expect(incarnations()).toEqual(before);
  });
});
