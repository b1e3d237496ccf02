/** A cluster of ring logs: what callers may rely on while nothing is broken, and when something is refused. */
import { isCoterieError } from '@coterie/env';
import { describe, expect, it } from 'vitest';
import { RingLog } from '../src/index.ts';
import { Cluster, directory } from './cluster.ts';
import { act, teamRules } from './team.ts';

const names = ['n1', 'n2', 'n3'];
const code = (code: string) => expect.objectContaining({ name: 'CoterieError', code });

async function founded(options: Partial<ConstructorParameters<typeof Cluster>[0]> = {}): Promise<Cluster> {
  const cluster = new Cluster({ seed: 1, nodes: names, ...options });
  await cluster.found();
  return cluster;
}

describe('a ring log', () => {
  it('decides, and every node that catches up has the same', async () => {
    const cluster = await founded();
    for (const [i, word] of ['one', 'two', 'three', 'four'].entries()) {
      const proposer = cluster.log(names[i % 3]);
      const state = await cluster.until(proposer.propose(act(word, { word })));
      expect(state.words.at(-1)).toBe(word);
      expect(state).toBe(proposer.state);
    }
    for (const name of names) await cluster.until(cluster.log(name).catchUp(names.filter((other) => other !== name)));
    const digests = names.map((name) => cluster.log(name).digest());
    expect(digests[0]).toMatchObject({ cluster: 'test', lineage: 'test', epoch: 5 });
    expect(new Set(digests.map((digest) => digest?.hash)).size).toBe(1);
    expect(cluster.log('n2').state.words).toEqual(['one', 'two', 'three', 'four']);
  });

  it('takes proposals from nodes that are no stewards', async () => {
    const cluster = new Cluster({ seed: 3, nodes: [...names, 'n4'] });
    await cluster.found(names);
    const state = await cluster.until(cluster.log('n4').propose(act('x', { word: 'x' })));
    expect(state.words).toEqual(['x']);
    expect(cluster.log('n4').epoch).toBe(2);
  });

  it('puts all of many proposals made at once in one order', async () => {
    const cluster = await founded({ seed: 4 });
    const work = names.flatMap((name) => [1, 2, 3].map((i) => cluster.log(name).propose(act(`${name}.${i}`, { word: `${name}.${i}` }))));
    await cluster.until(Promise.all(work));
    for (const name of names) await cluster.until(cluster.log(name).catchUp(names));
    const { words } = cluster.log('n1').state;
    expect(words.toSorted()).toEqual(names.flatMap((name) => [1, 2, 3].map((i) => `${name}.${i}`)));
    expect(cluster.log('n3').state.words).toEqual(words);
    expect(cluster.log('n1').epoch).toBe(10);
  });

  it('evaluates a decision again on the state that came first', async () => {
    const cluster = await founded({ seed: 5 });
    const [a, b] = ['n1', 'n2'].map((name) => cluster.log(name).propose(act(name, { word: name, unless: name === 'n1' ? 'n2' : 'n1' })));
    const [first, second] = await cluster.until(Promise.allSettled([a, b]));
    const lost = first.status === 'rejected' ? first : second;
    expect([first.status, second.status].toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(lost).toMatchObject({ reason: code('PRECONDITION_FAILED') });
    expect((lost as PromiseRejectedResult).reason.details).toMatchObject({ mayHaveTakenEffect: false });
  });

  it('asks its proposer about every state that a decision would follow, and decides it on none that is objected to', async () => {
    const cluster = await founded({ seed: 8 });
    const seen: (readonly string[])[] = [];
    const objection = ({ words }: { readonly words: readonly string[] }): string | undefined => {
      seen.push(words);
      return words.length === 0 ? undefined : `${words.join()} came first`;
    };
    const racing = names.map((name) => cluster.log(name).propose(act(name, { word: name }), { objection }));
    const settled = await cluster.until(Promise.allSettled(racing));
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of settled) {
      if (one.status === 'fulfilled') continue;
      expect(one.reason).toMatchObject({ code: 'PRECONDITION_FAILED', message: expect.stringMatching(/^n\d came first$/) });
      expect(one.reason.details).toMatchObject({ mayHaveTakenEffect: false });
    }
    for (const name of names) await cluster.until(cluster.log(name).catchUp(names));
    expect(names.map((name) => cluster.log(name).state.words.length)).toEqual([1, 1, 1]);
    expect(seen.filter((words) => words.length === 0)).toHaveLength(3);
  });

  it('decides one id once', async () => {
    const cluster = await founded({ seed: 6 });
    const same = act('same', { padding: 'x' });
    await cluster.until(Promise.all(names.map((name) => cluster.log(name).propose(same))));
    await cluster.until(cluster.log('n1').propose(same));
    for (const name of names) await cluster.until(cluster.log(name).catchUp(names));
    expect(names.map((name) => cluster.log(name).epoch)).toEqual([2, 2, 2]);
  });

  it('tells listeners of each epoch, until they leave', async () => {
    const cluster = await founded({ seed: 7 });
    const heard: number[] = [];
    const leave = cluster.log('n2').onChange(({ epoch, state }) => {
      expect(state.words.length).toBe(epoch - 1);
      heard.push(epoch);
    });
    await cluster.until(cluster.log('n1').propose(act('a', { word: 'a' })));
    await cluster.until(cluster.log('n2').propose(act('b', { word: 'b' })));
    leave();
    await cluster.until(cluster.log('n2').propose(act('c', { word: 'c' })));
    expect(heard).toEqual([2, 3]);
  });

  it('goes on without a minority of stewards, and says so without a majority', async () => {
    const cluster = await founded({ seed: 8, log: { attemptsMax: 4 } });
    cluster.crash('n3');
    await cluster.until(cluster.log('n1').propose(act('two of three', { word: 'x' })));
    cluster.crash('n2');
    const alone = cluster.log('n1').propose(act('one of three', { word: 'y' }));
    await expect(cluster.until(alone)).rejects.toThrow(code('QUORUM_NOT_MET'));
    await cluster.boot('n2');
    await cluster.until(cluster.log('n1').propose(act('one of three', { word: 'y' })));
    expect(cluster.log('n1').state.words).toEqual(['x', 'y']);
  });

  it('stops waiting when its time is over, and says whether the decision may come all the same', async () => {
    const cluster = await founded({ seed: 9, log: { attemptsMax: 1000 } });
    cluster.isolate('n1');
    const cut = cluster.log('n1').propose(act('cut off', { word: 'x' }), { timeoutMs: 300 });
    const queued = cluster.log('n1').propose(act('behind it', { word: 'y' }), { timeoutMs: 100 });
    const [first, second] = await cluster.until(Promise.allSettled([cut, queued]));
    for (const one of [first, second]) expect(one).toMatchObject({ reason: code('TIMEOUT') });
    expect((second as PromiseRejectedResult).reason.details).toEqual({ mayHaveTakenEffect: false });
  });

  it('moves seats: a new steward votes, one without a seat does not', async () => {
    const cluster = new Cluster({ seed: 10, nodes: [...names, 'n4'] });
    await cluster.found(names);
    await cluster.until(cluster.log('n1').propose(act('out', { unseat: 'n3' })));
    await cluster.until(cluster.log('n1').propose(act('in', { seat: cluster.log('n4').self })));
    cluster.crash('n3');
    cluster.crash('n2');
    await cluster.until(cluster.log('n1').propose(act('with n4', { word: 'x' })));
    expect(cluster.log('n4').epoch).toBe(4);
  });
});

