/**
 * The planner asked for a state and wishes, in a worker: it takes longer than a turn may. What is begun was mostly shown
 * just before, so the last answer is kept, and is the answer as long as state and wishes are the very same.
 */
import { CoterieError, type Environment, isCoterieError } from '@coterie/env';
import { planJob, type PlannedRing } from '@coterie/ring';
import { questionOf } from '../cluster/plan.ts';
import type { ClusterState, Wish } from '../cluster/state.ts';

/** Plans, each worked out once. */
export class Planning {
  readonly #jobs: Environment['jobs'];
  #last: { readonly state: ClusterState; readonly wishes: readonly Wish[]; readonly plan: Promise<PlannedRing> } | undefined;

  constructor(jobs: Environment['jobs']) {
    this.#jobs = jobs;
  }

  /** What the planner says to these wishes in this state. @throws `INVALID_ARGUMENT` for wishes that cannot be, or not together */
  plan(state: ClusterState, wishes: readonly Wish[]): Promise<PlannedRing> {
    const last = this.#last;
    if (last?.state === state && last.wishes === wishes) return last.plan;
    const plan = this.#planAnew(state, wishes);
    const planned = { state, wishes, plan };
    this.#last = planned;
    plan.catch(() => {
      if (this.#last === planned) this.#last = undefined;
    });
    return plan;
  }

  #planAnew(state: ClusterState, wishes: readonly Wish[]): Promise<PlannedRing> {
    return new Promise((resolve, reject) => {
      this.#jobs.start(planJob(questionOf(state, wishes)), (outcome) => {
        if (outcome.state === 'done') return resolve(outcome.output);
        const error = outcome.state === 'failed' ? outcome.error : new Error('the plan was cancelled');
        return reject(isCoterieError(error) ? error : new CoterieError('INVALID_ARGUMENT', error.message, { cause: error }));
      });
    });
  }
}
