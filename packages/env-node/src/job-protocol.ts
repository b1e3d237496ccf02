/**
 * What the main thread and a job worker say to each other. Messages carry content; shared counters carry the news that
 * there are any, so that either side can look without a turn of its event loop.
 *
 * ```
 *  main ──start, cancel──▶ worker          news (one Int32 for the pool)   messages ever posted by its workers; main sleeps on it
 *  main ◀──settled, log─── worker          vitals (two Int32 per worker)   [0] moves at every slice  [1] 1 when it has ended by itself
 * ```
 *
 * A worker posts the message first and raises `news` after: whoever sees the counter finds the message.
 */
import { CoterieError, isCoterieError } from '@coterie/env';
import type { ErrorCode, ErrorDetails, JobOutcome, LogFields } from '@coterie/env';
import type { MessagePort } from 'node:worker_threads';

/** Index in a worker's vitals: moves whenever it gets something done. */
export const heartbeat = 0;

/** Index in a worker's vitals: 1 when it has ended by itself. */
export const ended = 1;

/** What a worker is started with. */
export interface WorkerSetup {
  readonly port: MessagePort;
  readonly news: Int32Array;
  readonly vitals: Int32Array;
  /** For tests: the worker ends itself when it is about to run this slice, counted from 0 over all its jobs. */
  readonly dieAtSlice: number | undefined;
}

/** Main thread to worker. */
export type ToWorker =
  | {
      readonly kind: 'start';
      readonly id: number;
      readonly module: string;
      readonly exportName: string;
      readonly input: unknown;
      readonly priority: number;
    }
  | { readonly kind: 'prepare'; readonly module: string }
  | { readonly kind: 'cancel'; readonly id: number };

/** Worker to main thread. */
export type FromWorker =
  | { readonly kind: 'settled'; readonly id: number; readonly outcome: SentOutcome }
  | { readonly kind: 'log'; readonly id: number; readonly level: LogLevel; readonly event: string; readonly fields: LogFields | undefined };

/** Methods of a log. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** An outcome whose error is plain values. */
export type SentOutcome =
  | { readonly state: 'done'; readonly output: unknown }
  | { readonly state: 'failed'; readonly error: SentError }
  | { readonly state: 'cancelled' };

interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly coterie: { readonly code: ErrorCode; readonly retryable: boolean; readonly details: ErrorDetails } | undefined;
}

/** An error as plain values; structured cloning alone would drop `code` and `details`. */
export function packError(error: unknown): SentError {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  if (!isCoterieError(error)) return { name, message, stack, coterie: undefined };
  return { name, message, stack, coterie: { code: error.code, retryable: error.retryable, details: { ...error.details } } };
}

/** The outcome that `sent` stands for. */
export function unpackOutcome(sent: SentOutcome): JobOutcome<unknown> {
  if (sent.state !== 'failed') return sent;
  return { state: 'failed', error: unpackError(sent.error) };
}

function unpackError(sent: SentError): Error {
  const error = sent.coterie === undefined ? new Error(sent.message) : new CoterieError(sent.coterie.code, sent.message, sent.coterie);
  error.name = sent.name;
  if (sent.stack !== undefined) error.stack = sent.stack;
  return error;
}
