/** What `connect` is told, checked once, here. Every queue, wait and body has a limit. */
import { type Clock, CoterieError, type HttpTransport, type Log, type Random, type Timers } from '@coterie/env';

/** What the client needs of the world. */
export interface ClientWorld {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
}

/** Limits of a client; each can be given to `connect`. */
export interface ClientLimits {
  /** Time for one operation with all its tries. Default 10,000. */
  readonly timeoutMs: number;
  /** Time for one try, after which another endpoint is asked. Default 3000. */
  readonly tryTimeoutMs: number;
  /** Tries of one operation. Default 5. */
  readonly triesMax: number;
  /** Requests under way to one endpoint, each on its own connection. Default 64. */
  readonly connectionsMax: number;
  /** Requests that wait for one endpoint; past it the answer is `OVERLOADED`. Default 4096. */
  readonly queueMax: number;
  /** Bytes of a value. Default 32 MiB; the server's own limit is lower. */
  readonly valueBytesMax: number;
  /** Bytes of an answer. Default 128 MiB. */
  readonly answerBytesMax: number;
  /** Retries allowed for each request, on average. Default 0.1. */
  readonly retryRatio: number;
  /** Retries allowed each second whatever the load. Default 10. */
  readonly retriesPerSecond: number;
  /** Retries that can be saved up. Default 100. */
  readonly retryBurst: number;
  /** Age at which the ring is fetched again, in the background. Default 30,000. */
  readonly ringAgeMs: number;
}

/** Options of `connect`. */
export interface ConnectOptions extends Partial<ClientLimits> {
  /** Clock, timers, randomness and log; those of the system by default. */
  readonly environment?: ClientWorld;
  /** Sends the requests; node:http by default. Closed with the database. */
  readonly transport?: HttpTransport;
}

const defaults: ClientLimits = {
  timeoutMs: 10_000,
  tryTimeoutMs: 3000,
  triesMax: 5,
  connectionsMax: 64,
  queueMax: 4096,
  valueBytesMax: 32 * 2 ** 20,
  answerBytesMax: 128 * 2 ** 20,
  retryRatio: 0.1,
  retriesPerSecond: 10,
  retryBurst: 100,
  ringAgeMs: 30_000,
};

/** Largest of each. A node remembers the outcome of an operation for ten minutes, so no retry may come later than that. */
const largest: Partial<ClientLimits> = { timeoutMs: 60_000, triesMax: 100, connectionsMax: 4096, retryRatio: 1 };
const mayBeZeroOrBroken: readonly (keyof ClientLimits)[] = ['retryRatio', 'retriesPerSecond', 'retryBurst'];

/** The limits with the defaults filled in. @throws `INVALID_ARGUMENT` naming the option */
export function checkLimits(options: ConnectOptions): ClientLimits {
  const { environment: _world, transport: _transport, ...given } = options;
  const limits: ClientLimits = { ...defaults, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(defaults, name)) throw refuse(`${name} is not an option of connect; there are ${Object.keys(defaults).join(', ')}`);
    checkNumber(name as keyof ClientLimits, value);
  }
  return limits;
}

/** The time limit of one operation. @throws `INVALID_ARGUMENT` */
export function checkTimeout(timeoutMs: number): number {
  checkNumber('timeoutMs', timeoutMs);
  return timeoutMs;
}

function checkNumber(name: keyof ClientLimits, value: unknown): void {
  const most = largest[name] ?? 2 ** 31;
  const loose = mayBeZeroOrBroken.includes(name);
  const fits = typeof value === 'number' && value >= (loose ? 0 : 1) && value <= most && (loose || Number.isInteger(value));
  if (!fits) throw refuse(`${name} is ${loose ? 'a number from 0' : 'an integer from 1'} to ${most}, not ${String(value)}`);
}

function refuse(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message, { details: { mayHaveTakenEffect: false } });
}
