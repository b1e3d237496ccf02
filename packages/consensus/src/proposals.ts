/**
 * Gets decisions of this node decided, one at a time.
 *
 * ```
 *   propose ─▶ known already? ─ yes ─▶ the state
 *                 │ no
 *              does it apply, and does its proposer still want it on this state? ─ no ─▶ PRECONDITION_FAILED
 *                 │ yes
 *              decide epoch + 1 ─▶ learn what was decided ─▶ tell the stewards ─▶ again from the top
 *                 └─ too late, too many attempts ─▶ TIMEOUT, QUORUM_NOT_MET
 * ```
 *
 * Each turn of the loop knows one epoch more, so a decision is proposed again only where it is known not to be decided.
 * What is decided for an epoch follows the very state that the turn looked at, so nothing comes between the two.
 */
import { CoterieError, isCoterieError, randomHex } from '@coterie/env';
import { decodeDecision, type DecidedRecord, encodeDecision, recordHash } from './chain.ts';
import { decide, type DecideOutcome } from './decide.ts';
import type { History } from './history.ts';
import type { Ledger } from './ledger.ts';
import type { LogReply, LogRequest } from './messages.ts';
import type { RingLogSettings } from './options.ts';
import type { RegisterReply } from './register.ts';
import type { Responder } from './responder.ts';
import { type Decision, evaluate, Refusal, stewardsAfter } from './rules.ts';
import { Serial } from './serial.ts';
import { askPeer } from './transport.ts';

/** What proposals are made of. */
export interface ProposalsParts<State> {
  readonly settings: RingLogSettings<State>;
  readonly ledger: Ledger<State>;
  readonly responder: Responder<State>;
}

/** How a decision is proposed. */
export interface Proposing<State> {
  /** How long it may take. */
  readonly timeoutMs: number;
  /** Why its proposer does not want it to follow this state; `undefined` while it does. Asked of every state that it would follow. */
  readonly objection?: ((state: State) => string | undefined) | undefined;
}

/** A decision on its way, and until when. */
interface Proposal<State> extends Pick<Proposing<State>, 'objection'> {
  readonly decision: Decision;
  readonly deadlineMs: number;
}

/** Pages that one question may send ahead to bring a steward up. */
const bringUpMax = 8;

/** The proposals of one node. */
export class Proposals<State> {
  readonly #parts: ProposalsParts<State>;
  readonly #turns: Serial;

  constructor(parts: ProposalsParts<State>) {
    this.#parts = parts;
    this.#turns = new Serial('proposals', parts.settings.proposalsMax);
  }

