/**
 * Turns what the operating system answers into Coterie's errors: no space or quota is `DISK_FULL`, everything else is
 * `DISK_IO`. Running out of file descriptors passes by itself, so it alone is marked retryable among the latter.
 */
import { CoterieError } from '@coterie/env';

const fullCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);
const descriptorCodes: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE']);

/** The operating system's code of an error, such as `ENOENT`; `undefined` for anything that it did not raise. */
export function osCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, errno } = error as NodeJS.ErrnoException;
  return errno === undefined ? undefined : code;
}

/** The typed error for a failed `action` on `file`. What is no system error (a bug, a Coterie error) stays as it is. */
export function diskError(action: string, file: string, cause: unknown): Error {
  const osCode = osCodeOf(cause);
  if (osCode === undefined) return cause instanceof Error ? cause : new Error(String(cause));
  return systemError(action, file, { osCode, cause });
}

/** The typed error for a system code that is known without an error object. */
export function systemError(action: string, file: string, reason: { osCode: string; cause?: unknown }): CoterieError {
  const { osCode, cause } = reason;
  const details = { file, osCode };
  if (fullCodes.has(osCode)) return new CoterieError('DISK_FULL', `no space left to ${action} ${file} (${osCode})`, { cause, details });
  const retryable = descriptorCodes.has(osCode);
  return new CoterieError('DISK_IO', `cannot ${action} ${file} (${osCode})`, { cause, details, retryable });
}
