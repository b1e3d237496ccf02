/**
 * What the hot path counts: typed arrays and plain numbers, read only when somebody asks (`/metrics`, `/v1/status`).
 * One cell per operation and outcome, one latency histogram per operation. A line of a batch counts as the operation
 * it is; the batch around it counts once as `batch`.
 */
import { errorCodes } from '@coterie/env';
import type { ProblemCode } from '../http/problem.ts';
import { Histogram } from './histogram.ts';

/** Kinds of operations, in the order of their numbers. */
export const operationNames = ['put', 'get', 'delete', 'list', 'batch', 'bucket', 'cluster', 'health', 'console', 'unknown'] as const;

/** One kind of operation. */
export type OperationName = (typeof operationNames)[number];

/** How an operation ended: well, with a problem's code, or without its client. */
export type Outcome = 'OK' | 'CLIENT_GONE' | ProblemCode;

/** All outcomes, in the order of their numbers. */
export const outcomes: readonly Outcome[] = [
  'OK',
  'CLIENT_GONE',
  'NOT_FOUND',
  'DELETED',
  'UNKNOWN_PATH',
  'METHOD_NOT_ALLOWED',
  ...(Object.keys(errorCodes) as ProblemCode[]),
];

const operationNumbers = new Map(operationNames.map((name, number) => [name, number]));
const outcomeNumbers = new Map(outcomes.map((name, number) => [name, number]));

/** Counters of one server. */
export class Meters {
  /** Operations taken and not yet answered. */
  inFlight = 0;
  /** Body bytes that came in and went out. */
  bytesIn = 0;
  bytesOut = 0;
  /** Connections open now, taken ever, and refused because there were too many. */
  connections = 0;
  connectionsTaken = 0;
  connectionsRefused = 0;
  /** Requests that could not be parsed as HTTP. */
  malformed = 0;
  /** Latency by operation number. */
  readonly latency: readonly Histogram[] = operationNames.map(() => new Histogram());
  private readonly cells = new Float64Array(operationNames.length * outcomes.length);

  /** Counts one operation that took `microseconds`. */
  record(operation: OperationName, outcome: Outcome, microseconds: number): void {
    const number = operationNumbers.get(operation) as number;
    this.cells[number * outcomes.length + (outcomeNumbers.get(outcome) as number)]++;
    this.latency[number].record(microseconds);
  }

  /** How many operations of a kind ended so. */
  counted(operation: OperationName, outcome: Outcome): number {
    return this.cells[(operationNumbers.get(operation) as number) * outcomes.length + (outcomeNumbers.get(outcome) as number)];
  }

  /** Latency histogram of one operation. */
  latencyOf(operation: OperationName): Histogram {
    return this.latency[operationNumbers.get(operation) as number];
  }

  /** Counts by operation and outcome, without the zeros. */
  table(): Readonly<Record<string, Readonly<Record<string, number>>>> {
    const table: Record<string, Record<string, number>> = {};
    for (const operation of operationNames) {
      for (const outcome of outcomes) {
        const count = this.counted(operation, outcome);
        if (count > 0) (table[operation] ??= {})[outcome] = count;
      }
    }
    return table;
  }
}
