/**
 * What is, and why: where a key lives, who the members are, who owns what, who keeps writes for whom, and how this node
 * is doing. All of it is this node's view; others may know more or less for a moment. A node alone is a cluster of one
 * and answers in the same shapes.
 */
import type { ClusterReport, CopyReport, MemberReport, Placement } from '@coterie/node';
import { warningsOf, withNames } from './cluster-warnings.ts';
import type { Exchange } from './exchange.ts';
import { parseQuery } from './query.ts';
import { encodeKey } from './segments.ts';
import { statusOf } from './status.ts';
import { addressOf } from './values.ts';

/** `GET /v1/where/{bucket}/{key}`: the placement, and what the node that answers holds itself. */
export interface WhereDocument extends Placement {
  readonly bucket: string;
  readonly key: string;
  readonly here: CopyReport & { readonly node: string };
}

/** `GET /v1/cluster` */
export interface ClusterDocument extends Omit<ClusterReport, 'largestOverIdeal'> {
  readonly balance: { readonly largestOverIdeal: number };
  readonly warnings: readonly string[];
  /** The node that answers, and how it is itself. */
  readonly answeredBy: { readonly id: string; readonly name: string; readonly state: string; readonly reason?: string };
}

/** `GET /v1/hints`: what this node keeps for others. */
export interface HintsDocument {
  readonly node: string;
  readonly epoch: number;
  readonly total: number;
  /** Handed over since the node started. */
  readonly delivered: number;
  readonly owners: readonly { readonly id: string; readonly name: string; readonly state: MemberReport['state']; readonly hints: number }[];
}

/** `GET /v1/where/{bucket}/{key}` */
export async function showWhere(exchange: Exchange): Promise<void> {
  parseQuery(exchange.query, []);
  const { bucket, key } = addressOf(exchange.path, '/v1/where/'.length);
  const { node } = exchange.service;
  const [placement, copy] = await Promise.all([node.where(bucket, key), node.inspect(bucket, key)]);
  const here = { node: node.status().name, ...copy };
  answer<WhereDocument>(exchange, { bucket, key: encodeKey(key), ...placement, here });
}

/** `GET /v1/cluster`: members and what to know about them. */
export function showCluster(exchange: Exchange): undefined {
  parseQuery(exchange.query, []);
  const { node } = exchange.service;
  const { largestOverIdeal, ...report } = withNames(node.cluster());
  const { nodeId: id, name, state, reason } = node.status();
  const answeredBy = { id, name, state, ...(reason === undefined ? {} : { reason }) };
  answer<ClusterDocument>(exchange, { ...report, balance: { largestOverIdeal }, warnings: warningsOf(node), answeredBy });
}

/** `GET /v1/members`: the members alone. */
export function showMembers(exchange: Exchange): undefined {
  parseQuery(exchange.query, []);
  const { epoch, members } = exchange.service.node.cluster();
  exchange.answerJson(200, { epoch, members });
}

/** `GET /v1/hints` */
export function showHints(exchange: Exchange): undefined {
  parseQuery(exchange.query, []);
  const { node } = exchange.service;
  const { epoch, hints: total, hintsDelivered: delivered, members } = node.cluster();
  const owners = members.filter(({ hints }) => hints > 0).map(({ id, name, state, hints }) => ({ id, name, state, hints }));
  answer<HintsDocument>(exchange, { node: node.status().name, epoch, total, delivered, owners });
}

/** `GET /v1/ring`: for each partition its holders in order, as positions in `members`. */
export function showRing(exchange: Exchange): undefined {
  parseQuery(exchange.query, []);
  exchange.answerJson(200, exchange.service.node.ring());
}

/** `GET /v1/status`: the node and this server in one document; the console and `coterie status` show it. */
export function showStatus(exchange: Exchange): undefined {
  parseQuery(exchange.query, []);
  exchange.answerJson(200, statusOf(exchange.service));
}

function answer<Document>(exchange: Exchange, document: Document): void {
  exchange.answerJson(200, document);
}
