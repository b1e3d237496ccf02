/**
 * What went wrong in one try, as a value: whatever a transport throws and whatever an answer says becomes a `Failure`.
 *
 * ```
 *  application/problem+json ─▶ its code, detail, retryable, mayHaveTakenEffect, Retry-After
 *  another answer ───────────▶ a code by its status: what a proxy in between would send, else PROTOCOL
 *  thrown by the transport ──▶ its code; not sent means no effect
 * ```
 */
import { CoterieError, type ErrorCode, errorCodes, type HttpAnswer, isCoterieError } from '@coterie/env';

/** A try that failed. */
export interface Failure {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly retryable: boolean;
  /** Whether a write may be seen all the same; meaningless for reads. */
  readonly mayHaveTakenEffect: boolean;
  /** Who speaks: the endpoint, or the way to it. */
  readonly from: 'answer' | 'transport';
  /** HTTP status, of an answer. */
  readonly status?: number;
  /** How long the endpoint wants to be left alone. */
  readonly retryAfterMs?: number;
  /** A kept connection that the server had closed meanwhile: no sign of anything wrong. */
  readonly stale?: boolean;
  readonly cause?: unknown;
}

interface ProblemJson {
  readonly code: string;
  readonly detail: string;
  readonly retryable: boolean;
  readonly mayHaveTakenEffect?: boolean;
}

const retryAfterMaxMs = 60_000;

/** The failure that an answer tells of. */
export function failureOf(answer: HttpAnswer): Failure {
  const { status } = answer;
  const problem = problemIn(answer);
  const after = retryAfterOf(answer);
  const common = { from: 'answer', status, ...(after === undefined ? {} : { retryAfterMs: after }) } as const;
  if (problem === undefined) return { ...common, ...foreign(status) };
  const known = Object.hasOwn(errorCodes, problem.code);
  const detail = known ? problem.detail : `${problem.code}: ${problem.detail}`;
  return {
    ...common,
    code: known ? (problem.code as ErrorCode) : 'PROTOCOL',
    detail,
    retryable: problem.retryable,
    mayHaveTakenEffect: problem.mayHaveTakenEffect ?? status >= 500,
  };
}

/** The failure of a line of a batch, or `undefined` if the line did not fail. */
export function failureOfLine(line: Readonly<Record<string, unknown>>): Failure | undefined {
  const { status } = line;
  if (typeof status !== 'number') return unreadable('a line of the answer has no status');
  if (status < 400 || (status === 404 && (line['code'] === 'NOT_FOUND' || line['code'] === 'DELETED'))) return undefined;
  if (!isProblem(line)) return { from: 'answer', status, ...foreign(status) };
  const code = Object.hasOwn(errorCodes, line.code) ? (line.code as ErrorCode) : 'PROTOCOL';
  const effect = line.mayHaveTakenEffect ?? status >= 500;
  return { from: 'answer', status, code, detail: line.detail, retryable: line.retryable, mayHaveTakenEffect: effect };
}

/** The failure behind something thrown by a transport. Anything that is no `CoterieError` is a bug and thrown on. */
export function failureBehind(error: unknown): Failure {
  if (!isCoterieError(error)) throw error;
  const { code, message, retryable, details } = error;
  const stale = code === 'CONNECTION_LOST' && details['reused'] === true;
  return { code, detail: message, retryable, mayHaveTakenEffect: details['sent'] !== false, from: 'transport', stale, cause: error };
}

/** An answer with a good status that makes no sense. */
export function unreadable(detail: string): Failure {
  return { code: 'PROTOCOL', detail, retryable: false, mayHaveTakenEffect: true, from: 'answer' };
}

/** The failure as an error, for those who try nothing else. */
export function errorOf(failure: Failure, message: string): CoterieError {
  const { code, retryable, mayHaveTakenEffect, cause } = failure;
  return new CoterieError(code, message, { retryable, cause, details: { mayHaveTakenEffect } });
}

function problemIn(answer: HttpAnswer): ProblemJson | undefined {
  if (answer.headers['content-type']?.startsWith('application/problem+json') !== true) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(answer.body));
    return isProblem(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isProblem(value: unknown): value is ProblemJson {
  if (typeof value !== 'object' || value === null) return false;
  const { code, detail, retryable, mayHaveTakenEffect } = value as Partial<ProblemJson>;
  const effectFits = mayHaveTakenEffect === undefined || typeof mayHaveTakenEffect === 'boolean';
  return typeof code === 'string' && typeof detail === 'string' && typeof retryable === 'boolean' && effectFits;
}

/** Answers of something that is no node: a proxy between, or another service. */
function foreign(status: number): Pick<Failure, 'code' | 'detail' | 'retryable' | 'mayHaveTakenEffect'> {
  const code = foreignCodes[status] ?? 'PROTOCOL';
  const detail = `an answer of ${status} that is not one of a Coterie node`;
  return { code, detail, retryable: errorCodes[code].retryable, mayHaveTakenEffect: status < 400 || status >= 500 };
}

const foreignCodes: Readonly<Record<number, ErrorCode>> = {
  401: 'UNAUTHORIZED',
  403: 'UNAUTHORIZED',
  413: 'TOO_LARGE',
  429: 'OVERLOADED',
  502: 'CONNECTION_LOST',
  503: 'NOT_READY',
  504: 'TIMEOUT',
};

function retryAfterOf(answer: HttpAnswer): number | undefined {
  const text = answer.headers['retry-after'];
  if (text === undefined || !/^\d{1,6}$/.test(text)) return undefined;
  return Math.min(Number(text) * 1000, retryAfterMaxMs);
}
