/**
 * The course of one operation: which tries were made, what became of them, how much time is left; and, when it fails,
 * the error that tells it. A failed write may have taken effect if *any* of its tries may have, whatever the last says.
 *
 * ```
 *  put cart/alice at http://10.0.0.2:7070 failed: NOT_READY, the node is starting (try 3 of at most 5)
 *    ; before: http://10.0.0.1:7070 CONNECTION_LOST, http://10.0.0.3:7070 TIMEOUT; it may have taken effect; wait until …
 * ```
 */
import { CoterieError, type ErrorCode } from '@coterie/env';
import type { Failure } from './failure.ts';

/** What a course is about. */
export interface Undertaking {
  /** In a few words, for messages. */
  readonly what: string;
  readonly isWrite: boolean;
  readonly timeoutMs: number;
}

/** Why no further try was made. */
export type Ending = 'final' | 'budget';

interface FailedTry {
  readonly endpoint: string;
  readonly failure: Failure;
}

/** Tries of one operation. Times are monotonic milliseconds. */
export class Course {
  readonly #undertaking: Undertaking;
  readonly #endsAt: number;
  readonly #failed: FailedTry[] = [];
  /** Endpoints asked in this round. */
  #tried: string[] = [];
  #rounds = 0;

  constructor(undertaking: Undertaking, now: number) {
    this.#undertaking = undertaking;
    this.#endsAt = now + undertaking.timeoutMs;
  }

  /** Tries that failed. */
  get tries(): number {
    return this.#failed.length;
  }

  /** What became of the last of them. */
  get lastFailure(): Failure {
    return this.#failed[this.#failed.length - 1].failure;
  }

  /** Endpoints asked in this round. */
  get tried(): readonly string[] {
    return this.#tried;
  }

  /** Rounds through the endpoints that are over. */
  get rounds(): number {
    return this.#rounds;
  }

  /** Time left. */
  remainingMs(now: number): number {
    return this.#endsAt - now;
  }

  /** Adds a failed try. */
  failed(endpoint: string, failure: Failure): void {
    this.#failed.push({ endpoint, failure });
    this.#tried.push(endpoint);
  }

  /** Goes on at the endpoint of the last try, or from the front of the order. */
  goOnAt(where: 'other' | 'same' | 'front'): void {
    if (where === 'same') this.#tried.pop();
    if (where !== 'front') return;
    this.#tried = [];
    this.#rounds++;
  }

  /** The error of an operation that no further try follows. */
  error(ending: Ending): CoterieError {
    const { what, isWrite } = this.#undertaking;
    const last = this.#failed[this.#failed.length - 1];
    const { code, detail, retryable, status, cause } = last.failure;
    const mayHaveTakenEffect = this.#failed.some(({ failure }) => failure.mayHaveTakenEffect);
    const parts = [`${what} at ${last.endpoint} failed: ${code}, ${detail}${this.#before()}`];
    if (isWrite && mayHaveTakenEffect) parts.push('it may have taken effect');
    if (ending === 'budget') parts.push('it was not tried again, because too many requests fail already');
    const next = advice[code];
    if (next !== undefined) parts.push(next);
    return new CoterieError(code, parts.join('; '), {
      retryable,
      cause,
      details: {
        endpoint: last.endpoint,
        tries: this.#failed.length,
        ...(status === undefined ? {} : { status }),
        ...(isWrite ? { mayHaveTakenEffect } : {}),
      },
    });
  }

  #before(): string {
    const earlier = this.#failed.slice(0, -1).map(({ endpoint, failure }) => `${endpoint} ${failure.code}`);
    return earlier.length === 0 ? '' : ` (before: ${earlier.join(', ')})`;
  }
}

const advice: Partial<Record<ErrorCode, string>> = {
  CONNECTION_LOST: 'see that a node runs there: coterie status --url URL',
  TIMEOUT: 'allow more time with timeoutMs, or look at the node: coterie status --url URL',
  OVERLOADED: 'send less at once, or try again later',
  NOT_READY: 'wait until its /readyz answers 200',
  QUORUM_NOT_MET: 'ask for less (w, pw, r, pr), or wait until members return: coterie members',
  PRECONDITION_FAILED: 'read the key again and decide anew',
  TOO_MANY_SIBLINGS: 'merge what is there first: update does',
  UNAUTHORIZED: 'check the credentials, and that the node answers to the host name in its URL',
  PROTOCOL: 'see what listens there: curl -i URL/livez',
  CORRUPTION: 'look into the log of that node',
  DISK_IO: 'look into the log of that node',
  REMOTE: 'look into the log of that node',
};
