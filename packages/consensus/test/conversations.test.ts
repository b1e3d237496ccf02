/** Golden conversations: what is said, and in which order, when a register or a ring log decides. */
import { describe, expect, it } from 'vitest';
import { type AcceptorState, answer, freshAcceptor } from '../src/acceptor.ts';
import { encodeDecision } from '../src/chain.ts';
import { advanceProposer, beginProposer, type Proposer, type ProposerEvent, type ProposerStep } from '../src/proposer.ts';
import type { RegisterRequest } from '../src/register.ts';
import { Cluster } from './cluster.ts';
import { act } from './team.ts';
import { golden, Phrases } from './trace.ts';

/** One register whose messages go where a script sends them. */
class Script {
  readonly lines: string[] = [];
  readonly #phrases = new Phrases();
  readonly #acceptors = new Map<string, AcceptorState>(['a1', 'a2', 'a3'].map((name) => [name, freshAcceptor]));
  readonly #proposers = new Map<string, Proposer>();
  readonly #asking = new Map<string, RegisterRequest>();
  #nowMs = 0;

  begin(name: string, value: string): void {
    const random = { u32: () => 2 ** 31, fill: (into: Uint8Array) => into };
    const settings = {
      name,
      acceptors: [...this.#acceptors.keys()],
      value: encodeDecision(act(value, {})),
      replyMs: 100,
      backoffMs: 10,
      attemptsMax: 5,
    };
    this.lines.push(`${name} begins, for ${value}`);
    this.#take(name, beginProposer({ ...settings, random }, this.#nowMs));
  }

  /** Delivers what a proposer asks to those acceptors, in order, and brings the answers back. */
  pass(name: string, ...acceptors: string[]): void {
    const request = this.#asking.get(name);
    if (request === undefined) throw new Error(`${name} asks nothing`);
    for (const acceptor of acceptors) {
      const step = answer(this.#acceptors.get(acceptor) ?? freshAcceptor, request);
      this.#acceptors.set(acceptor, step.state);
      this.lines.push(`${name} → ${acceptor}  ${this.#phrases.request(request)}`);
      this.lines.push(`${acceptor} → ${name}  ${this.#phrases.reply(step.reply)}${step.mustPersist ? '   (after a sync)' : ''}`);
      this.#event(name, { kind: 'reply', from: acceptor, reply: step.reply });
    }
  }

  /** Time goes on until a proposer wants to go on. */
  wait(name: string): void {
    this.#nowMs = Math.max(this.#nowMs, this.#proposers.get(name)?.deadlineMs ?? 0);
    this.lines.push(`${this.#nowMs} ms`);
    this.#event(name, { kind: 'time' });
  }

  #event(name: string, event: ProposerEvent): void {
    const proposer = this.#proposers.get(name);
    if (proposer !== undefined) this.#take(name, advanceProposer(proposer, event, this.#nowMs));
  }

  #take(name: string, { proposer, request }: ProposerStep): void {
    const before = this.#proposers.get(name)?.phase.kind;
    this.#proposers.set(name, proposer);
    if (request !== undefined) this.#asking.set(name, request);
    const { phase, deadlineMs } = proposer;
    if (phase.kind === before) return;
    if (phase.kind === 'waiting') this.lines.push(`${name} waits until ${deadlineMs} ms`);
    if (phase.kind === 'decided')
      this.lines.push(`${name} knows: decided, ${phase.origin === 'own' ? 'its own value' : 'the value it adopted'}`);
  }
}

describe('a register', () => {
  it('decides cleanly', () => {
    const script = new Script();
    script.begin('p', 'apple');
    script.pass('p', 'a1', 'a2', 'a3');
    script.pass('p', 'a1', 'a2', 'a3');
    expect(`${script.lines.join('\n')}\n`).toBe(golden('clean-decide', script.lines));
  });

  it('decides after a duel', () => {
    const script = new Script();
    script.begin('p', 'apple');
    script.begin('q', 'quince');
    script.pass('p', 'a1', 'a2');
    script.pass('q', 'a2', 'a3');
    script.pass('p', 'a2', 'a1', 'a3');
    script.pass('q', 'a1', 'a2');
    script.wait('p');
    script.pass('p', 'a1', 'a2');
    script.pass('p', 'a1', 'a2');
    expect(`${script.lines.join('\n')}\n`).toBe(golden('duel', script.lines));
  });

  it('adopts a value that may be chosen already', () => {
    const script = new Script();
    script.begin('p', 'apple');
    script.pass('p', 'a1', 'a2');
    script.pass('p', 'a1');
    script.begin('q', 'quince');
    script.pass('q', 'a3', 'a1');
    script.pass('q', 'a3', 'a1');
    expect(`${script.lines.join('\n')}\n`).toBe(golden('adoption', script.lines));
  });
});

