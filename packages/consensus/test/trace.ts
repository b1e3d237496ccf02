/** Conversations as text, one line a message, and their golden files. */
import { readFileSync, writeFileSync } from 'node:fs';
import { showBallot, type Ballot } from '../src/ballot.ts';
import { decodeReply, decodeRequest, type LogReply, type LogRequest } from '../src/messages.ts';
import type { RegisterReply, RegisterRequest } from '../src/register.ts';
import { decodeDecision } from '../src/chain.ts';
import type { Page } from '../src/history.ts';

/** The golden file of a conversation. With `COTERIE_WRITE_GOLDEN=1` it is written anew first: read the difference before you commit it. */
export function golden(name: string, lines: readonly string[]): string {
  const path = new URL(`./golden/${name}.txt`, import.meta.url);
  if (process.env['COTERIE_WRITE_GOLDEN'] !== undefined) writeFileSync(path, `${lines.join('\n')}\n`);
  return readFileSync(path, 'utf8');
}

/** Words for what register and ring log say. Proposers are numbered in the order in which they turn up. */
export class Phrases {
  readonly #numbers = new Map<string, string>();

  request(request: RegisterRequest): string {
    const value = request.kind === 'accept' ? ` ${showValue(request.value)}` : '';
    return `${request.kind} ${this.#ballot(request.ballot)}${value}`;
  }

  reply(reply: RegisterReply): string {
    const said = `${reply.kind} ${this.#ballot(reply.ballot)}`;
    if (reply.kind === 'refused') return `${said}, promised ${reply.promised === undefined ? 'nothing' : this.#ballot(reply.promised)}`;
    if (reply.kind === 'accepted' || reply.accepted === undefined) return said;
    return `${said}, accepted ${showValue(reply.accepted.value)} under ${this.#ballot(reply.accepted.ballot)}`;
  }

  message(bytes: Uint8Array, kind: 'ask' | 'reply'): string {
    return kind === 'ask' ? this.#ask(decodeRequest(bytes).body) : this.#answer(decodeReply(bytes).body);
  }

  #ask(body: LogRequest): string {
    if (body.kind === 'vote') return `epoch ${body.epoch}: ${this.request(body.request)}`;
    if (body.kind === 'learn') return `learn ${showPage(body.page)}`;
    return body.kind === 'pull' ? `pull after ${body.after.epoch}` : 'join';
  }

  #answer(body: LogReply): string {
    if (body.kind === 'vote') return this.reply(body.reply);
    if (body.kind === 'position') return `I am at ${body.position.epoch}`;
    if (body.kind === 'page') return showPage(body.page);
    return body.kind === 'error' ? `error ${body.code}` : 'no seat';
  }

  #ballot(ballot: Ballot): string {
    const { proposer } = ballot;
    const [node, isDrawn] = proposer.split('/');
    if (!this.#numbers.has(proposer)) this.#numbers.set(proposer, `${node}#${this.#numbers.size + 1}`);
    return showBallot({ ...ballot, proposer: isDrawn === undefined ? proposer : (this.#numbers.get(proposer) ?? '') });
  }
}

function showPage({ snapshot, records, end }: Page): string {
  const parts = records.map(({ epoch, decision }) => `${epoch}=${decision.id}`);
  if (snapshot !== undefined) parts.unshift(`snapshot of ${snapshot.epoch}`);
  return `[${parts.join(' ')}] up to ${end.epoch}`;
}

function showValue(value: Uint8Array): string {
  return decodeDecision(value).id;
}
