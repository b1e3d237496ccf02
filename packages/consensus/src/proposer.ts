/**
 * The proposer of one register, as a value: events in; the next state and messages to send out.
 *
 * ```
 *            ┌── refused or too late ───┬─────────────────────────┐
 *            ▼                          │                         │
 *  waiting ──deadline──▶ preparing ──majority promised──▶ accepting ──majority accepted──▶ decided
 *     │                                                   (the value of the highest
 *     └── attempts used up ──▶ gaveUp                      acceptance heard of, else its own)
 * ```
 *
 * Two proposers can keep each other from finishing for ever, so each waits a random time that grows with its failures,
 * and a bounded number of attempts is made. `deadlineMs` says when to come back with a `time` event.
 *
 * Invariant: a ballot is used for one attempt, and carries one value.
 */
import { assert } from '@coterie/env';
import type { Random } from '@coterie/env';
import { equalBytes } from '@coterie/bytes';
import { type Ballot, compareBallots, maxRound } from './ballot.ts';
import type { Acceptance, RegisterReply, RegisterRequest } from './register.ts';

/** What a proposer is made with. */
export interface ProposerSettings {
  /** A name that nobody has used before or will use again. */
  readonly name: string;
  /** Who decides; no duplicates. */
  readonly acceptors: readonly string[];
  readonly value: Uint8Array;
  /** How long an attempt waits for a majority, in each of its two steps. */
  readonly replyMs: number;
  /** The first pause after a failed attempt is up to twice this; it doubles with each, up to 64 times. */
  readonly backoffMs: number;
  readonly attemptsMax: number;
  readonly random: Random;
}

/** Where a proposer is. */
export type ProposerPhase =
  | { readonly kind: 'preparing'; readonly promises: ReadonlyMap<string, Acceptance | undefined>; readonly lost: ReadonlySet<string> }
  | { readonly kind: 'accepting'; readonly value: Uint8Array; readonly votes: ReadonlySet<string>; readonly lost: ReadonlySet<string> }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'decided'; readonly value: Uint8Array; readonly origin: 'own' | 'adopted' }
  | { readonly kind: 'gaveUp' };

/** A proposer between two events. */
export interface Proposer {
  readonly settings: ProposerSettings;
  readonly ballot: Ballot;
  readonly phase: ProposerPhase;
  readonly attempts: number;
  /** Highest round heard of. */
  readonly roundSeen: number;
  /** When it wants a `time` event; undefined once it is done. */
  readonly deadlineMs: number | undefined;
  /** Whether it ever asked anybody to accept its own value: then the value may be decided later all the same. */
  readonly offered: boolean;
}

/** What can happen to a proposer. */
export type ProposerEvent =
  | { readonly kind: 'reply'; readonly from: string; readonly reply: RegisterReply }
  /** A request that gets no answer. */
  | { readonly kind: 'lost'; readonly from: string; readonly request: RegisterRequest }
  | { readonly kind: 'time' };

/** The next state, and one request for each acceptor if there is something to ask. */
export interface ProposerStep {
  readonly proposer: Proposer;
  readonly request: RegisterRequest | undefined;
}

/** A proposer's first step. */
export function beginProposer(settings: ProposerSettings, nowMs: number): ProposerStep {
  assert(settings.acceptors.length > 0, 'somebody decides');
  const ballot = { round: 0, proposer: settings.name };
  const idle: Proposer = {
    settings,
    ballot,
    phase: { kind: 'waiting' },
    attempts: 0,
    roundSeen: 0,
    deadlineMs: nowMs,
    offered: false,
  };
  return prepare(idle, nowMs);
}

/** The step that an event leads to. Events of earlier attempts change nothing. */
export function advanceProposer(proposer: Proposer, event: ProposerEvent, nowMs: number): ProposerStep {
  if (event.kind === 'time') return onTime(proposer, nowMs);
  if (!proposer.settings.acceptors.includes(event.from)) return stay(proposer);
  if (event.kind === 'lost') return onLost(proposer, event, nowMs);
  const { from, reply } = event;
  if (reply.kind === 'refused') return onRefused(proposer, { from, reply }, nowMs);
  if (compareBallots(reply.ballot, proposer.ballot) !== 0) return stay(proposer);
  if (reply.kind === 'promise') return onPromise(proposer, { from, accepted: reply.accepted }, nowMs);
  return onAccepted(proposer, from);
}

/** How many acceptors are a majority. */
export function majorityOf(acceptors: number): number {
  return Math.floor(acceptors / 2) + 1;
}

function stay(proposer: Proposer): ProposerStep {
  return { proposer, request: undefined };
}