describe('a laggard', () => {
  it('gets what it missed in pages, and a snapshot when the records are gone', async () => {
    const cluster = await founded({ seed: 11, log: { recordsMax: 20 } });
    cluster.crash('n3');
    for (let i = 0; i < 50; i++) await cluster.until(cluster.log(names[i % 2]).propose(act(`d${i}`, { word: `w${i}` })));
    const n3 = await cluster.boot('n3');
    expect(n3.epoch).toBe(1);
    await cluster.until(n3.catchUp(['n1', 'n2']));
    expect(n3.digest()).toEqual(cluster.log('n1').digest());
    expect(n3.state.words.length).toBe(50);
    await cluster.until(n3.propose(act('d7', { word: 'again' })));
    expect(n3.state.words.length).toBe(50);
  });

  it('that proposes is brought up by the stewards it asks', async () => {
    const cluster = await founded({ seed: 12, log: { recordsMax: 8 } });
    cluster.crash('n3');
    for (let i = 0; i < 15; i++) await cluster.until(cluster.log('n1').propose(act(`d${i}`, { word: `w${i}` })));
    await cluster.boot('n3');
    await cluster.until(cluster.log('n3').propose(act('mine', { word: 'mine' })));
    expect(cluster.log('n3').state.words.length).toBe(16);
  });

  it('that is a steward is brought up by the proposer that needs it', async () => {
    const cluster = await founded({ seed: 13, log: { recordsMax: 8 } });
    cluster.crash('n3');
    for (let i = 0; i < 15; i++) await cluster.until(cluster.log('n1').propose(act(`d${i}`, { word: `w${i}` })));
    await cluster.boot('n3');
    cluster.crash('n2');
    await cluster.until(cluster.log('n1').propose(act('needs n3', { word: 'x' })));
    await cluster.pass(50);
    expect(cluster.log('n3').digest()).toEqual(cluster.log('n1').digest());
  });

  it('survives a restart with all that it learned', async () => {
    const cluster = await founded({ seed: 14, log: { recordsMax: 6 } });
    for (let i = 0; i < 20; i++) await cluster.until(cluster.log('n1').propose(act(`d${i}`, { word: `w${i}` })));
    const before = cluster.log('n1').digest();
    await cluster.until(cluster.log('n1').close());
    const again = await cluster.boot('n1');
    expect(again.digest()).toEqual(before);
    expect(again.state.words.length).toBe(20);
  });
});

