/**
 * The status document: what the node says of itself, and what this server counts. Times are milliseconds, latencies
 * microseconds. Counters only grow, so that whoever polls can make rates of them.
 */
import type { NodeStatus } from '@coterie/node';
import type { Histogram } from '../metrics/histogram.ts';
import { operationNames } from '../metrics/meters.ts';
import type { Service } from './service.ts';

/** Latencies in microseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** `GET /v1/status` */
export interface StatusDocument {
  readonly node: NodeStatus;
  readonly server: {
    readonly state: string;
    /** Wall-clock milliseconds of this answer. */
    readonly now: number;
    readonly inFlight: number;
    readonly connections: number;
    readonly connectionsTaken: number;
    readonly connectionsRefused: number;
    readonly bytesIn: number;
    readonly bytesOut: number;
    readonly bytesUnderWay: number;
    readonly stalled: number;
    readonly malformed: number;
    readonly operations: Readonly<Record<string, Readonly<Record<string, number>>>>;
    readonly latency: Readonly<Record<string, LatencySummary>>;
    readonly turns: LatencySummary;
    readonly memory: { readonly resident: number; readonly heapUsed: number; readonly external: number };
  };
}

/** The status document of a service. */
export function statusOf(service: Service): StatusDocument {
  const { meters, transfers } = service;
  const memory = process.memoryUsage();
  const latency: Record<string, LatencySummary> = {};
  for (const name of operationNames) {
    const histogram = meters.latencyOf(name);
    if (histogram.count > 0) latency[name] = summary(histogram);
  }
  return {
    node: service.node.status(),
    server: {
      state: service.state,
      now: service.clock.now(),
      inFlight: meters.inFlight,
      connections: meters.connections,
      connectionsTaken: meters.connectionsTaken,
      connectionsRefused: meters.connectionsRefused,
      bytesIn: meters.bytesIn,
      bytesOut: meters.bytesOut,
      bytesUnderWay: transfers.reserved,
      stalled: transfers.stalls,
      malformed: meters.malformed,
      operations: meters.table(),
      latency,
      turns: summary(service.turns.histogram),
      memory: { resident: memory.rss, heapUsed: memory.heapUsed, external: memory.external + memory.arrayBuffers },
    },
  };
}

function summary(histogram: Histogram): LatencySummary {
  const at = (quantile: number): number => Math.round(histogram.quantile(quantile));
  return { count: histogram.count, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: Math.round(histogram.max) };
}
