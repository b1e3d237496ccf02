/**
 * Answers what other ring logs ask, from what is decided and voted here.
 *
 * ```
 *   vote on epoch v │ v ≤ epoch here        page       it is decided; here is what you miss
 *                   │ v > epoch here + 1    position   I am behind; bring me up
 *                   │ no seat here          noSeat
 *                   │ else                  the register's answer, on disk before it leaves
 *   learn           │ recorded, then        position
 *   pull, join      │                       page
 * ```
 *
 * Every refusal is an answer, with a code. A value that does not apply to the state is never accepted: once decided it
 * would stop every member.
 */
import { CoterieError, isCoterieError } from '@coterie/env';
import { decodeDecision, type Identity } from './chain.ts';
import type { History, Position } from './history.ts';
import type { Ledger } from './ledger.ts';
import { decodeRequest, encodeReply, type Envelope, type LogReply, type LogRequest, type VoteRequest } from './messages.ts';
import type { Hazards } from './options.ts';
import { evaluate, Refusal, type Rules, stewardsAfter } from './rules.ts';
import { Serial } from './serial.ts';
import { checkIdentity } from './transport.ts';
import type { Votes } from './votes.ts';

/** What answers are made of. */
export interface ResponderParts<State> {
  readonly ledger: Ledger<State>;
  readonly votes: Votes;
  readonly rules: Rules<State>;
  readonly hazards: Hazards;
}

const votesWaitingMax = 256;

/** Answers requests. */
export class Responder<State> {
  readonly #parts: ResponderParts<State>;
  readonly #turns = new Serial('votes', votesWaitingMax);

  constructor(parts: ResponderParts<State>) {
    this.#parts = parts;
  }

  /** The answer to a message, in bytes; refusals are answers too. */
  async handle(message: Uint8Array): Promise<Uint8Array> {
    const body = await this.#tryToAnswer(message);
    return encodeReply({ identity: this.#parts.ledger.history?.identity, body });
  }

  /** The answer to a request that is known to be about this log. @throws CoterieError what is refused, and why */
  async answer(request: LogRequest): Promise<LogReply> {
    const history = this.#parts.ledger.require();
    if (request.kind === 'vote') return this.#turns.run(() => this.#vote(request));
    if (request.kind === 'learn') {
      await this.#parts.ledger.learn(request.page);
      return { kind: 'position', position: this.#parts.ledger.require().end };
    }
    if (request.kind === 'pull') this.#parts.ledger.compare(request.after);
    return { kind: 'page', page: history.pageAfter(request.kind === 'pull' ? request.after.epoch : 0) };
  }

  /** Resolves when no vote is being written. */
  idle(): Promise<void> {
    return this.#turns.idle();
  }

  async #tryToAnswer(message: Uint8Array): Promise<LogReply> {
    try {
      const { identity, body }: Envelope<LogRequest> = decodeRequest(message);
      this.#checkCaller(body.kind === 'join' ? 'join' : 'member', identity);
      return await this.answer(body);
    } catch (error) {
      if (!isCoterieError(error)) throw error;
      return { kind: 'error', code: error.code, message: error.message };
    }
  }

  #checkCaller(role: 'join' | 'member', identity: Identity | undefined): void {
    const own = this.#parts.ledger.require().identity;
    if (role === 'member') checkIdentity(own, identity, 'the caller');
  }

  async #vote({ epoch, previous, request }: VoteRequest): Promise<LogReply> {
    const { ledger, votes } = this.#parts;
    const history = ledger.require();
    const before: Position = { epoch: epoch - 1, hash: previous };
    ledger.compare(before);
    if (epoch <= history.epoch) return { kind: 'page', page: history.pageAfter(epoch - 1) };
    if (epoch > history.epoch + 1) return { kind: 'position', position: history.end };
    if (!this.#hasSeat(history)) return { kind: 'noSeat' };
    if (request.kind === 'accept') this.#checkValue(history, request.value);
    return { kind: 'vote', reply: await votes.answer(epoch, request) };
  }

  #hasSeat({ state }: History<State>): boolean {
    const { rules, votes, hazards } = this.#parts;
    const { node, incarnation } = votes.self;
    const seat = stewardsAfter(rules, state).find((steward) => steward.node === node);
    return seat !== undefined && (seat.incarnation === incarnation || hazards.anyIncarnationVotes === true);
  }

  #checkValue({ state }: History<State>, value: Uint8Array): void {
    const verdict = evaluate(this.#parts.rules, state, decodeDecision(value));
    if (verdict instanceof Refusal) throw new CoterieError('PRECONDITION_FAILED', `it does not apply: ${verdict.reason}`);
  }
}