describe('another cluster', () => {
  it('is refused, whoever asks', async () => {
    const cluster = new Cluster({ seed: 20, nodes: ['n1', 'n2', 'x1'] });
    for (const name of ['n1', 'n2', 'x1']) await cluster.boot(name);
    const create = (name: string, id: string) =>
      cluster.until(cluster.log(name).create({ cluster: id, state: { stewards: [cluster.log(name).self], words: [] } }));
    await create('n1', 'ours');
    await create('x1', 'theirs');
    await cluster.until(cluster.log('n2').catchUp(['n1']));
    await expect(cluster.until(cluster.log('n2').catchUp(['x1', 'n1']))).rejects.toThrow(/theirs/);
    await expect(cluster.until(cluster.log('x1').catchUp(['n1']))).rejects.toThrow(code('INVALID_ARGUMENT'));
    await expect(create('n2', 'third')).rejects.toThrow(code('INVALID_ARGUMENT'));
    const theirs = cluster.log('x1').digest();
    expect(theirs && cluster.log('n1').hear(theirs)).toBe('foreign');
    expect(cluster.log('n2').failure).toBeUndefined();
  });

  it('begins when a majority is gone for ever, and is told apart from the old lineage', async () => {
    const cluster = await founded({ seed: 21, log: { attemptsMax: 3 } });
    await cluster.until(cluster.log('n1').propose(act('before', { word: 'before' })));
    cluster.wipe('n2');
    cluster.crash('n3');
    const n1 = cluster.log('n1');
    await expect(cluster.until(n1.propose(act('stuck', { word: 'x' })))).rejects.toThrow(code('QUORUM_NOT_MET'));
    await cluster.until(n1.recoverUnsafe({ lineage: 'second', state: { ...n1.state, stewards: [n1.self] } }));
    expect(n1.epoch).toBe(2 ** 20);
    await cluster.until(n1.propose(act('after', { word: 'after' })));
    await cluster.boot('n3');
    await expect(cluster.until(cluster.log('n3').catchUp(['n1']))).rejects.toThrow(/lineage test .* not second/);
    await cluster.boot('n2');
    await cluster.until(cluster.log('n2').catchUp(['n1']));
    expect(cluster.log('n2').state.words).toEqual(['before', 'after']);
  });
});

