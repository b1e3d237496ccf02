/**
 * Prometheus' view of the meters. prom-client writes the format and brings the process's own metrics; ours are read from
 * the typed arrays when a scrape comes, through metric objects that only collect.
 */
import type { NodeStatus } from '@coterie/node';
import { Registry, collectDefaultMetrics } from 'prom-client';
import { warningsOf } from '../http/cluster-warnings.ts';
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
  return families.map((family) => family.name);
}

function register(service: Service): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const family of families) {
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

const membersFamily: Family = {
  name: 'coterie_members',
  help: 'Members of the cluster by how this node sees them',
  type: 'gauge',
  samples: ({ node }) => {
    const { members } = node.cluster();
    return (['alive', 'suspect', 'dead', 'left'] as const).map((state) => ({
      value: members.filter((member) => member.state === state).length,
      labels: { state },
    }));
  },
};

/** Numbers that a part of the node names itself. */
function named(name: string, help: string, read: (status: NodeStatus) => Readonly<Record<string, number | string | boolean>>): Family {
  const samples = ({ node }: Service): Sample[] =>
    Object.entries(read(node.status()))
      .filter(([, value]) => typeof value !== 'string')
      .map(([label, value]) => ({ value: Number(value), labels: { name: label } }));
  return { name, help, type: 'gauge', samples };
}

const families: readonly Family[] = [
  operationsFamily,
  latencyFamily,
  turnsFamily,
  single('coterie_ready', '1 when the node takes requests and its store takes writes', (s) =>
    Number(s.state === 'ready' && s.node.status().state === 'ready'),
  ),
  single('coterie_warnings', 'Sentences that status shows an operator', (s) => warningsOf(s.node).length),
  membersFamily,
  single('coterie_epoch', 'Epoch of the ring that this node goes by', (s) => s.node.epoch),
  single(
    'coterie_change_partitions',
    'Partitions of the change under way; 0 when there is none',
    (s) => s.node.cluster().change?.partitions ?? 0,
  ),
  single('coterie_change_waits', '1 when a change is under way and something holds it up, as this node sees it', (s) =>
    Number((s.node.cluster().change?.waitingFor ?? '') !== ''),
  ),
  single('coterie_recovering', '1 while this store takes back what it may lack', (s) => Number(s.node.cluster().isRecovering)),
  single('coterie_hints', 'Objects that this node keeps for other members', (s) => s.node.cluster().hints),
  single(
    'coterie_hints_delivered_total',
    'Objects handed over to the members that they were kept for',
    (s) => s.node.cluster().hintsDelivered,
  ),
  single('coterie_balance_ratio', 'Largest load of a member over what it ought to have', (s) => s.node.cluster().largestOverIdeal),
  named('coterie_rpc', 'Numbers of the door for other nodes, by name', ({ rpc }) => rpc),
  named('coterie_gossip', 'Numbers of gossip since the start, by name', ({ gossip }) => gossip),
  named('coterie_moved', 'Objects and bytes that changes of the ring brought to this node and took from it, by name', ({ moved }) => moved),
  named('coterie_forgetting', 'What there is to be forgotten and what was, by name', ({ forgetting: { waitingFor, ...numbers } }) => ({
    ...numbers,
    waitingFor: waitingFor.length,
  })),
  named('coterie_store', 'Numbers of the storage engine, by name', ({ store }) => store),
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