function onTime(proposer: Proposer, nowMs: number): ProposerStep {
  const { deadlineMs, phase } = proposer;
  if (deadlineMs === undefined || nowMs < deadlineMs) return stay(proposer);
  return phase.kind === 'waiting' ? prepare(proposer, nowMs) : retreat(proposer, nowMs);
}

function prepare(proposer: Proposer, nowMs: number): ProposerStep {
  const { settings, attempts } = proposer;
  const round = Math.max(proposer.roundSeen, proposer.ballot.round) + 1;
  if (attempts >= settings.attemptsMax || round > maxRound) return stay(done(proposer, { kind: 'gaveUp' }));
  const ballot = { round, proposer: settings.name };
  const phase: ProposerPhase = { kind: 'preparing', promises: new Map(), lost: new Set() };
  return {
    proposer: { ...proposer, ballot, phase, attempts: attempts + 1, roundSeen: round, deadlineMs: nowMs + settings.replyMs },
    request: { kind: 'prepare', ballot },
  };
}

interface Promised {
  readonly from: string;
  readonly accepted: Acceptance | undefined;
}

function onPromise(proposer: Proposer, { from, accepted }: Promised, nowMs: number): ProposerStep {
  const { phase, settings } = proposer;
  if (phase.kind !== 'preparing') return stay(proposer);
  const promises = new Map(phase.promises).set(from, accepted);
  if (promises.size < majorityOf(settings.acceptors.length)) return stay({ ...proposer, phase: { ...phase, promises } });
  const value = highest([...promises.values()])?.value ?? settings.value;
  return {
    proposer: {
      ...proposer,
      phase: { kind: 'accepting', value, votes: new Set(), lost: new Set() },
      deadlineMs: nowMs + settings.replyMs,
      offered: proposer.offered || equalBytes(value, settings.value),
    },
    request: { kind: 'accept', ballot: proposer.ballot, value },
  };
}

function highest(acceptances: readonly (Acceptance | undefined)[]): Acceptance | undefined {
  const heard = acceptances.filter((one) => one !== undefined);
  return heard.toSorted((a, b) => compareBallots(b.ballot, a.ballot))[0];
}

function onAccepted(proposer: Proposer, from: string): ProposerStep {
  const { phase, settings } = proposer;
  if (phase.kind !== 'accepting') return stay(proposer);
  const votes = new Set(phase.votes).add(from);
  if (votes.size < majorityOf(settings.acceptors.length)) return stay({ ...proposer, phase: { ...phase, votes } });
  const { value } = phase;
  return stay(done(proposer, { kind: 'decided', value, origin: equalBytes(value, settings.value) ? 'own' : 'adopted' }));
}

interface Refusal {
  readonly from: string;
  readonly reply: RegisterReply & { readonly kind: 'refused' };
}

function onRefused(proposer: Proposer, { from, reply }: Refusal, nowMs: number): ProposerStep {
  const heard = { ...proposer, roundSeen: Math.max(proposer.roundSeen, reply.promised?.round ?? 0) };
  return compareBallots(reply.ballot, proposer.ballot) === 0 ? without(heard, from, nowMs) : stay(heard);
}

function onLost(proposer: Proposer, event: ProposerEvent & { readonly kind: 'lost' }, nowMs: number): ProposerStep {
  const { phase, ballot } = proposer;
  const { request, from } = event;
  const isCurrent = phase.kind === (request.kind === 'prepare' ? 'preparing' : 'accepting') && compareBallots(request.ballot, ballot) === 0;
  return isCurrent ? without(proposer, from, nowMs) : stay(proposer);
}

/** Counts on without an acceptor; gives the attempt up as soon as no majority is left. */
function without(proposer: Proposer, from: string, nowMs: number): ProposerStep {
  const { phase, settings } = proposer;
  if (phase.kind !== 'preparing' && phase.kind !== 'accepting') return stay(proposer);
  const lost = new Set(phase.lost).add(from);
  const isHopeless = settings.acceptors.length - lost.size < majorityOf(settings.acceptors.length);
  const counted = { ...proposer, phase: { ...phase, lost } };
  return isHopeless ? retreat(counted, nowMs) : stay(counted);
}

/** Waits before the next attempt. */
function retreat(proposer: Proposer, nowMs: number): ProposerStep {
  const { settings, attempts } = proposer;
  if (attempts >= settings.attemptsMax) return stay(done(proposer, { kind: 'gaveUp' }));
  const longestMs = settings.backoffMs * 2 ** Math.min(attempts, 6);
  const pauseMs = longestMs * (settings.random.u32() / 2 ** 32);
  return stay({ ...proposer, phase: { kind: 'waiting' }, deadlineMs: nowMs + pauseMs });
}

function done(proposer: Proposer, phase: ProposerPhase): Proposer {
  return { ...proposer, phase, deadlineMs: undefined };
}
