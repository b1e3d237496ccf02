/**
 * A plan as a job: for a ring of some size it takes longer than a turn of the event loop may, so it is made off the main
 * thread, after what is more urgent.
 */
import type { JobEnvironment, JobSpec } from '@coterie/env';
import type { Ring } from '../ring.ts';
import { type Plan, plan } from './plan.ts';
import type { RingChange } from './stage.ts';

/** What is to be planned: plain values. */
export interface PlanJobInput {
  readonly ring: Ring;
  readonly changes: readonly RingChange[];
  /** Copies of each key: the largest n of any bucket. */
  readonly n: number;
}

/** A plan, with its moves counted instead of listed: it comes from another thread. */
export interface PlannedRing extends Omit<Plan, 'moves' | 'releases'> {
  readonly moves: number;
}

/** Plans are made before compactions go on: somebody waits for them. */
const priority = 1;

/** Makes the plan. @throws what `plan` throws */
export function* makePlan(_environment: JobEnvironment, { ring, changes, n }: PlanJobInput): Generator<void, PlannedRing, void> {
  yield;
  const { moves, releases: _releases, ...planned } = plan(ring, changes, { n });
  return { ...planned, moves: moves.length };
}

/** The job that makes this plan. */
export function planJob(input: PlanJobInput): JobSpec<PlanJobInput, PlannedRing> {
  return {
    name: 'plan',
    module: new URL('../../dist/plan/job.js', import.meta.url).href,
    exportName: 'makePlan',
    run: makePlan,
    input,
    priority,
  };
}