  /** The state once `decision` is decided and on this node's disk. @throws as `RingLog.propose` does */
  propose(decision: Decision, { timeoutMs, objection }: Proposing<State>): Promise<State> {
    const { clock, timers } = this.#parts.settings.environment;
    const deadlineMs = clock.monotonic() + timeoutMs;
    return new Promise((resolve, reject) => {
      const timer = timers.after(timeoutMs, () => {
        if (!hasBegun) reject(failed('TIMEOUT', 'other proposals of this node were not done in time', false));
      });
      let hasBegun = false;
      const work = this.#turns.run(() => {
        hasBegun = true;
        timer.cancel();
        return this.#carryOut({ decision, deadlineMs, objection });
      });
      work.then(resolve, (error: unknown) => {
        timer.cancel();
        reject(error);
      });
    });
  }

  async #carryOut(proposal: Proposal<State>): Promise<State> {
    const { ledger, settings } = this.#parts;
    const { decision, deadlineMs, objection } = proposal;
    for (;;) {
      const history = ledger.require();
      if (history.epochOf(decision.id) !== undefined) return history.state;
      const verdict = evaluate(settings.rules, history.state, decision);
      if (verdict instanceof Refusal) throw failed('PRECONDITION_FAILED', `the decision does not apply: ${verdict.reason}`, false);
      const objected = objection?.(history.state);
      if (objected !== undefined) throw failed('PRECONDITION_FAILED', objected, false);
      if (settings.environment.clock.monotonic() >= deadlineMs) throw failed('TIMEOUT', 'other decisions came first', false);
      await this.#decideNext(history, proposal);
    }
  }

  /** Makes one more epoch known here. @throws CoterieError `TIMEOUT`, `QUORUM_NOT_MET`, or why it could not be learned */
  async #decideNext(history: History<State>, proposal: Proposal<State>): Promise<void> {
    const { epoch, hash: previous, state } = history;
    const outcome = await this.#run(history, proposal);
    // The epoch may be the first of many that are just being learned; there is no point in proposing in between.
    if (outcome.kind === 'overtaken') return this.#ledgerSettled(outcome.mayBeDecided);
    if (outcome.kind !== 'decided') throw undecided(outcome, epoch + 1);
    const record = { epoch: epoch + 1, previous, decision: decodeDecision(outcome.value) };
    try {
      await this.#parts.ledger.learn({ snapshot: undefined, records: [record], end: { epoch: record.epoch, hash: recordHash(record) } });
    } catch (error) {
      if (!isCoterieError(error) || outcome.origin === 'adopted') throw error;
      throw failed(error.code, `decided, and not recorded here: ${error.message}`, true, error);
    }
    this.#tell(record, state);
  }

  /** @throws CoterieError why nothing more is learned here */
  async #ledgerSettled(mayBeDecided: boolean): Promise<void> {
    await this.#parts.ledger.settled();
    const { failure } = this.#parts.ledger;
    if (failure !== undefined) throw failed(failure.code, failure.message, mayBeDecided, failure);
  }

  #run({ epoch, hash: previous, state }: History<State>, { decision, deadlineMs }: Proposal<State>): Promise<DecideOutcome> {
    const { settings, ledger } = this.#parts;
    const { environment, rules, node, replyMs, backoffMs, attemptsMax } = settings;
    const nonce = randomHex(environment.random, 8);
    return decide({
      environment,
      deadlineMs,
      proposer: {
        name: `${node.slice(0, nodePartMax)}/${nonce}`,
        acceptors: stewardsAfter(rules, state).map((steward) => steward.node),
        value: encodeDecision(decision),
        replyMs,
        backoffMs,
        attemptsMax,
        random: environment.random,
      },
      ask: (acceptor, request) => this.#askSteward(acceptor, { kind: 'vote', epoch: epoch + 1, previous, request }),
      subscribe: (listener) => ledger.subscribe(listener),
      isOver: () => ledger.epoch > epoch || ledger.failure !== undefined,
    });
  }

  /** A steward's answer to a vote; whichever of the two is behind is brought up first. */
  async #askSteward(node: string, request: LogRequest & { readonly kind: 'vote' }): Promise<RegisterReply | undefined> {
    const { ledger } = this.#parts;
    for (let sent = 0; sent < bringUpMax; sent++) {
      const reply = await this.#ask(node, request);
      if (reply.kind === 'vote') return reply.reply;
      if (reply.kind === 'page') await ledger.learn(reply.page);
      if (reply.kind !== 'position') return undefined;
      ledger.compare(reply.position);
      await this.#ask(node, { kind: 'learn', page: ledger.require().pageAfter(reply.position.epoch) });
    }
    return undefined;
  }

  async #ask(node: string, request: LogRequest): Promise<LogReply> {
    const { settings, responder, ledger } = this.#parts;
    if (node === settings.node) return responder.answer(request);
    const { identity } = ledger.require();
    return (await askPeer(settings.transport, { node, identity, request, timeoutMs: settings.replyMs })).body;
  }

  /** Tells the stewards, before and after, of a decision that is on disk here. Whoever misses it catches up later. */
  #tell(record: DecidedRecord, before: State): void {
    const { settings, ledger } = this.#parts;
    const history = ledger.history;
    if (history === undefined) return;
    const { rules, node, environment } = settings;
    const nodes = new Set([...stewardsAfter(rules, before), ...stewardsAfter(rules, history.state)].map((steward) => steward.node));
    nodes.delete(node);
    const page = history.pageAfter(record.epoch - 1);
    for (const other of nodes) {
      this.#ask(other, { kind: 'learn', page }).catch((error: unknown) =>
        environment.log.debug('a steward was not told of a decision', { node: other, epoch: record.epoch, error: String(error) }),
      );
    }
  }
}

/** Bytes left for the random part and what joins the two, should the node's id be long. */
const nodePartMax = 32;

function undecided(outcome: Exclude<DecideOutcome, { kind: 'decided' }>, epoch: number): CoterieError {
  const { kind, attempts, mayBeDecided } = outcome;
  if (kind === 'late') return failed('TIMEOUT', `epoch ${epoch} was not decided in time (${attempts} attempts)`, mayBeDecided);
  return failed('QUORUM_NOT_MET', `no majority of stewards decided epoch ${epoch} in ${attempts} attempts`, mayBeDecided);
}

// Four parameters: an error in one line.
function failed(code: CoterieError['code'], message: string, mayHaveTakenEffect: boolean, cause?: unknown): CoterieError {
  return new CoterieError(code, message, { cause, details: { mayHaveTakenEffect } });
}
