/**
 * Changes of the ring on purpose, as JSON: look at the plan, stage wishes, begin them together, take back what is under
 * way. The shape is checked here; what can be is judged by the node.
 *
 * ```
 *  GET  /v1/plan                            what is staged, what it would do, what is under way
 *  POST /v1/plan          {"kind":"leave","member":"n3"}   stages a wish       ┐ join, leave, replace, weight
 *  POST /v1/change        the same                          begins it at once  ┘
 *  POST /v1/plan/commit   {"plan":NAME}?    begins what is staged: with a name only if that is still the plan, else 412
 *  POST /v1/plan/abort    {"change":ID}?    takes back a change under way, or what is staged
 *  GET  /v1/losses?member=n3                what would be lost with it
 *  POST /v1/remove        {"member":"n3","force":true}
 * ```
 */
import type { BegunReport, LossReport, PlanReport, RingWish } from '@coterie/node';
import * as v from 'valibot';
import { declaredLength, readBody } from './body.ts';
import { namesIn } from './cluster-warnings.ts';
import type { Exchange } from './exchange.ts';
import { HttpRefusal, invalid } from './problem.ts';
import { parseQuery, textParameter } from './query.ts';

const bodyBytesMax = 4096;

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(256));

const wishSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('join'), member: name }),
  v.strictObject({ kind: v.literal('leave'), member: name }),
  v.strictObject({ kind: v.literal('weight'), member: name, weight: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1024)) }),
  v.strictObject({ kind: v.literal('replace'), member: name, by: name, force: v.optional(v.boolean()) }),
]);
const commitSchema = v.strictObject({ plan: v.optional(name) });
const abortSchema = v.strictObject({ change: v.optional(name) });
const removeSchema = v.strictObject({ member: name, force: v.literal(true) });

/** `GET /v1/plan` */
export async function showPlan(exchange: Exchange): Promise<void> {
  parseQuery(exchange.query, []);
  await answerPlan(exchange);
}

/** `POST /v1/plan`: the wish waits for a commit; answers the plan. */
export async function stageWish(exchange: Exchange): Promise<void> {
  parseQuery(exchange.query, []);
  await exchange.service.node.topology.stage((await bodyOf(exchange, wishSchema)) as RingWish);
  await answerPlan(exchange);
}

/** `POST /v1/change`: the wish is begun at once; answers the plan. */
export async function beginWish(exchange: Exchange): Promise<void> {
  parseQuery(exchange.query, []);
  await exchange.service.node.topology.begin((await bodyOf(exchange, wishSchema)) as RingWish);
  await answerPlan(exchange);
}

/** `POST /v1/plan/commit`: all that is staged is begun together; answers the plan as it is afterwards, and what was begun. */
export async function commitPlan(exchange: Exchange): Promise<void> {
  parseQuery(exchange.query, []);
  const { plan } = declaredLength(exchange) === 0 ? {} : await bodyOf(exchange, commitSchema);
  const begun = await exchange.service.node.topology.commit(plan);
  exchange.answerJson(200, { ...(await planOf(exchange)), begun } satisfies PlanReport & { readonly begun: BegunReport });
}

/** `POST /v1/plan/abort`: takes back a change under way, or what is staged. */
export async function abortPlan(exchange: Exchange): Promise<void> {
  parseQuery(exchange.query, []);
  const { change } = await bodyOf(exchange, abortSchema);
  await exchange.service.node.topology.abort(change);
  await answerPlan(exchange);
}

/** `GET /v1/losses?member=NAME` */
export async function showLosses(exchange: Exchange): Promise<void> {
  const member = textParameter(parseQuery(exchange.query, ['member']), 'member');
  if (member === undefined) throw invalid('name the member, as in /v1/losses?member=n3');
  const losses: LossReport = await exchange.service.node.topology.losses(member);
  exchange.answerJson(200, losses);
}

/** `POST /v1/remove`: declares a member dead for good; answers what is lost. */
export async function removeMember(exchange: Exchange): Promise<void> {
  parseQuery(exchange.query, []);
  const { member } = await bodyOf(exchange, removeSchema);
  const { topology } = exchange.service.node;
  const losses = await topology.losses(member);
  await topology.remove(member);
  exchange.answerJson(200, losses);
}

async function answerPlan(exchange: Exchange): Promise<void> {
  exchange.answerJson(200, await planOf(exchange));
}

async function planOf({ service }: Exchange): Promise<PlanReport> {
  const plan = await service.node.topology.plan();
  const { members } = service.node.cluster();
  return { ...plan, changes: plan.changes.map((change) => namesIn(change, members)) };
}

async function bodyOf<Output>(exchange: Exchange, schema: v.GenericSchema<unknown, Output>): Promise<Output> {
  const type = exchange.header('content-type');
  if (type === undefined || !/^application\/json\s*(;|$)/i.test(type)) {
    throw new HttpRefusal('INVALID_ARGUMENT', 'what is wished of the ring comes as Content-Type: application/json', { status: 415 });
  }
  const body = await readBody(exchange, bodyBytesMax);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch (error) {
    throw invalid(`the body is not JSON: ${(error as Error).message}`);
  }
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw invalid(`${v.getDotPath(issue)?.slice(0, 64) ?? 'the body'}: ${issue.message}`);
}
