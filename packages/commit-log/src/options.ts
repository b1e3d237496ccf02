/** What a log can be told when it is opened, with the defaults and the limits. Checked once, here. */
import { CoterieError } from '@coterie/env';
import type { Environment } from '@coterie/env';

/** The part of the world that a log has. */
export type LogEnvironment = Pick<Environment, 'files' | 'timers' | 'clock' | 'log' | 'random'>;

/** Options of `CommitLog.open`; all optional. */
export interface CommitLogOptions {
  /** The world; the real one by default. */
  readonly environment?: LogEnvironment;
  /** Size at which a segment ends. A larger record gets a segment of its own. Default 16 MiB; at least 64 KiB. */
  readonly segmentBytes?: number;
  /** Largest payload of a record; past it `TOO_LARGE`. Default 80 MiB; at most 1 GiB. */
  readonly recordBytesMax?: number;
  /**
   * Records up to this sequence are safe elsewhere: they are not replayed, and whole segments of them are removed. The
   * next record starts behind it. Default 0: everything that is still there is replayed.
   */
  readonly startAfter?: number;
  /** Released segments kept so that later ones overwrite them, once writes are synced at all. Default 4. */
  readonly reserveSegments?: number;
  /** Whether the log takes the lock of its directory. Default true; false for an owner that holds a lock already. */
  readonly lock?: boolean;
}

/** Checked options, nothing missing but `startAfter`, whose absence means something. */
export interface LogSettings {
  readonly environment: LogEnvironment;
  readonly segmentBytes: number;
  readonly recordBytesMax: number;
  readonly startAfter: number | undefined;
  readonly reserveSegments: number;
  readonly lock: boolean;
}

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const names = ['environment', 'segmentBytes', 'recordBytesMax', 'startAfter', 'reserveSegments', 'lock'];

/** Checks options and fills in defaults. @throws CoterieError `INVALID_ARGUMENT` naming the option and what would be right */
export function checkOptions(options: CommitLogOptions, environment: LogEnvironment): LogSettings {
  for (const name of Object.keys(options)) if (!names.includes(name)) throw refuse(`${name} is no option of CommitLog.open`);
  return {
    environment,
    segmentBytes: inRange('segmentBytes', options.segmentBytes ?? 16 * mebibyte, [64 * kibibyte, 1024 * mebibyte]),
    recordBytesMax: inRange('recordBytesMax', options.recordBytesMax ?? 80 * mebibyte, [1, 1024 * mebibyte]),
    startAfter: options.startAfter === undefined ? undefined : inRange('startAfter', options.startAfter, [0, 2 ** 48 - 2]),
    reserveSegments: inRange('reserveSegments', options.reserveSegments ?? 4, [0, 1024]),
    lock: options.lock ?? true,
  };
}

function inRange(name: string, value: number, [low, high]: readonly [number, number]): number {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw refuse(`option ${name} is ${String(value)}; it must be an integer from ${low} to ${high}`);
}

function refuse(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message);
}