describe('two histories', () => {
  it('stop whoever sees both', async () => {
    const cluster = await founded({ seed: 22 });
    const forked = new Cluster({ seed: 22, nodes: names });
    await forked.found();
    await cluster.until(cluster.log('n1').propose(act('a', { word: 'a' })));
    await forked.until(forked.log('n1').propose(act('b', { word: 'b' })));
    const other = forked.log('n1').digest();
    expect(other && cluster.log('n1').hear(other)).toBe('split');
    expect(cluster.log('n1').failure).toMatchObject({ code: 'CORRUPTION', details: { epoch: 2 } });
    await expect(cluster.until(cluster.log('n1').propose(act('c', { word: 'c' })))).rejects.toThrow(/two histories/);
    expect(cluster.log('n1').state.words).toEqual(['a']);
    await cluster.until(cluster.log('n2').propose(act('d', { word: 'd' })));
    expect(cluster.log('n2').state.words).toEqual(['a', 'd']);
  });
});

describe('refusals', () => {
  it('are typed', async () => {
    const cluster = await founded({ seed: 30, log: { proposalsMax: 2 } });
    const log = cluster.log('n1');
    await expect(log.propose({ id: '', content: new Uint8Array(0) })).rejects.toThrow(code('INVALID_ARGUMENT'));
    await expect(log.propose({ id: 'x', content: new Uint8Array((1 << 20) + 1) })).rejects.toThrow(code('TOO_LARGE'));
    await expect(log.propose(act('x', {}), { timeoutMs: 0 })).rejects.toThrow(code('INVALID_ARGUMENT'));
    await expect(log.catchUp([])).rejects.toThrow(code('INVALID_ARGUMENT'));
    await expect(cluster.until(log.propose({ id: 'no json', content: new Uint8Array(3) }))).rejects.toThrow(code('PRECONDITION_FAILED'));
    await expect(cluster.until(log.propose(act('nobody', { unseat: 'n1' })))).resolves.toBeDefined();
    const many = [1, 2, 3].map((i) => log.propose(act(`m${i}`, { word: `m${i}` })));
    const settled = await cluster.until(Promise.allSettled(many));
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(settled[2]).toMatchObject({ reason: code('OVERLOADED') });
  });

  it('keep a decision out that would leave nobody to decide, or too large a state', async () => {
    const cluster = new Cluster({ seed: 31, nodes: ['n1'] });
    await cluster.found();
    const log = cluster.log('n1');
    await expect(cluster.until(log.propose(act('nobody', { unseat: 'n1' })))).rejects.toThrow(code('PRECONDITION_FAILED'));
    for (let i = 0; i < 3; i++) await cluster.until(log.propose(act(`w${i}`, { word: `${i}`.repeat(1_000_000) })));
    await expect(cluster.until(log.propose(act('w4', { word: '4'.repeat(1_000_000) })))).rejects.toThrow(/the state would take/);
  });

  it('of a log that is empty, in use, another node’s, or closed', async () => {
    const cluster = new Cluster({ seed: 32, nodes: ['n1', 'n2'] });
    const log = await cluster.boot('n1');
    expect(log.epoch).toBe(0);
    expect(log.digest()).toBeUndefined();
    expect(() => log.state).toThrow(code('NOT_READY'));
    await expect(cluster.until(log.propose(act('x', {})))).rejects.toThrow(code('NOT_READY'));
    await cluster.boot('n2');
    await expect(cluster.until(cluster.log('n2').catchUp(['n1']))).rejects.toThrow(code('NOT_READY'));
    const { environment } = cluster.node('n1').simulation;
    const transport = { ask: () => Promise.reject(new Error('nobody')) };
    const open = (node: string) => cluster.until(RingLog.open({ directory, rules: teamRules, node, transport, environment }));
    await expect(open('n1')).rejects.toThrow(code('LOCKED'));
    await cluster.until(log.create({ cluster: 'c', state: { stewards: [log.self], words: [] } }));
    const late = log.propose(act('late', { word: 'late' }));
    const closed = await cluster.until(Promise.allSettled([late, log.close(), log.close()]));
    expect(closed[0].status === 'fulfilled' || isCoterieError(closed[0].reason, 'CLOSED')).toBe(true);
    await expect(cluster.until(log.propose(act('y', {})))).rejects.toThrow(code('CLOSED'));
    await expect(open('n2')).rejects.toThrow(/of node n1/);
    await expect(RingLog.open({ directory, rules: teamRules, node: 'n1', transport, environment, replies: 1 } as never)).rejects.toThrow(
      /replies is no option/,
    );
    await expect(open('n1')).resolves.toBeDefined();
  });
});
