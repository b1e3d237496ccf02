/** What one machine does with what it meets, beyond the golden conversations. */
import { describe, expect, it } from 'vitest';
import { type Effect, GossipMachine } from '../src/index.ts';
import type { MemberRecord } from '../src/message.ts';
import { decodeMessage, encodeMessage } from '../src/wire.ts';
import { addressOf, Conversation, idOf, selfOf } from './conversation.ts';
import { Sfc32 } from './virtual-cluster.mjs';

/** The answer of a member to a ping; to anything else, something that is ignored. */
function ackOf(name: string, bytes: Uint8Array): Uint8Array {
  const { message } = decodeMessage(bytes);
  const seq = message.kind === 'ping' ? message.seq : 0;
  const from = {
    standing: { incarnation: 1, state: 'alive' as const, witnesses: [] },
    profile: { ...selfOf(name), incarnation: 1 },
    heartbeat: 1,
    epoch: 0,
  };
  return encodeMessage({ cluster: 'here', sender: idOf(name), message: { kind: 'ack', seq, from, records: [] } });
}

const kindsOf = (effects: readonly Effect[]): string[] => effects.map((effect) => effect.kind);

describe('a machine', () => {
  it('counts and ignores bad bytes', () => {
    const machine = Conversation.of('ab').machine('a');
    expect(machine.receive(10, 'x:1', Uint8Array.of(1, 2, 3))).toEqual([]);
    expect(machine.receive(10, 'x:1', new Uint8Array(0))).toEqual([]);
    expect(machine.counters.malformed).toBe(2);
    expect(machine.size).toEqual({ known: 2, up: 2 });
  });

  it('ignores other clusters, and reports them now and then', () => {
    const machine = Conversation.of('ab').machine('a');
    const records = [
      { id: idOf('e'), standing: { incarnation: 1, state: 'alive' as const, witnesses: [] }, profile: { ...selfOf('e'), incarnation: 1 } },
    ];
    const bytes = encodeMessage({ cluster: 'elsewhere', sender: idOf('e'), message: { kind: 'gossip', records } });
    expect(machine.receive(10, 'e:1', bytes)).toEqual([{ kind: 'foreign', cluster: 'elsewhere', address: 'e:1' }]);
    for (let now = 11; now < 1000; now++) expect(machine.receive(now, 'e:1', bytes)).toEqual([]);
    expect(machine.counters.foreign).toBe(990);
    expect(machine.stateOf(idOf('e'))).toBeUndefined();
  });

  it('reports who goes by its own id', () => {
    const machine = Conversation.of('ab').machine('a');
    const bytes = encodeMessage({ cluster: 'here', sender: idOf('a'), message: { kind: 'gossip', records: [] } });
    expect(machine.receive(10, 'copy:1', bytes)).toEqual([{ kind: 'clash', address: 'copy:1' }]);
  });

  it('does not take itself for another when it is its own seed under another name', () => {
    const conversation = new Conversation();
    conversation.start('a', { cluster: 'here', seeds: ['alias:1'] });
    const [machine] = conversation.cluster.machines;
    const pings = [];
    for (let now = 0; now < 3000 && pings.length === 0; now += 100)
      pings.push(...machine.tick(now).filter((effect) => effect.kind === 'send'));
    expect(pings).toMatchObject([{ address: 'alias:1' }]);
    expect(kindsOf(machine.receive(3000, 'alias:1', pings[0].bytes))).not.toContain('clash');
  });

  it('probes a member at once when a real request to it failed, and only probing decides', () => {
    const conversation = Conversation.of('abcd').runSeconds(5);
    conversation.text();
    conversation.do('a', (machine, now) => machine.evidence(now, idOf('b'), 'failed'));
    conversation.do('a', (machine, now) => machine.evidence(now, idOf('c'), 'failed'));
    expect(
      conversation
        .text()
        .split('\n')
        .filter((line) => line.includes('ping')),
    ).toHaveLength(1);
    conversation.runSeconds(5);
    expect(conversation.machine('a').stateOf(idOf('b'))).toBe('alive');

    conversation.stop('b');
    conversation.do('a', (machine, now) => machine.evidence(now, idOf('b'), 'failed'));
    conversation.runSeconds(1.1);
    expect(conversation.machine('a').stateOf(idOf('b'))).toBe('suspect');
  });

  it('greets a dead member that answered a real request, and so hears its refutation', () => {
    const conversation = Conversation.of('abcd').runSeconds(5);
    conversation.stop('b');
    conversation.runSeconds(8);
    expect(conversation.machine('a').stateOf(idOf('b'))).toBe('dead');
    conversation.resume('b');
    conversation.do('a', (machine, now) => machine.evidence(now, idOf('b'), 'answered'));
    conversation.runSeconds(0.1);
    expect(conversation.machine('a').member(idOf('b'))).toMatchObject({ state: 'alive', incarnation: 2 });
    expect(conversation.machine('b').counters.refuted).toBe(1);
  });

  it('knows a member by its id: another one at the same address is another member', () => {
    const conversation = Conversation.of('abcd').runSeconds(5);
    conversation.stop('b');
    const stranger = new GossipMachine({
      self: { ...selfOf('e'), address: addressOf('b') },
      incarnation: 1,
      cluster: 'here',
      seeds: [addressOf('a')],
      random: new Sfc32(9),
    });
    conversation.cluster.add(stranger, addressOf('b'));
    conversation.cluster.run(conversation.cluster.now + 10_000);
    expect(conversation.machine('a').stateOf(idOf('b'))).toBe('dead');
    expect(conversation.machine('a').member(idOf('e'))).toMatchObject({ state: 'alive', profile: { address: addressOf('b') } });
  });

  it('tells all of a new description', () => {
    const conversation = Conversation.of('abcd').runSeconds(5);
    const wish = { zone: 'dc2/r9', weight: 7, extensions: new Map([['protocol', '2']]) };
    conversation.do('b', (machine, now) => machine.revise(now, wish));
    conversation.runSeconds(2);
    for (const name of 'acd') expect(conversation.machine(name).member(idOf('b'))).toMatchObject({ incarnation: 2, profile: wish });
    expect(() => conversation.machine('b').revise(8000, { address: 'nowhere' })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('notices who knows a higher ring epoch', () => {
    const conversation = Conversation.of('ab').runSeconds(5);
    conversation.text();
    conversation.machine('b').setEpoch(4);
    const heard = conversation.runSeconds(3).text((line) => line.includes('epoch'));
    expect(heard).toContain(`a: epoch {"id":"${idOf('b')}","epoch":4}`);
    expect(heard).not.toContain('b: epoch');
    expect(conversation.machine('a').member(idOf('b'))?.epoch).toBe(4);
  });

  it('forgets only when told so, and then does not let others bring the member back', () => {
    const conversation = Conversation.of('abcd').runSeconds(5);
    conversation.stop('b');
    conversation.runSeconds(60);
    expect(conversation.machine('a').stateOf(idOf('b'))).toBe('dead');
    conversation.do('a', (machine, now) => machine.forget(now, idOf('b')));
    conversation.runSeconds(60);
    expect(conversation.machine('a').stateOf(idOf('b'))).toBeUndefined();
    expect(conversation.machine('c').stateOf(idOf('b'))).toBe('dead');
    conversation.start('b', { cluster: 'here', incarnation: 9, seeds: [addressOf('c')] });
    conversation.runSeconds(5);
    expect(conversation.machine('a').member(idOf('b'))).toMatchObject({ state: 'alive', incarnation: 9 });
  });

  it('outlives its former life, even when its clock went back', () => {
    const conversation = Conversation.of('abc').runSeconds(5);
    conversation.do('b', (machine, now) => machine.revise(now, { weight: 3 }));
    conversation.runSeconds(2);
    conversation.stop('b');
    conversation.start('b', { cluster: 'here', incarnation: 1, seeds: [addressOf('a')] });
    conversation.runSeconds(10);
    for (const name of 'abc')
      expect(conversation.machine(name).member(idOf('b'))).toMatchObject({ state: 'alive', incarnation: 3, profile: { weight: 1 } });
  });

  it('begins above the incarnation of the list that it restores, and refuses the list of another', () => {
    const before = new GossipMachine({ self: selfOf('a'), incarnation: 7, cluster: 'here', random: new Sfc32(1) });
    before.introduce(0, [{ ...selfOf('b'), incarnation: 3 }]);
    const after = new GossipMachine({ self: selfOf('a'), incarnation: 1, random: new Sfc32(1) });
    after.restore(0, before.snapshot());
    expect(after.cluster).toBe('here');
    expect(after.members().map(({ profile, incarnation }) => [profile.id, incarnation])).toEqual([
      [idOf('a'), 8],
      [idOf('b'), 3],
    ]);
    const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
    const elsewhere = new GossipMachine({ self: selfOf('a'), incarnation: 1, cluster: 'elsewhere', random: new Sfc32(1) });
    expect(() => elsewhere.restore(0, before.snapshot())).toThrow(refused);
    expect(() => new GossipMachine({ self: selfOf('b'), incarnation: 1, random: new Sfc32(1) }).restore(0, before.snapshot())).toThrow(
      refused,
    );
  });

  it('does not hold the time in which it slept against others', () => {
    const conversation = Conversation.of('abcd').runSeconds(5);
    conversation.stop('a');
    conversation.runSeconds(60);
    conversation.resume('a');
    conversation.text();
    conversation.runSeconds(10);
    expect(conversation.text((line) => /a: [bcd] .* → (suspect|dead)/.test(line))).toBe('\n');
    for (const name of 'abcd') expect(conversation.machine(name).size).toEqual({ known: 4, up: 4 });
    expect(conversation.machine('b').member(idOf('a'))).toMatchObject({ state: 'alive', incarnation: 2 });
  });

  it('alone needs no second witness, in company it does', () => {
    const alone = Conversation.of('abcd').runSeconds(5);
    alone.cut(() => false);
    alone.runSeconds(40);
    for (const name of 'abcd') expect(alone.machine(name).size).toEqual({ known: 4, up: 1 });

    // a hears nobody but may speak: its accusations are outbid, its verdicts are not believed
    const deaf = Conversation.of('abcd').runSeconds(5);
    deaf.text();
    deaf.cut((_, to) => to !== 'a');
    deaf.runSeconds(60);
    expect(deaf.text((line) => /[bcd]: [bcd] .* → dead/.test(line))).toBe('\n');
    for (const name of 'bcd') {
      expect(deaf.machine('b').member(idOf(name))).toMatchObject({ state: 'alive' });
      expect(deaf.machine(name).stateOf(idOf('a'))).toBe('dead');
    }
  });

  it('calls nobody dead on its own word while somebody else is there to ask, and does once nobody is', () => {
    const machine = new GossipMachine({ self: selfOf('a'), incarnation: 1, cluster: 'here', random: new Sfc32(1) });
    machine.introduce(0, [
      { ...selfOf('b'), incarnation: 1 },
      { ...selfOf('d'), incarnation: 1 },
    ]);
    machine.start(0);
    // d acknowledges pings, but never says what it found of b
    const runTo = (end: number, d: 'answers' | 'is silent'): void => {
      for (let now = machine.dueAt; now <= end; now = machine.dueAt) {
        const effects = [...machine.tick(now)];
        for (let effect = effects.shift(); effect !== undefined; effect = effects.shift()) {
          if (effect.kind === 'send' && effect.address === addressOf('d') && d === 'answers')
            effects.push(...machine.receive(now, addressOf('d'), ackOf('d', effect.bytes)));
        }
      }
    };
    runTo(120_000, 'answers');
    expect(machine.member(idOf('b'))).toMatchObject({ state: 'suspect', witnesses: [idOf('a')] });
    expect(machine.stateOf(idOf('d'))).toBe('alive');
    runTo(140_000, 'is silent');
    expect(machine.stateOf(idOf('b'))).toBe('dead');
  });

  it('does not listen to what one of the dead says of others, only to what it says of itself and of the listener', () => {
    const conversation = Conversation.of('abcd').runSeconds(5);
    conversation.stop('b');
    conversation.runSeconds(8);
    expect(conversation.machine('a').stateOf(idOf('b'))).toBe('dead');
    const accusation = (name: string): MemberRecord => ({
      id: idOf(name),
      standing: { incarnation: 1, state: 'suspect', witnesses: [idOf('b')] },
    });
    const say = (...records: MemberRecord[]): void =>
      conversation.do('a', (machine, now) =>
        machine.receive(now, addressOf('b'), encodeMessage({ cluster: 'here', sender: idOf('b'), message: { kind: 'gossip', records } })),
      );
    say(accusation('c'));
    expect(conversation.machine('a').stateOf(idOf('c'))).toBe('alive');
    say(accusation('a'));
    expect(conversation.machine('a').member(idOf('a'))).toMatchObject({ state: 'alive', incarnation: 2 });
  });

  it('lists so many members and no more', () => {
    const machine = new GossipMachine({ self: selfOf('a'), incarnation: 1, cluster: 'here', random: new Sfc32(1) });
    const profiles = Array.from({ length: 70_000 }, (_, i) => ({
      ...selfOf('b'),
      id: `b${i.toString().padStart(15, '0')}`,
      incarnation: 1,
    }));
    machine.introduce(0, profiles);
    expect(machine.size.known).toBe(65_536);
  });

  it('keeps to twenty kilobytes a second however much there is to tell', () => {
    const machine = new GossipMachine({ self: selfOf('a'), incarnation: 1, cluster: 'here', random: new Sfc32(1) });
    machine.start(0);
    for (let i = 0; i < 3000; i++) {
      const profile = { ...selfOf('b'), id: `b${i.toString().padStart(15, '0')}`, incarnation: 1 };
      const records = [{ id: profile.id, standing: { incarnation: 1, state: 'alive' as const, witnesses: [] }, profile }];
      machine.receive(0, 'b:1', encodeMessage({ cluster: 'here', sender: idOf('b'), message: { kind: 'gossip', records } }));
    }
    expect(machine.size.known).toBe(3001);
    for (let now = machine.dueAt; now <= 30_000; now = machine.dueAt) machine.tick(now);
    expect(machine.counters.sentBytes / 30).toBeLessThan(20_000);
    expect(machine.counters.sentBytes / 30).toBeGreaterThan(10_000);
  });

  it('refuses options that no message could carry', () => {
    const make = (options: object) => () => new GossipMachine({ self: selfOf('a'), incarnation: 1, random: new Sfc32(1), ...options });
    const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
    expect(make({ self: { ...selfOf('a'), id: '0'.repeat(16) } })).toThrow(refused);
    expect(make({ self: { ...selfOf('a'), id: 'A'.repeat(16) } })).toThrow(refused);
    expect(make({ self: { ...selfOf('a'), address: 'a:0' } })).toThrow(refused);
    expect(make({ self: { ...selfOf('a'), address: 'a:65536' } })).toThrow(refused);
    expect(make({ self: { ...selfOf('a'), zone: 'z'.repeat(129) } })).toThrow(refused);
    expect(make({ self: { ...selfOf('a'), weight: -1 } })).toThrow(refused);
    expect(make({ self: { ...selfOf('a'), extensions: new Map([['x', 'y'.repeat(254)]]) } })).toThrow(refused);
    expect(make({ cluster: 'c'.repeat(65) })).toThrow(refused);
    expect(make({ seeds: ['nowhere'] })).toThrow(refused);
    expect(make({ incarnation: 2 ** 48 })).toThrow(refused);
    expect(make({ cluster: 'c'.repeat(64), seeds: ['b:1'] })).not.toThrow();
  });

  it('says in words who is how, since when, and who says so', () => {
    const conversation = Conversation.of('abcd').runSeconds(5);
    conversation.stop('b');
    conversation.runUntil(() => conversation.machine('c').stateOf(idOf('b')) === 'suspect');
    conversation.runSeconds(1);
    expect(conversation.machine('c').member(idOf('b'))?.words).toMatch(/^suspected for [12] s by /);
    expect(conversation.machine('c').member(idOf('b'))?.words).toContain(['a', 'c', 'd'].map(idOf).join(', '));
    expect(conversation.machine('c').member(idOf('a'))?.words).toMatch(/^up for \d+ s$/);
    conversation.runSeconds(200);
    expect(conversation.machine('c').member(idOf('b'))?.words).toBe('down for 3 min');
    expect(
      conversation
        .machine('c')
        .members()
        .map(({ profile }) => profile.id),
    ).toEqual(['a', 'b', 'c', 'd'].map(idOf));
  });
});
