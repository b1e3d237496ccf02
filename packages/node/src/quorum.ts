/**
 * Counting answers, as values: add an answer, ask for the verdict. Nothing here waits or sends.
 *
 * ```
 *   waiting ──▶ met        w stores hold it, pw of them primaries (reads: r and pr answered)
 *      └──────▶ failed     so many have failed that it cannot be met any more
 * ```
 *
 * A store counts once, however often it answers.
 */
import { CoterieError } from '@coterie/env';
import { mergeObjects, type Conflict } from './merge.ts';
import { type CausalObject, emptyObject } from './object.ts';

/** How a store stands to a key. */
export type Role = 'primary' | 'fallback';

/** How many answers are needed, of how many stores asked. */
export interface Needs {
  readonly total: number;
  readonly primary: number;
  /** Primaries of the partition: its effective n. */
  readonly copies: number;
}

/** One store's answer. */
export interface Answer {
  readonly store: string;
  readonly role: Role;
  readonly outcome: 'ok' | 'failed';
  /** Whether the write is durable there. */
  readonly synced?: boolean;
  /** What a read found. */
  readonly object?: CausalObject;
  readonly error?: unknown;
}

/** The answers so far. */
export interface Tally {
  readonly needs: Needs;
  readonly answers: readonly Answer[];
}

/** What was asked for, and what the bucket says when nothing was. */
export interface Wanted {
  readonly total: number | 'majority';
  readonly primary: number;
}

/**
 * The numbers for one operation. @throws `QUORUM_NOT_MET` when the partition has fewer copies than asked for,
 * `INVALID_ARGUMENT` for numbers that no partition could meet
 */
export function needsOf(wanted: Wanted, copies: number, names: readonly [string, string]): Needs {
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
  return { total: largest, primary: wanted.primary, copies };
}

/** A tally without answers. */
export function startTally(needs: Needs): Tally {
  return { needs, answers: [] };
}

/** The tally with one more answer; a store's first one counts. */
export function addAnswer(tally: Tally, answer: Answer): Tally {
  if (tally.answers.some((known) => known.store === answer.store)) return tally;
  return { ...tally, answers: [...tally.answers, answer] };
}

/** Whether enough is known. `asked`: how many stores were asked in all. */
export function verdict(tally: Tally, asked: number): 'waiting' | 'met' | 'failed' {
  const { needs, answers } = tally;
  const good = answers.filter((answer) => answer.outcome === 'ok');
  const primaries = good.filter((answer) => answer.role === 'primary').length;
  if (good.length >= needs.total && primaries >= needs.primary) return 'met';
  const open = asked - answers.length;
  return good.length + open < needs.total || primaries + open < needs.primary ? 'failed' : 'waiting';
}

/** Who answered well, for the reply. */
export function reachedBy(tally: Tally): { readonly primaries: number; readonly fallbacks: number; readonly synced: number } {
  const good = tally.answers.filter((answer) => answer.outcome === 'ok');
  const primaries = good.filter((answer) => answer.role === 'primary').length;
  return { primaries, fallbacks: good.length - primaries, synced: good.filter((answer) => answer.synced === true).length };
}

/** What all that answered know together. */
export function mergedRead(tally: Tally, conflict: Conflict): CausalObject {
  const objects = tally.answers.flatMap((answer) => (answer.object === undefined ? [] : [answer.object]));
  return objects.length === 0 ? emptyObject : objects.reduce((a, b) => mergeObjects(a, b, conflict));
}

/** The stores whose answer lacked something of `merged`: who is to be repaired. */
export function behind(tally: Tally, merged: CausalObject): readonly string[] {
  const lacking = tally.answers.filter(({ object }) => object !== undefined && isBehind(object, merged));
  return lacking.map((answer) => answer.store);
}

/** The error of a tally that failed: the store's own if there was only one, else `QUORUM_NOT_MET`. */
export function failureOf(tally: Tally, mayHaveTakenEffect: boolean): unknown {
  const failed = tally.answers.filter((answer) => answer.outcome === 'failed');
  if (tally.answers.length === 1 && failed.length === 1) return failed[0].error;
  const { needs } = tally;
  const message = `${tally.answers.length - failed.length} of ${needs.total} stores answered (${needs.primary} primaries needed)`;
  return new CoterieError('QUORUM_NOT_MET', message, { cause: failed[0]?.error, details: { mayHaveTakenEffect } });
}

function isBehind(object: CausalObject, merged: CausalObject): boolean {
  return object.set.clock.compare(merged.set.clock) !== 'equal' || object.set.siblings.length !== merged.set.siblings.length;
}

function checkNumber(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least && value <= 1000) return;
  throw new CoterieError('INVALID_ARGUMENT', `${name} must be an integer from ${least} up, not ${value}`, {
    details: { mayHaveTakenEffect: false },
  });
}
