/**
 * Coterie's typed errors: one class, one stable `code` each. A caller decides by `code`, never by message.
 * `docs/errors.md` explains every code; a test holds the two lists equal.
 */

/** Every code that a Coterie error can carry, with whether trying again can help. */
export const errorCodes = {
  INVALID_ARGUMENT: { retryable: false },
  CLOSED: { retryable: false },
  LOCKED: { retryable: false },
  UNSUPPORTED_FORMAT: { retryable: false },
  CORRUPTION: { retryable: false },
  DISK_IO: { retryable: false },
  DISK_FULL: { retryable: true },
  TIMEOUT: { retryable: true },
  CONNECTION_LOST: { retryable: true },
  PROTOCOL: { retryable: false },
  OVERLOADED: { retryable: true },
  QUORUM_NOT_MET: { retryable: true },
  STALE_RING: { retryable: true },
  PRECONDITION_FAILED: { retryable: false },
  TOO_LARGE: { retryable: false },
  TOO_MANY_SIBLINGS: { retryable: false },
  NOT_READY: { retryable: true },
  UNAUTHORIZED: { retryable: false },
  REMOTE: { retryable: false },
} as const;

/** One of the stable error codes. */
export type ErrorCode = keyof typeof errorCodes;

/** What an error may add to its message: plain values, safe to log and to send. */
export interface ErrorDetails {
  /** The file that the error speaks of. */
  readonly file?: string;
  /** Byte offset in `file`. */
  readonly offset?: number;
  /** The operating system's code, such as `ENOENT` or `EMFILE`. */
  readonly osCode?: string;
  /** For a failed write: whether it may be seen later all the same. */
  readonly mayHaveTakenEffect?: boolean;
  readonly [name: string]: string | number | boolean | undefined;
}

/** What a `CoterieError` is made of besides its code and message. */
export interface ErrorOptions {
  readonly cause?: unknown;
  readonly details?: ErrorDetails;
  /** Overrides the code's own answer to "can trying again help?". */
  readonly retryable?: boolean;
}

/** The one error class. `code` never changes meaning between versions. */
export class CoterieError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CoterieError';
    this.code = code;
    this.retryable = options.retryable ?? errorCodes[code].retryable;
    this.details = options.details ?? {};
  }
}

/** Whether `error` is a Coterie error, of `code` if one is given. Holds across copies of this package. */
export function isCoterieError(error: unknown, code?: ErrorCode): error is CoterieError {
  if (!(error instanceof Error) || error.name !== 'CoterieError') return false;
  return code === undefined || (error as CoterieError).code === code;
}

/** Throws a plain `Error` when `condition` is false: a bug in Coterie, never bad data. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
