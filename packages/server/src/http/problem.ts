/**
 * Refusals and failures as HTTP answers: `application/problem+json` (RFC 9457) with Coterie's stable `code`.
 *
 * ```
 *  CoterieError ──┐
 *  HttpRefusal  ──┼──▶ Problem { status, code, detail, retryable, mayHaveTakenEffect? } ──▶ one JSON body
 *  anything else ─┘    (a bug: status 500, code REMOTE, the cause is logged and not sent)
 * ```
 *
 * Four codes exist on this door only: `NOT_FOUND` and `DELETED` (a key without a value), `UNKNOWN_PATH` and
 * `METHOD_NOT_ALLOWED` (a request that no route takes), so that a mistyped path never looks like an absent key.
 */
import { CoterieError, type ErrorCode, isCoterieError } from '@coterie/env';

/** A code in an answer: one of the error codes, or one of the four that only HTTP has. */
export type ProblemCode = ErrorCode | 'NOT_FOUND' | 'DELETED' | 'UNKNOWN_PATH' | 'METHOD_NOT_ALLOWED';

/** Everything that a problem body says. */
export interface Problem {
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly retryable: boolean;
  readonly mayHaveTakenEffect?: boolean;
}

interface CodeMeaning {
  readonly status: number;
  readonly title: string;
}

/** HTTP status and title of each code. */
export const problemMeanings: Readonly<Record<ProblemCode, CodeMeaning>> = {
  NOT_FOUND: { status: 404, title: 'No value under this key' },
  DELETED: { status: 404, title: 'The value was deleted' },
  UNKNOWN_PATH: { status: 404, title: 'No such path' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'Method not allowed here' },
  INVALID_ARGUMENT: { status: 400, title: 'Invalid request' },
  CLOSED: { status: 503, title: 'The node is closed' },
  LOCKED: { status: 500, title: 'The data directory is locked' },
  UNSUPPORTED_FORMAT: { status: 500, title: 'Unsupported data format' },
  CORRUPTION: { status: 500, title: 'Stored data is damaged' },
  DISK_IO: { status: 500, title: 'The disk failed' },
  DISK_FULL: { status: 507, title: 'The disk is full' },
  TIMEOUT: { status: 504, title: 'Not done in time' },
  CONNECTION_LOST: { status: 502, title: 'Connection to another node lost' },
  PROTOCOL: { status: 502, title: 'Another node answered wrongly' },
  OVERLOADED: { status: 503, title: 'Too much at once' },
  QUORUM_NOT_MET: { status: 503, title: 'Too few stores answered' },
  STALE_RING: { status: 503, title: 'The ring has changed' },
  PRECONDITION_FAILED: { status: 412, title: 'Precondition failed' },
  TOO_LARGE: { status: 413, title: 'Too large' },
  TOO_MANY_SIBLINGS: { status: 409, title: 'Too many siblings' },
  NOT_READY: { status: 503, title: 'Not ready' },
  UNAUTHORIZED: { status: 401, title: 'Not authorized' },
  REMOTE: { status: 500, title: 'Internal failure' },
};

/** What an `HttpRefusal` may add to its code's own status. */
export interface RefusalOptions {
  readonly status?: number;
  /** Further header names and values, in turn. */
  readonly headers?: readonly string[];
}

/** A refusal that only HTTP knows: another status than its code's own, or further headers. */
export class HttpRefusal extends Error {
  readonly problem: Problem;
  readonly headers: readonly string[];

  constructor(code: ProblemCode, detail: string, options: RefusalOptions = {}) {
    super(detail);
    this.name = 'HttpRefusal';
    this.problem = { status: options.status ?? problemMeanings[code].status, code, detail, retryable: false };
    this.headers = options.headers ?? [];
  }
}

/** The client went away before its request was whole; nobody is left to answer. */
export class ClientGone extends Error {}

/** What to answer for anything that was thrown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof HttpRefusal) return error.problem;
  if (!isCoterieError(error)) {
    return { status: 500, code: 'REMOTE', detail: 'The server met a bug; its log has the cause.', retryable: false };
  }
  const { status } = problemMeanings[error.code] ?? problemMeanings.REMOTE;
  const effect = error.details.mayHaveTakenEffect;
  const problem: Problem = { status, code: error.code, detail: error.message, retryable: error.retryable };
  return effect === undefined ? problem : { ...problem, mayHaveTakenEffect: effect };
}

/** Headers that go with a thrown error, names and values in turn. */
export function problemHeaders(error: unknown, problem: Problem): readonly string[] {
  if (error instanceof HttpRefusal) return error.headers;
  return problem.status === 503 ? ['Retry-After', '1'] : [];
}

/** The problem as a body; `type` is a URN that ends in the code in lower case. */
export function problemBody(problem: Problem): string {
  const { title } = problemMeanings[problem.code];
  const type = `urn:coterie:problem:${problem.code.toLowerCase().replaceAll('_', '-')}`;
  const { status, code, detail, retryable, mayHaveTakenEffect } = problem;
  return `${JSON.stringify({ type, title, status, code, detail, retryable, mayHaveTakenEffect })}\n`;
}

/** A typed refusal of an argument; shorthand for the error that most of this folder throws. */
export function invalid(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message);
}
