/**
 * The seam to the world. Everything that is not a pure computation reaches Coterie's code through these interfaces:
 * `env-node` implements them for real, `simulator` implements them deterministically. A class takes the slice it needs.
 */
import type { Files } from './files.ts';
import type { Jobs } from './jobs.ts';
import type { Network } from './network.ts';

/** Time. */
export interface Clock {
  /** Wall-clock time in whole milliseconds since 1970; may jump. */
  now(): number;
  /** Milliseconds (with fraction) since some fixed point; never goes back. */
  monotonic(): number;
}

/** A pending callback. */
export interface Timer {
  /** The callback will not run. Harmless when it ran already. */
  cancel(): void;
}

/** Things that happen later. */
export interface Timers {
  /** Runs `callback` once after at least `delayMs`. Does not keep a process alive. */
  after(delayMs: number, callback: () => void): Timer;
  /** Resolves in a later event-loop turn, so that input, output and timers get theirs. */
  turn(): Promise<void>;
  /** Keeps the process alive until it is cancelled: for those who await what only a timer brings on. Absent where nothing ends by itself. */
  hold?(): Timer;
}

/** Randomness; good enough for ids and keys of authentication in `env-node`, seeded in `simulator`. */
export interface Random {
  /** A uniform integer in [0, 2^32). */
  u32(): number;
  /** Fills `into` with random bytes and returns it. */
  fill(into: Uint8Array): Uint8Array;
}

/** Fields of a log line: plain values. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Structured log: an event in a few words, and fields. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** The world, whole. */
export interface Environment {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly files: Files;
  readonly network: Network;
  readonly jobs: Jobs;
  readonly log: Log;
}

/** A log that keeps nothing. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** So many random bytes as lowercase hex digits: an id that nobody else has. */
export function randomHex(random: Random, bytes: number): string {
  return Buffer.from(random.fill(new Uint8Array(bytes))).toString('hex');
}

/** Resolves after at least `delayMs`. */
export function sleep(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.after(delayMs, resolve);
  });
}

/**
 * Resolves after a turn of the event loop, and after so many as `most` while `isWorthAnother`, asked after each, says so: what
 * is gathered meanwhile leaves together. Without input a turn is over at once.
 */
export async function someTurns(timers: Pick<Timers, 'turn'>, most: number, isWorthAnother: () => boolean): Promise<void> {
  for (let turn = 1; ; turn++) {
    await timers.turn();
    if (turn === most || !isWorthAnother()) return;
  }
}
