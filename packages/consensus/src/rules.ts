/**
 * What the ring log does not know: what a state is, and what a decision does to it. The owner hands both in as pure
 * functions; the log only asks who decides next, and whether a decision applies.
 *
 * ```
 *   state(e) ── stewardsOf ──▶ who decides epoch e + 1
 *      └─────── apply(decision e + 1) ──▶ state(e + 1) │ Refusal
 * ```
 */
import { CoterieError, type ErrorCode, isCoterieError } from '@coterie/env';

/**
 * One who votes: a node, in one incarnation of its memory of votes. A node that lost that memory has another
 * incarnation, and the seat of the old one stays empty until a decision gives it to somebody.
 */
export interface Steward {
  readonly node: string;
  readonly incarnation: string;
}

/** What is decided: opaque content under a name. Two decisions with one id are the same decision. */
export interface Decision {
  /** 1 to 128 bytes of UTF-8. */
  readonly id: string;
  readonly content: Uint8Array;
}

/** Why a decision does not apply. */
export class Refusal {
  readonly reason: string;
  /** The code of the error that it was, if it was one. */
  readonly code: ErrorCode | undefined;

  constructor(reason: string, code?: ErrorCode) {
    this.reason = reason;
    this.code = code;
  }
}

/**
 * The owner's rules. All four are pure, never wait, and give every member the same result for the same input: a member
 * that applies a decision differently stops.
 */
export interface Rules<State> {
  /** Who decides the next epoch: distinct nodes, at least one, best an odd number of at most 7. */
  stewardsOf(state: State): readonly Steward[];
  /** The state after `decision`. A typed error while reading its content counts as a refusal. */
  apply(state: State, decision: Decision): State | Refusal;
  encodeState(state: State): Uint8Array;
  /** @throws CoterieError for bytes that no `encodeState` gives */
  decodeState(bytes: Uint8Array): State;
}

/** Stewards that a state may name. */
export const stewardsMax = 31;
/** Largest encoded state, in bytes: a snapshot travels in one message. */
export const stateBytesMax: number = 3 << 20;

/** What `decision` makes of `state`, or why not. */
export function applyDecision<State>(rules: Rules<State>, state: State, decision: Decision): State | Refusal {
  try {
    return rules.apply(state, decision);
  } catch (error) {
    if (isCoterieError(error)) return new Refusal(error.message, error.code);
    throw error;
  }
}

/** What `decision` makes of `state`, unless it does not apply or leads where nobody could decide or catch up any more. */
export function evaluate<State>(rules: Rules<State>, state: State, decision: Decision): State | Refusal {
  const next = applyDecision(rules, state, decision);
  if (next instanceof Refusal) return next;
  const bytes = rules.encodeState(next).length;
  if (bytes > stateBytesMax) return new Refusal(`the state would take ${bytes} bytes; at most ${stateBytesMax}`);
  try {
    stewardsAfter(rules, next);
  } catch (error) {
    if (isCoterieError(error)) return new Refusal(error.message);
    throw error;
  }
  return next;
}

/** Who decides after `state`. @throws CoterieError `INVALID_ARGUMENT` when that is nobody, too many, or one node twice */
export function stewardsAfter<State>(rules: Rules<State>, state: State): readonly Steward[] {
  const stewards = rules.stewardsOf(state);
  const nodes = new Set(stewards.map(({ node }) => node));
  if (stewards.length > 0 && stewards.length <= stewardsMax && nodes.size === stewards.length) return stewards;
  throw new CoterieError(
    'INVALID_ARGUMENT',
    `a state names from 1 to ${stewardsMax} stewards, each node once; this one names ${stewards.length}`,
  );
}
