/**
 * Whether a failed try is followed by another, where, and when. A pure decision; the shell around it holds the budget.
 *
 * ```
 *  failure ─▶ can another endpoint or another moment help? ─ no ─▶ stop
 *               │ yes
 *             may it be sent twice? (reads and writes with an operation id: always; others: only if nothing was sent) ─ no ─▶ stop
 *               │ yes
 *             tries left? ─ no ─▶ stop
 *               │ yes
 *             a kept connection was dead, the first time ──▶ at once, at the same endpoint
 *             another endpoint not tried yet, that may help ──▶ at once, there
 *             else ──▶ after a pause, from the front: the larger of a jittered back-off and `Retry-After`,
 *                      if it ends before the deadline, else stop: waiting would only make the error late
 * ```
 */
import type { ErrorCode } from '@coterie/env';
import type { Failure } from './failure.ts';

/** How often a request may be sent: `freely`, or only while it is certain that no node has seen it. */
export type Repetition = 'freely' | 'if-unsent';

/** What is known when a try has failed. */
export interface Situation {
  readonly failure: Failure;
  readonly repetition: Repetition;
  /** Tries so far, this one among them. */
  readonly tries: number;
  readonly triesMax: number;
  /** Whether an endpoint is left that was not asked in this round. */
  readonly hasOther: boolean;
  /** Rounds through all endpoints that are over. */
  readonly rounds: number;
  readonly remainingMs: number;
  /** A draw from [0, 1). */
  readonly jitter: number;
}

/** What to do. */
export type Decision =
  | { readonly do: 'stop' }
  /** `from`: at once at the next endpoint, at once at the same one, or after the pause from the front of the order. */
  | { readonly do: 'retry'; readonly at: 'other' | 'same' | 'front'; readonly pauseMs: number; readonly refreshRing: boolean };

const stop: Decision = { do: 'stop' };
const pauseFirstMs = 20;
const pauseMaxMs = 1000;
/** Less time than this is not worth a try. */
const tryMinMs = 1;

/** Failures of one node, where another can do better. */
const elsewhere: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CONNECTION_LOST',
  'TIMEOUT',
  'OVERLOADED',
  'NOT_READY',
  'CLOSED',
  'QUORUM_NOT_MET',
  'DISK_FULL',
  'DISK_IO',
  'PROTOCOL',
]);

/** How much each failure of a node costs it in health; others cost nothing. */
const weights: Partial<Record<ErrorCode, number>> = {
  CONNECTION_LOST: 2,
  NOT_READY: 2,
  CLOSED: 2,
  PROTOCOL: 2,
  DISK_IO: 2,
  TIMEOUT: 1.5,
  // Shunned for about as long as the server's own Retry-After.
  OVERLOADED: 1.15,
  DISK_FULL: 1.15,
};

/** What follows a failed try. */
export function decideRetry(situation: Situation): Decision {
  const { failure, tries, triesMax, remainingMs } = situation;
  if (!mayBeSentAgain(situation) || tries >= triesMax || remainingMs < tryMinMs) return stop;
  if (failure.code === 'STALE_RING') return pauseOrStop(situation, { refreshRing: true });
  // Once: when a node dies, all the connections kept to it are dead.
  if (failure.stale === true && tries === 1) return { do: 'retry', at: 'same', pauseMs: 0, refreshRing: false };
  const another = movesOn(failure);
  if (another && situation.hasOther) return { do: 'retry', at: 'other', pauseMs: 0, refreshRing: false };
  return failure.retryable ? pauseOrStop(situation, { refreshRing: false }) : stop;
}

/** How much the failure speaks against the endpoint. */
export function weightOf(failure: Failure): number {
  return failure.stale === true ? 0 : (weights[failure.code] ?? 0);
}

/** Whether another endpoint might do better. A quorum that no ring could meet cannot be met anywhere. */
function movesOn({ code, retryable }: Failure): boolean {
  return elsewhere.has(code) && (retryable || code !== 'QUORUM_NOT_MET');
}

function mayBeSentAgain({ repetition, failure }: Situation): boolean {
  // The caller gave up, or this client was closed.
  if (failure.from === 'transport' && failure.code === 'CLOSED') return false;
  return repetition === 'freely' || !failure.mayHaveTakenEffect;
}

function pauseOrStop(situation: Situation, { refreshRing }: { readonly refreshRing: boolean }): Decision {
  const { failure, rounds, jitter, remainingMs } = situation;
  const ceiling = Math.min(pauseMaxMs, pauseFirstMs * 2 ** rounds);
  // A fresh ring is worth asking with at once, the first time.
  const least = refreshRing && rounds === 0 ? 0 : (failure.retryAfterMs ?? 0);
  const pauseMs = Math.max(least, ceiling * (0.5 + jitter / 2));
  return pauseMs + tryMinMs > remainingMs ? stop : { do: 'retry', at: 'front', pauseMs, refreshRing };
}
