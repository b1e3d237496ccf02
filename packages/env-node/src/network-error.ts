/** Turns what the system says of a socket into Coterie's errors, which name the address. */
import { CoterieError } from '@coterie/env';
import { osCodeOf } from './disk-error.ts';

/** `CONNECTION_LOST` for whatever the system raised, with its code; anything else stays as it is. */
export function networkError(action: string, address: string, cause: Error): Error {
  const osCode = osCodeOf(cause) ?? (cause as NodeJS.ErrnoException).code;
  if (osCode === undefined) return cause;
  return new CoterieError('CONNECTION_LOST', `${action} ${address} (${osCode})`, { cause, details: { address, osCode } });
}
