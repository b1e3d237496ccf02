/**
 * The errors of failed writes. One that failed for all who wait is copied, because what it says of a write's effect
 * differs: a record that was never handed over has none; one that was handed over and not synced may be seen again.
 */
import { CoterieError, isCoterieError } from '@coterie/env';

/** `error` as it concerns one write. What is no disk error stays the cause of one. */
export function failedWrite(error: unknown, effect: 'none' | 'possible'): CoterieError {
  const mayHaveTakenEffect = effect === 'possible';
  if (!isCoterieError(error)) {
    return new CoterieError('DISK_IO', `the commit log failed: ${String(error)}`, { cause: error, details: { mayHaveTakenEffect } });
  }
  const { code, message, retryable, details } = error;
  return new CoterieError(code, message, { cause: error.cause ?? error, retryable, details: { ...details, mayHaveTakenEffect } });
}

/** The failure after which a log takes no more records; thrown by every later call, none of which has an effect. */
export function finalFailure(error: unknown): CoterieError {
  const first = failedWrite(error, 'none');
  const message = `the commit log takes no more records: ${first.message}`;
  return new CoterieError(first.code, message, { cause: error, retryable: false, details: first.details });
}
