/**
 * Failures that end all writes. After a failed sync, or a switch of files that broke off, nobody knows what the disk
 * holds: trying again would report as safe what may be lost. Such an error carries `details.final`, also across the
 * border of a worker thread; whoever meets one stops the store.
 */
import { CoterieError, isCoterieError } from '@coterie/env';

/** `error`, marked as final. */
export function asFinal(error: unknown): CoterieError {
  const cause = isCoterieError(error) ? error : new CoterieError('DISK_IO', String(error), { cause: error });
  if (isFinal(cause)) return cause;
  return new CoterieError(cause.code, cause.message, { cause, retryable: false, details: { ...cause.details, final: true } });
}

/** Whether `error` says that nothing may be tried again. */
export function isFinal(error: unknown): boolean {
  return isCoterieError(error) && error.details['final'] === true;
}

/** Runs a step whose failure is final. */
export function orFinal<Result>(step: () => Result): Result {
  try {
    return step();
  } catch (error) {
    throw asFinal(error);
  }
}

/** The reason that a store gives for every write after it stopped: none of them has any effect. */
export function endOfWrites(what: string, cause: CoterieError): CoterieError {
  const details = { ...cause.details, reason: what, mayHaveTakenEffect: false };
  return new CoterieError(cause.code, `the store takes no more writes: ${what}: ${cause.message}`, { cause, retryable: false, details });
}
