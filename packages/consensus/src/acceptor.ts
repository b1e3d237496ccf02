/**
 * The acceptor of one register, as a value: a state and a request give the next state and the answer.
 *
 * ```
 *   promised   the highest ballot ever answered with yes; nothing below it is
 *   accepted   the last value taken, and under which ballot
 * ```
 *
 * Invariants: `promised` never falls; `accepted.ballot` is never above it; one ballot stands for one value. Whoever
 * carries an answer out writes `state` to disk first when `mustPersist` says so: a forgotten promise lets two values be
 * chosen.
 */
import { CoterieError } from '@coterie/env';
import { equalBytes } from '@coterie/bytes';
import { type Ballot, compareBallots, roundLeapMax, showBallot } from './ballot.ts';
import type { Acceptance, RegisterReply, RegisterRequest } from './register.ts';

/** What an acceptor must remember. */
export interface AcceptorState {
  readonly promised: Ballot | undefined;
  readonly accepted: Acceptance | undefined;
}

/** An answer, and what has to be true before it is given. */
export interface AcceptorStep {
  readonly state: AcceptorState;
  readonly reply: RegisterReply;
  /** Whether `state` has to be on disk before `reply` leaves. */
  readonly mustPersist: boolean;
}

/** An acceptor that has heard nothing. */
export const freshAcceptor: AcceptorState = { promised: undefined, accepted: undefined };

/** Answers a request. @throws CoterieError `PROTOCOL` when one ballot comes with two values */
export function answer(state: AcceptorState, request: RegisterRequest): AcceptorStep {
  const { ballot } = request;
  if (!isWelcome(state, ballot)) {
    return { state, reply: { kind: 'refused', ballot, promised: state.promised }, mustPersist: false };
  }
  return request.kind === 'prepare' ? promise(state, ballot) : accept(state, { ballot, value: request.value });
}

function isWelcome({ promised }: AcceptorState, ballot: Ballot): boolean {
  const known = promised?.round ?? 0;
  if (ballot.round > known + roundLeapMax) return false;
  return promised === undefined || compareBallots(ballot, promised) >= 0;
}

function promise(state: AcceptorState, ballot: Ballot): AcceptorStep {
  const isNew = state.promised === undefined || compareBallots(ballot, state.promised) > 0;
  const { accepted } = state;
  return { state: { promised: ballot, accepted }, reply: { kind: 'promise', ballot, accepted }, mustPersist: isNew };
}

function accept(state: AcceptorState, taken: Acceptance): AcceptorStep {
  const { ballot, value } = taken;
  const reply: RegisterReply = { kind: 'accepted', ballot };
  const before = state.accepted;
  if (before === undefined || compareBallots(before.ballot, ballot) !== 0) {
    return { state: { promised: ballot, accepted: taken }, reply, mustPersist: true };
  }
  if (!equalBytes(before.value, value)) {
    throw new CoterieError('PROTOCOL', `two values under one ballot, ${showBallot(ballot)}`);
  }
  return { state, reply, mustPersist: false };
}
