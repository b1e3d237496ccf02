/**
 * How many answers an operation needs, and what to say when they did not come. Whom to ask and when it is enough is
 * `pursuit.ts`.
 */
import { CoterieError, isCoterieError } from '@coterie/env';
import type { CountedStore } from '../options.ts';
import type { Outcome, Pursuit, Threshold } from './pursuit.ts';

/** What was asked for, and what the bucket says when nothing was. */
export interface Wanted {
  readonly total: number | 'majority';
  readonly primary: number;
}

/** An answer with what went wrong, if anything. */
export interface Reply extends Outcome {
  readonly error?: unknown;
}

/**
 * What one set of primaries has to reach. @throws `QUORUM_NOT_MET` when the partition has fewer copies than asked for,
 * `INVALID_ARGUMENT` for numbers that no partition could meet
 */
export function thresholdOf(wanted: Wanted, copies: number, names: readonly [string, string]): Threshold {
  const total = wanted.total === 'majority' ? Math.floor(copies / 2) + 1 : wanted.total;
  checkNumber(names[0], total, 1);
  checkNumber(names[1], wanted.primary, 0);
  const largest = Math.max(total, wanted.primary);
  if (largest > copies) {
    const name = total >= wanted.primary ? names[0] : names[1];
    const stores = copies === 1 ? 'one store holds' : `${copies} stores hold`;
    throw new CoterieError('QUORUM_NOT_MET', `${name}=${largest} cannot be met: ${stores} this key; ask for ${copies} or let nodes join`, {
      retryable: false,
      details: { mayHaveTakenEffect: false, needed: largest, copies },
    });
  }
  return { total: largest, primary: wanted.primary };
}

/** Which stores answered well, for the reply. */
export function reachedBy(pursuit: Pursuit): { readonly primaries: number; readonly fallbacks: number; readonly synced: number } {
  let [good, primaries, synced] = [0, 0, 0];
  for (const outcome of pursuit.outcomes) {
    if (!outcome.ok) continue;
    good += 1;
    if (pursuit.isPrimary(outcome)) primaries += 1;
    if (outcome.synced === true) synced += 1;
  }
  return { primaries, fallbacks: good - primaries, synced };
}

/** The stores that the reply counts, by name. */
export function countedBy(pursuit: Pursuit): CountedStore[] {
  const good = pursuit.outcomes.filter((outcome) => outcome.ok);
  return good.map((outcome) => ({ store: outcome.store, standsFor: outcome.standsFor, isPrimary: pursuit.isPrimary(outcome) }));
}

/**
 * The error of an operation whose stores did not answer: `NOT_READY` where one took this node for no member, which it hears
 * last itself when it has left; the store's own if there was only one; else `QUORUM_NOT_MET`.
 */
export function failureOf(replies: readonly Reply[], threshold: Threshold, mayHaveTakenEffect: boolean): unknown {
  const failed = replies.filter((reply) => !reply.ok);
  const barring = failed.find(({ error }) => isCoterieError(error, 'UNAUTHORIZED'));
  if (barring !== undefined) {
    const message = 'others say that this node is no member any more; ask another node';
    return new CoterieError('NOT_READY', message, { cause: barring.error, details: { mayHaveTakenEffect } });
  }
  if (replies.length === 1 && failed[0]?.error !== undefined) return told(failed[0].error, mayHaveTakenEffect);
  const why = failed.map(({ store, error }) => `${store}: ${error instanceof Error ? error.message : 'cannot vouch for what it lacks'}`);
  const strict = threshold.primary > 0 ? `, ${threshold.primary} of them primaries` : '';
  const message = `${replies.length - failed.length} stores answered well and ${threshold.total} were needed${strict} (${why.join('; ')})`;
  return new CoterieError('QUORUM_NOT_MET', message, { cause: failed[0]?.error, details: { mayHaveTakenEffect, needed: threshold.total } });
}

/** A store speaks for itself: what it refused, others that were asked may have done. */
function told(error: unknown, mayHaveTakenEffect: boolean): unknown {
  if (!mayHaveTakenEffect || !isCoterieError(error) || error.details.mayHaveTakenEffect === true) return error;
  const { code, message, retryable, details } = error;
  return new CoterieError(code, message, { cause: error, retryable, details: { ...details, mayHaveTakenEffect } });
}

/** The stores that refused because they know a newer ring. */
export function newerThan(replies: readonly Reply[]): string[] {
  return replies.filter(({ error }) => isCoterieError(error, 'STALE_RING')).map(({ store }) => store);
}

function checkNumber(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least && value <= 1000) return;
  throw new CoterieError('INVALID_ARGUMENT', `${name} must be an integer from ${least} up, not ${value}`, {
    details: { mayHaveTakenEffect: false },
  });
}
