/**
 * For machines that watch: `livez` says that the process answers at all (restart it if not), `readyz` that it should
 * get requests (a read-only store answers reads all the same, and `readyz` says so in its reason), `metrics` is for
 * Prometheus.
 */
import { CoterieError } from '@coterie/env';
import { expose } from '../metrics/exposition.ts';
import type { Exchange } from './exchange.ts';
import { parseQuery } from './query.ts';

const text = ['Content-Type', 'text/plain; charset=utf-8', 'Cache-Control', 'no-store'];

/** `GET /livez` */
export function livez(exchange: Exchange): undefined {
  exchange.answer(200, [...text], 'live\n');
}

/** `GET /readyz`: 200, or 503 with the reason. Takes any query, since probes like to add one. */
export function readyz(exchange: Exchange): undefined {
  const reason = notReady(exchange);
  if (reason === undefined) exchange.answer(200, [...text], 'ready\n');
  else exchange.refuse({ status: 503, code: 'NOT_READY', detail: reason, retryable: true }, ['Retry-After', '1']);
}

/** `GET /metrics` */
export async function metrics(exchange: Exchange): Promise<void> {
  parseQuery(exchange.query, []);
  if (exchange.service.state === 'starting') throw new CoterieError('NOT_READY', 'there are no metrics before the node is open');
  const { contentType, body } = await expose(exchange.service);
  exchange.answer(200, ['Content-Type', contentType, 'Cache-Control', 'no-store'], body);
}

function notReady(exchange: Exchange): string | undefined {
  const { state, waitingFor } = exchange.service;
  if (state === 'starting') return `the node is starting: ${waitingFor}`;
  if (state !== 'ready') return `the server is ${state}`;
  const status = exchange.service.node.status();
  if (status.state === 'ready') return undefined;
  return `the node is ${status.state}${status.reason === undefined ? '' : `: ${status.reason}`}`;
}
