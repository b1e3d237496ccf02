/**
 * Which handler takes a request. The path of keys is tried first and by hand, since nearly all requests take it; the
 * rest is a table. Paths stay raw here: a percent-encoded slash is part of a key and never a separator.
 *
 * ```
 *  /v1/kv/{bucket}/{key}   GET HEAD PUT DELETE        /v1/where/{bucket}/{key}   GET
 *  /v1/kv/{bucket}         GET                        /v1/cluster /v1/members /v1/ring   GET
 *  /v1/batch               POST                       /v1/hints /v1/status       GET
 *  /v1/plan                GET POST                   /v1/losses                 GET
 *  /v1/plan/commit /v1/plan/abort /v1/change /v1/remove /v1/repair /v1/backup /v1/scrub   POST
 *  /v1/buckets             GET                        /livez /readyz /metrics    GET HEAD
 *  /v1/buckets/{bucket}    GET PUT DELETE             /  and the console's files GET HEAD
 * ```
 */
import type { OperationName } from '../metrics/meters.ts';
import { runBackup } from './backup.ts';
import { runBatch } from './batch.ts';
import { dropBucket, listBuckets, setBucket, showBucket } from './buckets.ts';
import { showCluster, showHints, showMembers, showRing, showStatus, showWhere } from './cluster.ts';
import { showConsole } from './console.ts';
import type { Exchange } from './exchange.ts';
import { livez, metrics, readyz } from './health.ts';
import { listKeys } from './keys.ts';
import { HttpRefusal } from './problem.ts';
import { runRepair } from './repair.ts';
import { abortPlan, beginWish, commitPlan, removeMember, showLosses, showPlan, stageWish } from './topology.ts';
import { runScrub } from './scrub.ts';
import { deleteValue, getValue, putValue } from './values.ts';

/** Answers an exchange, now or when its promise resolves; may throw or reject instead. */
export type Handler = (exchange: Exchange) => Promise<void> | undefined;

/** What a request is, and who answers it. */
export interface Route {
  readonly operation: OperationName;
  readonly handler: Handler;
}

type Methods = Readonly<Record<string, Route>>;

const onKey: Methods = {
  GET: { operation: 'get', handler: getValue },
  PUT: { operation: 'put', handler: putValue },
  DELETE: { operation: 'delete', handler: deleteValue },
  HEAD: { operation: 'get', handler: getValue },
};
const onKeys = reading('list', listKeys);
const onBucket: Methods = {
  GET: { operation: 'bucket', handler: showBucket },
  HEAD: { operation: 'bucket', handler: showBucket },
  PUT: { operation: 'bucket', handler: setBucket },
  DELETE: { operation: 'bucket', handler: dropBucket },
};
const onWhere = reading('cluster', showWhere);

const exact: ReadonlyMap<string, Methods> = new Map([
  ['/v1/batch', { POST: { operation: 'batch', handler: runBatch } } as Methods],
  ['/v1/buckets', reading('bucket', listBuckets)],
  ['/v1/cluster', reading('cluster', showCluster)],
  ['/v1/members', reading('cluster', showMembers)],
  ['/v1/ring', reading('cluster', showRing)],
  ['/v1/plan', { ...reading('cluster', showPlan), POST: { operation: 'cluster', handler: stageWish } }],
  ['/v1/plan/commit', posting(commitPlan)],
  ['/v1/plan/abort', posting(abortPlan)],
  ['/v1/change', posting(beginWish)],
  ['/v1/losses', reading('cluster', showLosses)],
  ['/v1/remove', posting(removeMember)],
  ['/v1/repair', posting(runRepair)],
  ['/v1/backup', posting(runBackup)],
  ['/v1/scrub', posting(runScrub)],
  ['/v1/hints', reading('cluster', showHints)],
  ['/v1/status', reading('cluster', showStatus)],
  ['/livez', reading('health', livez)],
  ['/readyz', reading('health', readyz)],
  ['/metrics', reading('health', metrics)],
  ['/', reading('console', showConsole)],
  ['/console.css', reading('console', showConsole)],
  ['/console.js', reading('console', showConsole)],
]);

/**
 * The route of an exchange.
 * @throws HttpRefusal `UNKNOWN_PATH`, or `METHOD_NOT_ALLOWED` with `Allow`
 */
export function route(exchange: Exchange): Route {
  const { path } = exchange;
  const method = exchange.request.method as string;
  const methods = methodsOf(path);
  if (methods === undefined) throw new HttpRefusal('UNKNOWN_PATH', 'nothing is at this path; keys are at /v1/kv/{bucket}/{key}');
  if (Object.hasOwn(methods, method)) return methods[method];
  const allow = Object.keys(methods).join(', ');
  throw new HttpRefusal('METHOD_NOT_ALLOWED', `${method} is not allowed here; allowed: ${allow}`, { headers: ['Allow', allow] });
}

function methodsOf(path: string): Methods | undefined {
  if (path.startsWith('/v1/kv/')) return path.indexOf('/', 7) < 0 ? onKeys : onKey;
  const found = exact.get(path);
  if (found !== undefined) return found;
  if (path.startsWith('/v1/buckets/')) return onBucket;
  return path.startsWith('/v1/where/') ? onWhere : undefined;
}

function posting(handler: Handler): Methods {
  return { POST: { operation: 'cluster', handler } };
}

function reading(operation: OperationName, handler: Handler): Methods {
  return { GET: { operation, handler }, HEAD: { operation, handler } };
}
