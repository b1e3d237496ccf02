/**
 * Ballots: the numbers of attempts to decide one epoch. (round, proposer), compared in this order.
 *
 * Two attempts never share a ballot: the proposer's name is drawn afresh for every run, so a node that restarts and
 * forgets which rounds it used cannot use one again for another value. Rounds are below 2^48.
 */

/** One attempt's number. */
export interface Ballot {
  readonly round: number;
  /** Drawn for one run of one proposer, never used again. */
  readonly proposer: string;
}

/** Largest round. */
export const maxRound: number = 2 ** 48 - 1;

/**
 * How far beyond what it knows an acceptor follows at once. A duel adds one round at a time; without this limit one
 * message with the largest round would leave no ballot for anybody after it.
 */
export const roundLeapMax: number = 2 ** 24;

/** Negative, zero or positive as `a` is lower than, the same as or higher than `b`. */
export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.round !== b.round) return a.round - b.round;
  if (a.proposer === b.proposer) return 0;
  return a.proposer < b.proposer ? -1 : 1;
}

/** `round.proposer`, for logs and traces. */
export function showBallot({ round, proposer }: Ballot): string {
  return `${round}.${proposer}`;
}
