/**
 * What a member says of itself: where it listens, its zone and weight, what it can do. Only the member makes a profile,
 * and it makes a new one only under a higher incarnation, so (id, incarnation) names a profile for ever.
 *
 * Zone and weight are wishes: the ring log decides about ownership.
 */
import { CoterieError } from '@coterie/env';

/** A member's own description, at one incarnation. */
export interface Profile {
  /** 16 lowercase hex digits, not all zero. */
  readonly id: string;
  /** Raised by the member alone: at every start, at every change of its profile, and to refute what is said of it. */
  readonly incarnation: number;
  /** `host:port` at which it can be reached. */
  readonly address: string;
  /** A path such as `dc/rack/host`; may be empty. */
  readonly zone: string;
  readonly weight: number;
  /** Capabilities and other small facts; unknown ones are kept and passed on. */
  readonly extensions: ReadonlyMap<string, string>;
}

/** The part of a profile that its owner chooses. */
export type ProfileWish = Omit<Profile, 'incarnation'>;

/** Stands for "whoever listens there" where an id is expected. */
export const nobody = '0000000000000000';

/** Highest incarnation that a message can carry. Wall-clock milliseconds reach it in the year 10889. */
export const incarnationMax: number = 2 ** 48 - 1;

/** What a profile may hold. */
export const profileLimits = {
  addressBytes: 262,
  zoneBytes: 128,
  weight: 1_000_000,
  extensions: 16,
  /** Names and values together, each with a byte for its length. */
  extensionBytes: 256,
} as const;

const idPattern = /^[0-9a-f]{16}$/;
const addressPattern = /^[^\s\p{Cc}]+:([1-9]\d{0,4})$/u;
const encoder = new TextEncoder();

/** Whether a text is a member's id. */
export function isMemberId(text: string): boolean {
  return idPattern.test(text) && text !== nobody;
}

/** Whether a text is an address: `host:port`. */
export function isAddress(text: string): boolean {
  const port = addressPattern.exec(text)?.[1];
  return port !== undefined && Number(port) <= 65_535 && !isLonger(text, profileLimits.addressBytes);
}

/** What is wrong with a profile (its id aside), in words; undefined when nothing is. */
export function profileFault({ address, zone, weight, extensions }: Omit<ProfileWish, 'id'>): string | undefined {
  if (!isAddress(address)) return 'an address is host:port';
  if (isLonger(zone, profileLimits.zoneBytes)) return `a zone has at most ${profileLimits.zoneBytes} bytes`;
  if (!Number.isInteger(weight) || weight < 0 || weight > profileLimits.weight)
    return `a weight is an integer from 0 to ${profileLimits.weight}`;
  return extensions.size === 0 ? undefined : extensionsFault(extensions);
}

/** The profile, if it is one. @throws `INVALID_ARGUMENT` */
export function checkProfile(wish: ProfileWish): ProfileWish {
  const fault = isMemberId(wish.id) ? profileFault(wish) : 'an id is 16 lowercase hex digits, not all zero';
  if (fault !== undefined) throw new CoterieError('INVALID_ARGUMENT', `${fault}: ${wish.id} at ${wish.address}`);
  return wish;
}

function extensionsFault(extensions: ReadonlyMap<string, string>): string | undefined {
  if (extensions.size > profileLimits.extensions) return `a profile has at most ${profileLimits.extensions} extensions`;
  let bytes = 0;
  for (const [name, value] of extensions) bytes += 2 + encoder.encode(name).length + encoder.encode(value).length;
  return bytes > profileLimits.extensionBytes ? `extensions have at most ${profileLimits.extensionBytes} bytes` : undefined;
}

/** Whether a text takes more than so many bytes. A character takes at most three, so most texts need not be encoded. */
function isLonger(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && encoder.encode(text).length > bytes;
}
