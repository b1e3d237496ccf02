/**
 * Registers in a world without time or order: acceptors that crash and lose what is not synced, proposers that come and
 * go, and messages that a seed delivers in any order, twice, or never. It notes every value that was ever chosen.
 */
import { SeededRandom } from '@coterie/simulator';
import { answer, freshAcceptor, type AcceptorState } from '../src/acceptor.ts';
import { showBallot } from '../src/ballot.ts';
import { advanceProposer, beginProposer, majorityOf, type Proposer, type ProposerEvent, type ProposerStep } from '../src/proposer.ts';
import type { RegisterReply, RegisterRequest } from '../src/register.ts';

/** How a world is. */
export interface WorldOptions {
  readonly seed: number;
  readonly acceptors: number;
  readonly proposers: number;
  /** `synced`: answers leave once their state is on disk. `atOnce`: the hazard. */
  readonly answers: 'synced' | 'atOnce';
}

interface AcceptorNode {
  readonly name: string;
  durable: AcceptorState;
  state: AcceptorState;
  /** Answers that wait for the sync. */
  held: Message[];
}

type Message =
  | { readonly to: 'acceptor'; readonly acceptor: string; readonly proposer: string; readonly request: RegisterRequest }
  | { readonly to: 'proposer'; readonly acceptor: string; readonly proposer: string; readonly reply: RegisterReply };

const messagesMax = 200;

/** One register's world. */
export class RegisterWorld {
  /** Every value that a majority has accepted under one ballot, or that a proposer took for decided. */
  readonly chosen = new Set<string>();
  decided = 0;
  readonly #options: WorldOptions;
  readonly #random: SeededRandom;
  readonly #mood: { readonly drop: number; readonly crash: number; readonly time: number; readonly bear: number };
  readonly #acceptors: readonly AcceptorNode[];
  readonly #proposers: Proposer[] = [];
  readonly #acceptances = new Map<string, Set<string>>();
  #messages: Message[] = [];
  #born = 0;
  #nowMs = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed, 0xbea);
    this.#mood = {
      drop: this.#random.pick([0, 0.02, 0.06]),
      crash: this.#random.pick([0.005, 0.02, 0.05]),
      time: this.#random.pick([0.01, 0.03, 0.08]),
      bear: this.#random.pick([0, 0.005, 0.02]),
    };
    this.#acceptors = Array.from({ length: options.acceptors }, (_, i) => ({
      name: `a${i + 1}`,
      durable: freshAcceptor,
      state: freshAcceptor,
      held: [],
    }));
    for (let i = 0; i < options.proposers; i++) this.#bear(i);
  }

  /** One thing happens, faults included: how many of each kind, the seed decides. */
  stepWithFaults(): void {
    const { drop, crash, time, bear } = this.#mood;
    let dice = this.#random.fraction();
    const is = (share: number): boolean => (dice -= share) < 0;
    if (is(drop)) this.#takeAny();
    else if (is(crash)) this.#crash(this.#random.pick(this.#acceptors));
    else if (is(time)) this.#time(this.#random.below(this.#proposers.length));
    else if (is(bear)) this.#bear(this.#random.below(this.#proposers.length));
    else if (is(0.25)) this.#sync(this.#random.pick(this.#acceptors));
    else this.#deliver(this.#random.chance(0.15) ? 'keep' : 'take');
  }

  /** One thing happens, and nothing goes wrong. Time goes on by a millisecond. */
  stepWithoutFaults(): void {
    this.#nowMs++;
    for (const acceptor of this.#acceptors) this.#sync(acceptor);
    this.#deliver('take');
    for (const [i, { phase, deadlineMs }] of this.#proposers.entries()) {
      if (phase.kind === 'gaveUp') this.#bear(i);
      else if (deadlineMs !== undefined && deadlineMs <= this.#nowMs) this.#event(i, { kind: 'time' });
    }
  }

  #bear(i: number): void {
    const name = `p${++this.#born}`;
    const settings = {
      name,
      acceptors: this.#acceptors.map((acceptor) => acceptor.name),
      value: new TextEncoder().encode(name),
      replyMs: 40,
      backoffMs: 20,
      attemptsMax: 12,
      random: this.#random,
    };
    this.#take(i, beginProposer(settings, this.#nowMs));
  }

  #take(i: number, { proposer, request }: ProposerStep): void {
    const before = this.#proposers[i];
    this.#proposers[i] = proposer;
    const { phase, settings } = proposer;
    if (phase.kind === 'decided' && before?.phase.kind !== 'decided') {
      this.chosen.add(new TextDecoder().decode(phase.value));
      this.decided++;
    }
    if (request === undefined) return;
    for (const acceptor of settings.acceptors) this.#send({ to: 'acceptor', acceptor, proposer: settings.name, request });
  }

  #send(message: Message): void {
    this.#messages.push(message);
    if (this.#messages.length > messagesMax) this.#takeAny();
  }

  #takeAny(): Message | undefined {
    if (this.#messages.length === 0) return undefined;
    return this.#messages.splice(this.#random.below(this.#messages.length), 1)[0];
  }

  #deliver(how: 'take' | 'keep'): void {
    const message = this.#takeAny();
    if (message === undefined) return;
    if (how === 'keep') this.#messages.push(message);
    if (message.to === 'acceptor') return this.#ask(message);
    const i = this.#proposers.findIndex(({ settings }) => settings.name === message.proposer);
    if (i >= 0) this.#event(i, { kind: 'reply', from: message.acceptor, reply: message.reply });
  }

  #ask({ acceptor: name, proposer, request }: Message & { to: 'acceptor' }): void {
    const acceptor = this.#acceptors.find((one) => one.name === name);
    if (acceptor === undefined) throw new Error(`no acceptor ${name}`);
    const { state, reply, mustPersist } = answer(acceptor.state, request);
    acceptor.state = state;
    acceptor.held.push({ to: 'proposer', acceptor: name, proposer, reply });
    if (this.#options.answers === 'atOnce') this.#release(acceptor);
    else if (!mustPersist && acceptor.durable === acceptor.state) this.#release(acceptor);
  }

  #sync(acceptor: AcceptorNode): void {
    acceptor.durable = acceptor.state;
    this.#release(acceptor);
    const { accepted } = acceptor.state;
    if (accepted === undefined) return;
    const ballot = showBallot(accepted.ballot);
    const voters = (this.#acceptances.get(ballot) ?? new Set<string>()).add(acceptor.name);
    this.#acceptances.set(ballot, voters);
    if (voters.size >= majorityOf(this.#acceptors.length)) this.chosen.add(new TextDecoder().decode(accepted.value));
  }

  #release(acceptor: AcceptorNode): void {
    for (const message of acceptor.held.splice(0)) this.#send(message);
  }

  #crash(acceptor: AcceptorNode): void {
    acceptor.state = acceptor.durable;
    acceptor.held = [];
  }

  #time(i: number): void {
    this.#nowMs = Math.max(this.#nowMs, this.#proposers[i].deadlineMs ?? 0);
    this.#event(i, { kind: 'time' });
  }

  #event(i: number, event: ProposerEvent): void {
    this.#take(i, advanceProposer(this.#proposers[i], event, this.#nowMs));
  }
}
