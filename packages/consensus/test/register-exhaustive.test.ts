/**
 * Every order in which two proposers and three acceptors can act, each proposer making one attempt: each message comes at
 * any time after it was sent, or never. A crash of an acceptor that syncs before it answers is among them: it is a message
 * that never comes.
 */
import { describe, expect, it } from 'vitest';
import { type AcceptorState, answer, freshAcceptor } from '../src/acceptor.ts';
import { showBallot } from '../src/ballot.ts';
import { advanceProposer, beginProposer, type Proposer, type ProposerStep } from '../src/proposer.ts';
import type { RegisterReply, RegisterRequest } from '../src/register.ts';

const acceptorNames = ['a1', 'a2', 'a3'];
const random = { u32: () => 0, fill: (into: Uint8Array) => into };

type Message =
  | { readonly kind: 'request'; readonly proposer: number; readonly acceptor: number; readonly request: RegisterRequest }
  | { readonly kind: 'reply'; readonly proposer: number; readonly acceptor: number; readonly reply: RegisterReply };

/** The whole world at one moment. */
interface Moment {
  readonly acceptors: readonly AcceptorState[];
  readonly proposers: readonly Proposer[];
  readonly messages: readonly Message[];
}

function firstMoment(names: readonly string[]): Moment {
  let moment: Moment = { acceptors: acceptorNames.map(() => freshAcceptor), proposers: [], messages: [] };
  for (const [i, name] of names.entries()) {
    const value = new TextEncoder().encode(name);
    const step = beginProposer({ name, acceptors: acceptorNames, value, replyMs: 1, backoffMs: 1, attemptsMax: 1, random }, 0);
    moment = afterStep(moment, i, step);
  }
  return moment;
}

function afterStep(moment: Moment, i: number, { proposer, request }: ProposerStep): Moment {
  const proposers = i < moment.proposers.length ? moment.proposers.with(i, proposer) : [...moment.proposers, proposer];
  const sent =
    request === undefined ? [] : acceptorNames.map((_, acceptor) => ({ kind: 'request', proposer: i, acceptor, request }) as const);
  return { ...moment, proposers, messages: [...moment.messages, ...sent] };
}

/** The moment after one message has come. */
function deliver(moment: Moment, at: number): Moment {
  const message = moment.messages[at];
  const rest = { ...moment, messages: moment.messages.toSpliced(at, 1) };
  const { proposer, acceptor } = message;
  if (message.kind === 'reply') {
    const event = { kind: 'reply', from: acceptorNames[acceptor], reply: message.reply } as const;
    return afterStep(rest, proposer, advanceProposer(moment.proposers[proposer], event, 0));
  }
  const { state, reply } = answer(moment.acceptors[acceptor], message.request);
  const back: Message = { kind: 'reply', proposer, acceptor, reply };
  return { ...rest, acceptors: moment.acceptors.with(acceptor, state), messages: [...rest.messages, back] };
}

/** Without answers that nobody waits for any more: they come to nothing whenever they come. */
function withoutIdle(moment: Moment): Moment {
  const isAwaited = (message: Message): boolean => {
    const phase = moment.proposers[message.proposer].phase.kind;
    if (message.kind === 'request') return true;
    if (message.reply.kind === 'promise') return phase === 'preparing';
    return message.reply.kind === 'accepted' ? phase === 'accepting' : phase === 'preparing' || phase === 'accepting';
  };
  return { ...moment, messages: moment.messages.filter(isAwaited) };
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Equal for moments from which the same can happen. */
function keyOf({ acceptors, proposers, messages }: Moment): string {
  const parts = acceptors.map(showAcceptor);
  for (const { phase } of proposers) {
    if (phase.kind === 'preparing') {
      const heard = [...phase.promises].map(([from, accepted]) => from + (accepted === undefined ? '' : text(accepted.value)));
      parts.push(`p${heard.toSorted().join()}/${[...phase.lost].toSorted().join()}`);
    } else if (phase.kind === 'accepting') {
      parts.push(`a${text(phase.value)}${[...phase.votes].toSorted().join()}/${[...phase.lost].toSorted().join()}`);
    } else parts.push(phase.kind === 'decided' ? `d${text(phase.value)}` : phase.kind);
  }
  return `${parts.join(';')}|${messages.map(showMessage).toSorted().join()}`;
}

function showAcceptor({ promised, accepted }: AcceptorState): string {
  const vote = accepted === undefined ? '' : showBallot(accepted.ballot) + text(accepted.value);
  return `${promised === undefined ? '' : showBallot(promised)}:${vote}`;
}

function showMessage(message: Message): string {
  const { proposer, acceptor } = message;
  if (message.kind === 'request')
    return `${proposer}>${acceptor}${message.request.kind[0]}${message.request.kind === 'accept' ? text(message.request.value) : ''}`;
  const { reply } = message;
  const said = reply.kind === 'promise' && reply.accepted !== undefined ? text(reply.accepted.value) : '';
  return `${proposer}<${acceptor}${reply.kind}${said}`;
}

/** Values that proposers know to be decided, and values that a majority of acceptors holds under one ballot. */
function chosenIn({ acceptors, proposers }: Moment): Set<string> {
  const chosen = new Set<string>();
  for (const { phase } of proposers) if (phase.kind === 'decided') chosen.add(text(phase.value));
  const votes = acceptors.map(({ accepted }) => (accepted === undefined ? '' : `${showBallot(accepted.ballot)}=${text(accepted.value)}`));
  for (const vote of votes)
    if (vote !== '' && votes.filter((other) => other === vote).length >= 2) chosen.add(vote.slice(vote.indexOf('=') + 1));
  return chosen;
}

/** Visits every moment that can be reached; a moment's chosen value may not change on any way from it. */
function explore(): { moments: number; decided: ReadonlySet<string> } {
  const seen = new Set<string>();
  const decided = new Set<string>();
  const open: { moment: Moment; chosen: string | undefined }[] = [{ moment: firstMoment(['p', 'q']), chosen: undefined }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (let at = 0; at < next.moment.messages.length; at++) {
      const moment = withoutIdle(deliver(next.moment, at));
      const found = chosenIn(moment);
      if (next.chosen !== undefined) found.add(next.chosen);
      if (found.size > 1) expect.fail(`chosen: ${[...found].join(' and ')} in ${keyOf(moment)}`);
      const [chosen] = found;
      const key = `${chosen ?? ''}!${keyOf(moment)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      if (chosen !== undefined) decided.add(chosen);
      open.push({ moment, chosen });
    }
  }
  return { moments: seen.size, decided };
}

describe('two proposers and three acceptors', () => {
  it('choose one value in every order', () => {
    const { moments, decided } = explore();
    expect(moments).toBeGreaterThan(10_000);
    expect([...decided].toSorted()).toEqual(['p', 'q']);
  }, 600_000);
});