/** A cluster whose messages are written down from `start` on. */
class Recorded {
  readonly lines: string[] = [];
  readonly cluster: Cluster;
  #isOn = false;

  constructor(seed: number, nodes: readonly string[]) {
    const phrases = new Phrases();
    const onMessage = (from: string, to: string, bytes: Uint8Array, kind: 'ask' | 'reply'): void => {
      if (this.#isOn) this.lines.push(`${from} → ${to}  ${phrases.message(bytes, kind)}`);
    };
    this.cluster = new Cluster({ seed, nodes, onMessage, log: { recordsMax: 4 } });
  }

  /** Whether messages are written down. */
  record(what: 'messages' | 'nothing'): void {
    this.#isOn = what === 'messages';
  }

  note(line: string): void {
    this.lines.push(`-- ${line}`);
  }

  async propose(node: string, id: string): Promise<void> {
    await this.cluster.until(this.cluster.log(node).propose(act(id, { word: id })));
    await this.cluster.pass(10);
    this.note(`${node}: ${id} is decided, epoch ${this.cluster.log(node).epoch}`);
  }
}

describe('a ring log', () => {
  it('keeps the vote of a steward that restarted', async () => {
    const recorded = await begun(41);
    const { cluster, lines } = recorded;
    recorded.note('n3 is cut off, and n1 does not hear what n2 accepts');
    cluster.isolate('n3');
    const half = cluster.log('n1').propose(act('half', { word: 'half' }), { timeoutMs: 15 });
    const failure = half.catch((error: unknown) => error);
    while (!lines.some((line) => line.includes('accept '))) await cluster.pass(1);
    cluster.cuts.add('n2>n1');
    expect(await cluster.until(failure)).toMatchObject({ code: 'TIMEOUT', details: { mayHaveTakenEffect: true } });
    recorded.note('n2 loses power and restarts; now n1 is cut off');
    cluster.crash('n2');
    cluster.cuts.clear();
    cluster.isolate('n1');
    await cluster.boot('n2');
    await recorded.propose('n3', 'mine');
    expect(cluster.log('n3').state.words).toEqual(['half', 'mine']);
    expect(`${lines.join('\n')}\n`).toBe(golden('restarted-steward', lines));
  });

  it('has no vote of a steward that was wiped', async () => {
    const recorded = await begun(42);
    const { cluster, lines } = recorded;
    recorded.note('n2 loses its disk');
    cluster.wipe('n2');
    await cluster.boot('n2');
    await cluster.until(cluster.log('n2').catchUp(['n1']));
    await recorded.propose('n1', 'without n2');
    recorded.note('n2 is seated anew');
    await cluster.until(cluster.log('n2').propose(act('seat', { seat: cluster.log('n2').self })));
    await cluster.pass(10);
    await recorded.propose('n1', 'with n2');
    expect(`${lines.join('\n')}\n`).toBe(golden('wiped-steward', lines));
  });

  it('brings a laggard up', async () => {
    const recorded = await begun(43);
    const { cluster, lines } = recorded;
    cluster.crash('n3');
    recorded.note('n3 is down');
    recorded.record('nothing');
    for (const id of ['a', 'b']) await recorded.propose('n1', id);
    recorded.record('messages');
    recorded.note('n3 is back, and catches up');
    await cluster.boot('n3');
    await cluster.until(cluster.log('n3').catchUp(['n2']));
    recorded.note('n3 is down again, and much is decided');
    cluster.crash('n3');
    recorded.record('nothing');
    for (const id of ['c', 'd', 'e', 'f', 'g']) await recorded.propose('n2', id);
    recorded.record('messages');
    recorded.note('n3 is back, and proposes');
    await cluster.boot('n3');
    await recorded.propose('n3', 'h');
    expect(`${lines.join('\n')}\n`).toBe(golden('laggard', lines));
  });
});

async function begun(seed: number): Promise<Recorded> {
  const recorded = new Recorded(seed, ['n1', 'n2', 'n3']);
  await recorded.cluster.found();
  recorded.record('messages');
  return recorded;
}
