/** What a ring log can be told when it is opened, with defaults and limits. Checked once, here. */
import { CoterieError } from '@coterie/env';
import type { Environment } from '@coterie/env';
import { isName } from './chain.ts';
import type { Rules } from './rules.ts';
import type { Transport } from './transport.ts';

/** The part of the world that a ring log has. */
export type RingLogEnvironment = Pick<Environment, 'files' | 'clock' | 'timers' | 'random' | 'log'>;

/** Options of `RingLog.open`. */
export interface RingLogOptions<State> {
  /** Its own directory, made if it is missing; locked while the log is open. */
  readonly directory: string;
  readonly rules: Rules<State>;
  /** The id of this node, always the same for this directory. */
  readonly node: string;
  readonly transport: Transport;
  readonly environment: RingLogEnvironment;
  /**
   * The store that votes are bound to: under another name than last time this node is another steward. Leave it out
   * unless losing that store should cost the seat. Not for anything that a mere crash renews: votes outlive crashes.
   */
  readonly store?: string;
  /** How long one question waits for its answer. Default 1000. */
  readonly replyMs?: number;
  /** Scale of the pause after a lost duel. Default 50. */
  readonly backoffMs?: number;
  /** Attempts to decide one epoch before a proposal gives up. Default 16. */
  readonly attemptsMax?: number;
  /** Proposals that may wait their turn on this node. Default 64. */
  readonly proposalsMax?: number;
  /** Records kept before the older half gives way to a snapshot. Default 4096. */
  readonly recordsMax?: number;
  /** Bytes of decisions kept before the same happens. Default 8 MiB. */
  readonly logBytesMax?: number;
  /** Bytes of `votes.log` before it is written anew. Default 1 MiB. */
  readonly votesBytesMax?: number;
  /** For tests that prove a safeguard is needed. Each breaks a promise of this package. */
  readonly hazards?: Hazards;
}

/** Safeguards switched off, in tests only. */
export interface Hazards {
  /** Votes are answered when they are handed to the system, not when they are on disk. */
  readonly answerBeforeSync?: boolean;
  /** A node votes when any incarnation of it has a seat. */
  readonly anyIncarnationVotes?: boolean;
}

/** Checked options, nothing missing. */
export type RingLogSettings<State> = Required<RingLogOptions<State>>;

const names: ReadonlySet<string> = new Set([
  'directory',
  'rules',
  'node',
  'transport',
  'environment',
  'store',
  'replyMs',
  'backoffMs',
  'attemptsMax',
  'proposalsMax',
  'recordsMax',
  'logBytesMax',
  'votesBytesMax',
  'hazards',
]);
const mebibyte: number = 1 << 20;

/** Checks options and fills in defaults. @throws CoterieError `INVALID_ARGUMENT` naming the option and what would be right */
export function checkOptions<State>(options: RingLogOptions<State>): RingLogSettings<State> {
  for (const name of Object.keys(options)) if (!names.has(name)) throw refuse(`${name} is no option of RingLog.open`);
  checkName('node', options.node);
  if (options.store !== undefined) checkName('store', options.store);
  return {
    ...options,
    store: options.store ?? '',
    replyMs: inRange('replyMs', options.replyMs ?? 1000, [1, 60_000]),
    backoffMs: inRange('backoffMs', options.backoffMs ?? 50, [1, 60_000]),
    attemptsMax: inRange('attemptsMax', options.attemptsMax ?? 16, [1, 1000]),
    proposalsMax: inRange('proposalsMax', options.proposalsMax ?? 64, [1, 10_000]),
    recordsMax: inRange('recordsMax', options.recordsMax ?? 4096, [2, 65_536]),
    logBytesMax: inRange('logBytesMax', options.logBytesMax ?? 8 * mebibyte, [1024, 32 * mebibyte]),
    votesBytesMax: inRange('votesBytesMax', options.votesBytesMax ?? mebibyte, [256, 32 * mebibyte]),
    hazards: options.hazards ?? {},
  };
}

/** @throws CoterieError `INVALID_ARGUMENT` for a text that cannot name anything */
export function checkName(what: string, text: string): void {
  if (typeof text !== 'string' || !isName(text)) throw refuse(`${what} must be 1 to 128 bytes of text`);
}

/** `value` if it is an integer in [low, high]. @throws CoterieError `INVALID_ARGUMENT` */
export function inRange(name: string, value: number, [low, high]: readonly [number, number]): number {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw refuse(`${name} is ${String(value)}; it must be an integer from ${low} to ${high}`);
}

function refuse(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message, { details: { mayHaveTakenEffect: false } });
}
