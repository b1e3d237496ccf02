/** `coterie plan …`, `leave`, `remove`, `replace`, `weight`: the ring changed on purpose. */
import type { BegunReport, LossReport, PlanReport, RingWish } from '@coterie/node';
import type { ClusterDocument } from '../http/cluster.ts';
import { ask, askJson, endpointOf, parseJson, segment } from './client.ts';
import { headLine } from './cluster-lines.ts';
import { CommandFailure } from './failure.ts';
import { begunLines, planLines, underWayLines } from './plan-lines.ts';
import type { LookFlags } from './status.ts';
import { askCluster, survey } from './survey.ts';
import { print, printJson } from './table.ts';

/** Flags of what cannot be taken back. */
export interface ForceFlags extends LookFlags {
  readonly force?: boolean;
}

/** `coterie plan show`: what is staged, what is under way, how far it is on every member, and what it waits for. */
export async function showPlan(flags: LookFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const [cluster, plan] = await Promise.all([askCluster(endpoint), askJson<PlanReport>(endpoint, '/v1/plan')]);
  if (flags.json === true) return printJson({ change: cluster.change ?? null, ...plan });
  print(headLine(cluster), ...planLines(plan), ...underWayLines(await survey<ClusterDocument>(endpoint, cluster.members, '/v1/cluster')));
}

/** `coterie plan leave|join|replace|weight`: the wish waits for a commit. */
export function stage(wish: RingWish, flags: LookFlags): Promise<void> {
  return tell('/v1/plan', wish, flags);
}

/** `coterie leave|replace|weight`: the wish is begun at once. */
export function begin(wish: RingWish, flags: LookFlags): Promise<void> {
  return tell('/v1/change', wish, flags);
}

/**
 * `coterie plan commit [PLAN]`: begins the plan of that name; without one, the plan that it shows first. What was staged in
 * between is not begun either way.
 */
export async function commit(named: string | undefined, flags: LookFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const plan = named ?? (await showToCommit(endpoint, flags));
  const { body } = await ask(endpoint, post('/v1/plan/commit', plan === undefined ? {} : { plan }));
  const answer = parseJson(endpoint, body) as PlanReport & { readonly begun?: BegunReport };
  if (flags.json === true) return printJson(answer);
  print(...begunLines(answer.begun), ...planLines(answer), ...(await underWay(endpoint)));
}

/** Shows what is about to be begun, and says its name; a node of an older version has none. @throws CommandFailure for what cannot be begun */
async function showToCommit(endpoint: URL, flags: LookFlags): Promise<string | undefined> {
  const shown = await askJson<PlanReport>(endpoint, '/v1/plan');
  const { staged, plan, preview, problem } = shown;
  if (staged.length === 0) throw new CommandFailure('nothing is staged', 'coterie plan leave|join|replace|weight   stage something');
  if (preview === undefined)
    throw new CommandFailure(
      `${staged.join(' and ')} cannot be begun: ${problem ?? 'it cannot be planned'}`,
      'coterie plan abort   forgets it',
    );
  if (flags.json !== true) print(...planLines(shown).slice(0, -1));
  return plan;
}

/** `coterie plan abort [CHANGE]` */
export function abort(change: string | undefined, flags: LookFlags): Promise<void> {
  return tell('/v1/plan/abort', change === undefined ? {} : { change }, flags);
}

/** `coterie replace OLD NEW`; with `--force`, what may be lost is said first. */
export async function replace(of: { readonly member: string; readonly by: string }, flags: ForceFlags): Promise<void> {
  const { member, by } = of;
  if (flags.force !== true) return begin({ kind: 'replace', member, by }, flags);
  await printLosses(member, flags);
  return begin({ kind: 'replace', member, by, force: true }, flags);
}

/** `coterie remove NAME --force`: says what may be lost; without `--force` that is all. */
export async function remove(member: string, flags: ForceFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  await printLosses(member, flags);
  if (flags.force !== true)
    throw new CommandFailure(`${member} is still a member`, `coterie remove ${member} --force   if its disk is gone for good`);
  const { body } = await ask(endpoint, post('/v1/remove', { member, force: true }));
  if (flags.json === true) return printJson(parseJson(endpoint, body));
  print(`${member} is removed`, ...(await underWay(endpoint)));
}

async function printLosses(member: string, flags: LookFlags): Promise<void> {
  const losses = await askJson<LossReport>(await endpointOf(flags.url), `/v1/losses?member=${segment(member)}`);
  if (flags.json !== true) print(...losses.sentences);
}

/** Asks for a change, and shows the plan that follows from it. */
async function tell(path: string, body: object, flags: LookFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const reply = await ask(endpoint, post(path, body));
  const plan = parseJson(endpoint, reply.body) as PlanReport;
  if (flags.json === true) return printJson(plan);
  print(...planLines(plan), ...(await underWay(endpoint)));
}

/** What is under way, as every member says for itself. */
async function underWay(endpoint: URL): Promise<string[]> {
  return underWayLines(await survey<ClusterDocument>(endpoint, (await askCluster(endpoint)).members, '/v1/cluster'));
}

function post(path: string, body: object): Parameters<typeof ask>[1] {
  return { method: 'POST', path, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(body)), expect: [200] };
}
