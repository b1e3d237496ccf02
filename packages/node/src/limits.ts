/** The limits of a node, with their defaults. Every queue and table that a client can grow has one. */
import { CoterieError } from '@coterie/env';

/** What a node lets in, keeps and waits for. */
export interface NodeLimits {
  /** Operations at a time. */
  readonly inFlightMax: number;
  /** Bytes of keys and values of writes at a time. */
  readonly inFlightBytesMax: number;
  /** Operations that wait for one key. */
  readonly waitersPerKeyMax: number;
  readonly bucketsMax: number;
  /** Time limit of an operation that names none, in milliseconds. */
  readonly timeoutMs: number;
  /** Longest time limit that an operation may name. */
  readonly timeoutMsMax: number;
  /** How long another node may take to answer. */
  readonly peerTimeoutMs: number;
  /** A store that is silent for so long gets a stand-in. */
  readonly patienceMs: number;
  /** Objects that may be kept for owners that are out of reach. */
  readonly hintsMax: number;
  /** How long the outcome of an operation is remembered: at least twice the longest retry budget. */
  readonly operationMemoryMs: number;
  /** A put that would make an object larger is refused, unless it makes it smaller than it was. */
  readonly objectBytesMax: number;
  /** How fast this store takes over from others when the ring changes. */
  readonly transferBytesPerSecond: number;
  /** How much is taken over between two notes of how far that is: what may come again after a restart. */
  readonly transferNoteBytes: number;
}

const defaults: NodeLimits = {
  inFlightMax: 4096,
  inFlightBytesMax: 64 * 2 ** 20,
  waitersPerKeyMax: 1024,
  bucketsMax: 10_000,
  timeoutMs: 5000,
  timeoutMsMax: 60_000,
  peerTimeoutMs: 2000,
  patienceMs: 300,
  hintsMax: 1_000_000,
  operationMemoryMs: 600_000,
  objectBytesMax: 24 * 2 ** 20,
  transferBytesPerSecond: 64 * 2 ** 20,
  transferNoteBytes: 16 * 2 ** 20,
};

/** Longest key in bytes. */
export const keyBytesMax = 2048;
/** Longest content type in characters. */
export const contentTypeMax = 255;

/** Checks limits and fills in defaults. @throws `INVALID_ARGUMENT` naming the limit */
export function checkLimits(given: Partial<NodeLimits>): NodeLimits {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name)) throw new CoterieError('INVALID_ARGUMENT', `${name} is not a limit of a node`);
    const fits = Number.isSafeInteger(value) && value >= 1;
    if (!fits) throw new CoterieError('INVALID_ARGUMENT', `limit ${name} must be a positive integer, not ${String(value)}`);
  }
  return { ...defaults, ...given };
}
