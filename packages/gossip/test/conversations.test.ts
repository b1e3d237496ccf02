/** Golden conversations: what members say to each other in each of the situations that matter, line by line. */
import { describe, expect, it } from 'vitest';
import { addressOf, Conversation, idOf } from './conversation.ts';

const golden = (name: string): string => `./golden/${name}.txt`;
/** Without the routine, what is left is the story. */
const isStory = (line: string): boolean => !/ (ping|ack|gossip|digest) /.test(line) || / \| /.test(line);
const isAbout = (name: string) => (line: string) =>
  !line.includes('→ ') || new RegExp(`(${name} → | → ${name}|to ${name}|: ${name} |\\| .*${name} )`).test(line);

describe('conversations', () => {
  it('ping and ack', async () => {
    const conversation = Conversation.of('ab');
    await expect(conversation.runSeconds(3).text()).toMatchFileSnapshot(golden('ping-and-ack'));
  });

  it('a broken link: others reach the member, and nobody is suspected', async () => {
    const conversation = Conversation.of('abcd').runSeconds(5);
    conversation.text();
    conversation.cut((from, to) => `${from}${to}` !== 'ab');
    await expect(conversation.runSeconds(4).text(isAbout('b'))).toMatchFileSnapshot(golden('indirect-probe'));
    expect(conversation.machine('a').stateOf(idOf('b'))).toBe('alive');
  });

  it('a suspicion, refuted', async () => {
    const conversation = Conversation.of('abcd').runSeconds(5);
    conversation.text();
    conversation.stop('b');
    conversation.runUntil(() => conversation.machine('a').stateOf(idOf('b')) === 'suspect');
    conversation.runSeconds(1);
    expect(conversation.machine('a').stateOf(idOf('b'))).toBe('suspect');
    conversation.resume('b');
    await expect(conversation.runSeconds(2).text(isStory)).toMatchFileSnapshot(golden('suspicion-refuted'));
    expect(conversation.machine('a').member(idOf('b'))).toMatchObject({ state: 'alive', incarnation: 2 });
  });

  it('a suspicion, confirmed by witnesses: a death', async () => {
    const conversation = Conversation.of('abcd').runSeconds(5);
    conversation.text();
    conversation.stop('b');
    await expect(conversation.runSeconds(10).text(isStory)).toMatchFileSnapshot(golden('death-by-witnesses'));
    for (const name of 'acd') expect(conversation.machine(name).member(idOf('b'))).toMatchObject({ state: 'dead' });
    expect(conversation.machine('a').member(idOf('b'))?.witnesses.length).toBeGreaterThanOrEqual(2);
  });

  it('one leaves', async () => {
    const conversation = Conversation.of('abc').runSeconds(5);
    conversation.text();
    conversation.do('b', (machine, now) => machine.leave(now));
    conversation.runSeconds(1);
    conversation.stop('b');
    await expect(conversation.runSeconds(3).text(isStory)).toMatchFileSnapshot(golden('leave'));
    for (const name of 'ac') expect(conversation.machine(name).stateOf(idOf('b'))).toBe('left');
  });

  it('one joins through a seed', async () => {
    const conversation = Conversation.of('ab').runSeconds(5);
    conversation.text();
    conversation.start('c', { seeds: [addressOf('a')] });
    await expect(conversation.runSeconds(3).text(isAbout('c'))).toMatchFileSnapshot(golden('join-through-a-seed'));
    expect(conversation.machine('c').cluster).toBe('here');
    for (const name of 'abc') expect(conversation.machine(name).size).toEqual({ known: 3, up: 3 });
  });

  it('a cut in two, and healed', async () => {
    const conversation = Conversation.of('abcd').runSeconds(5);
    conversation.text();
    const side = (name: string): boolean => 'ab'.includes(name);
    conversation.cut((from, to) => side(from) === side(to));
    conversation.runSeconds(20);
    for (const name of 'abcd') expect(conversation.machine(name).size).toEqual({ known: 4, up: 2 });
    const before = conversation.text(isStory);
    conversation.cut(() => true);
    await expect(`${before}        healed\n${conversation.runSeconds(10).text(isStory)}`).toMatchFileSnapshot(golden('cut-and-healed'));
    for (const name of 'abcd') expect(conversation.machine(name).size).toEqual({ known: 4, up: 4 });
  });
});
