/**
 * Prometheus' view of the meters. prom-client writes the format and brings the process's own metrics; ours are read from
 * the typed arrays when a scrape comes, through metric objects that only collect.
 */
import { Registry, collectDefaultMetrics } from 'prom-client';
import type { Service } from '../http/service.ts';
import type { Histogram } from './histogram.ts';
import { operationNames } from './meters.ts';

interface Sample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  samples(service: Service): readonly Sample[];
}

/** Bucket bounds of latencies, in seconds. */
const latencyBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const turnBounds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5];

const registries = new WeakMap<Service, Registry>();

/** The text of `/metrics`. */
export async function expose(service: Service): Promise<{ contentType: string; body: string }> {
  let registry = registries.get(service);
  if (registry === undefined) {
    registry = register(service);
    registries.set(service, registry);
  }
  return { contentType: registry.contentType, body: await registry.metrics() };
}

/** Names of Coterie's own metric families, for the documentation's test. */
export function familyNames(): readonly string[] {
  return [...families.map((family) => family.name), storeFamily.name];
}

function register(service: Service): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const family of [...families, storeFamily]) {
    const { name, help, type } = family;
    const metric = { name, help, type, get: () => ({ name, help, type, values: family.samples(service), aggregator: 'sum' }) };
    registry.registerMetric(metric as never);
  }
  return registry;
}

function single(name: string, help: string, read: (service: Service) => number): Family {
  const type = name.endsWith('_total') ? 'counter' : 'gauge';
  return { name, help, type, samples: (service) => [{ value: read(service), labels: {} }] };
}

function histogramSamples(name: string, of: { histogram: Histogram; bounds: readonly number[]; labels: Record<string, string> }): Sample[] {
  const { histogram, labels } = of;
  const samples: Sample[] = of.bounds.map((bound) => ({
    metricName: `${name}_bucket`,
    value: histogram.atMost(bound * 1e6),
    labels: { ...labels, le: bound },
  }));
  samples.push({ metricName: `${name}_bucket`, value: histogram.count, labels: { ...labels, le: '+Inf' } });
  samples.push({ metricName: `${name}_sum`, value: histogram.sum / 1e6, labels });
  samples.push({ metricName: `${name}_count`, value: histogram.count, labels });
  return samples;
}

const operationsFamily: Family = {
  name: 'coterie_operations_total',
  help: 'Operations answered, by kind and outcome; a line of a batch counts as the operation it is',
  type: 'counter',
  samples: ({ meters }) =>
    Object.entries(meters.table()).flatMap(([operation, counts]) =>
      Object.entries(counts).map(([outcome, value]) => ({ value, labels: { operation, outcome } })),
    ),
};

const latencyFamily: Family = {
  name: 'coterie_operation_seconds',
  help: 'Time from the head of a request to its answer',
  type: 'histogram',
  samples: ({ meters }) =>
    operationNames
      .filter((name) => meters.latencyOf(name).count > 0)
      .flatMap((operation) =>
        histogramSamples('coterie_operation_seconds', {
          histogram: meters.latencyOf(operation),
          bounds: latencyBounds,
          labels: { operation },
        }),
      ),
};

const turnsFamily: Family = {
  name: 'coterie_event_loop_turn_seconds',
  help: 'How late a timer of 10 ms ran, which is the rest of the turn it fell into',
  type: 'histogram',
  samples: ({ turns }) =>
    histogramSamples('coterie_event_loop_turn_seconds', { histogram: turns.histogram, bounds: turnBounds, labels: {} }),
};

const storeFamily: Family = {
  name: 'coterie_store',
  help: 'Numbers of the storage engine, by name',
  type: 'gauge',
  samples: ({ node }) =>
    Object.entries(node.status().store)
      .filter(([, value]) => typeof value !== 'string')
      .map(([name, value]) => ({ value: Number(value), labels: { name } })),
};

const families: readonly Family[] = [
  operationsFamily,
  latencyFamily,
  turnsFamily,
  single('coterie_ready', '1 when the node takes requests and its store takes writes', (s) =>
    Number(s.state === 'ready' && s.node.status().state === 'ready'),
  ),
  single('coterie_warnings', 'Sentences that status shows an operator', (s) => s.node.status().warnings.length),
  single('coterie_requests_in_flight', 'Requests being worked on', (s) => s.meters.inFlight),
  single('coterie_connections', 'Connections open', (s) => s.meters.connections),
  single('coterie_connections_total', 'Connections taken', (s) => s.meters.connectionsTaken),
  single('coterie_connections_refused_total', 'Connections refused because there were too many', (s) => s.meters.connectionsRefused),
  single('coterie_body_bytes_in_total', 'Bytes of request bodies', (s) => s.meters.bytesIn),
  single('coterie_body_bytes_out_total', 'Bytes of answers', (s) => s.meters.bytesOut),
  single('coterie_body_bytes_under_way', 'Bytes of bodies being received and of large answers being sent', (s) => s.transfers.reserved),
  single('coterie_transfers_stalled_total', 'Transfers ended because their client was too slow', (s) => s.transfers.stalls),
  single('coterie_requests_malformed_total', 'Connections ended because what came was not HTTP', (s) => s.meters.malformed),
];
