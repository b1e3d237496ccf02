/**
 * What is, and why: where a key lives, who the members are, who owns what, and how this node is doing. A node alone is
 * a cluster of one and answers in the same shapes.
 */
import type { Exchange } from './exchange.ts';
import { parseQuery } from './query.ts';
import { encodeKey } from './segments.ts';
import { statusOf } from './status.ts';
import { addressOf } from './values.ts';

/** `GET /v1/where/{bucket}/{key}` */
export async function showWhere(exchange: Exchange): Promise<void> {
  parseQuery(exchange.query, []);
  const { bucket, key } = addressOf(exchange.path, '/v1/where/'.length);
  const placement = await exchange.service.node.where(bucket, key);
  exchange.answerJson(200, { bucket, key: encodeKey(key), ...placement });
}

/** `GET /v1/cluster`: members and what to know about them. */
export async function showCluster(exchange: Exchange): Promise<void> {
  parseQuery(exchange.query, []);
  const status = exchange.service.node.status();
  const { partitions } = await anyPlacement(exchange);
  const member = { name: status.name, nodeId: status.nodeId, incarnation: status.incarnation, state: status.state, weight: 1, partitions };
  exchange.answerJson(200, {
    members: [member],
    partitions,
    effectiveN: status.effectiveN,
    balance: { largestOverIdeal: 1 },
    warnings: status.warnings,
  });
}

/** `GET /v1/ring`: runs of partitions with the same owners; bounds are tokens, both included. */
export async function showRing(exchange: Exchange): Promise<void> {
  parseQuery(exchange.query, []);
  const placement = await anyPlacement(exchange);
  const owners = placement.preferenceList.filter((entry) => entry.role === 'primary').map((entry) => entry.node);
  exchange.answerJson(200, {
    partitions: placement.partitions,
    ranges: [{ from: '0000000000000000', to: 'ffffffffffffffff', owners }],
  });
}

/** `GET /v1/status`: the node and this server in one document; the console and `coterie status` show it. */
export function showStatus(exchange: Exchange): undefined {
  parseQuery(exchange.query, []);
  exchange.answerJson(200, statusOf(exchange.service));
}

/** Any key's placement: with one member all of them have the same owners. */
function anyPlacement(exchange: Exchange): ReturnType<Exchange['service']['node']['where']> {
  return exchange.service.node.where('default', Uint8Array.of(0));
}
