/** Checks of what callers hand in: keys, values, ranges. A wrong one is refused before anything happened. */
import { compareBytes } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { keyBytesMax, valueBytesMax } from './options.ts';

/** @throws CoterieError `INVALID_ARGUMENT` if it is no byte array or empty, `TOO_LARGE` */
export function checkKey(key: Uint8Array): void {
  if (!(key instanceof Uint8Array)) throw notBytes('key');
  if (key.length === 0) throw new CoterieError('INVALID_ARGUMENT', 'a key has at least one byte');
  if (key.length > keyBytesMax) throw tooLarge('key', key.length, keyBytesMax);
}

/** @throws CoterieError `INVALID_ARGUMENT` if it is no byte array, `TOO_LARGE` */
export function checkValue(value: Uint8Array): void {
  if (!(value instanceof Uint8Array)) throw notBytes('value');
  if (value.length > valueBytesMax) throw tooLarge('value', value.length, valueBytesMax);
}

/** Checks both ends of a range; returns whether any key can lie in [from, to). */
export function checkRange(from: Uint8Array, to: Uint8Array): boolean {
  checkKey(from);
  checkKey(to);
  return compareBytes(from, to) < 0;
}

/** The refusal of something over its limit. */
export function tooLarge(what: string, bytes: number, bytesMax: number): CoterieError {
  return new CoterieError('TOO_LARGE', `the ${what} has ${bytes} bytes; the limit is ${bytesMax}`, { details: { bytes, bytesMax } });
}

function notBytes(what: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', `the ${what} must be a Uint8Array`);
}
