/**
 * Places of a file that the disk does not give back: `EIO`. A bus or a controller may fail once where a bad sector fails
 * always, so one failure is an error of that read, and several in a row are damage like any other.
 */
import { type CoterieError, isCoterieError } from '@coterie/env';

/** So often a place is read before it counts as damaged. */
export const readAttempts = 3;

/** Whether a read failed because the disk could not read. */
export function isUnreadable(error: unknown): error is CoterieError {
  return isCoterieError(error, 'DISK_IO') && error.details.osCode === 'EIO';
}

/** `read`, again and again while the disk cannot; undefined when it never could. Yields before each further attempt. */
export function* readAgain<Result>(read: () => Result): Generator<void, Result | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      return read();
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      if (attempt === readAttempts) return undefined;
      yield;
    }
  }
}
