/** Jobs done whole, on the only thread of a stage, in the step after they were started or when somebody waits for one. */
import type { Job, JobEnvironment, JobOutcome, Jobs, JobSpec } from '@coterie/env';
import type { StageTime } from './stage-time.ts';

/** The jobs of one member on a stage. */
export class StageJobs implements Jobs {
  readonly #world: JobEnvironment & { readonly clock: StageTime };
  readonly #waiting: (() => void)[] = [];

  constructor(world: JobEnvironment & { readonly clock: StageTime }) {
    this.#world = world;
  }

  start<Input, Output>(spec: JobSpec<Input, Output>, settled: (outcome: JobOutcome<Output>) => void): Job {
    let isCancelled = false;
    const run = (): void => settled(isCancelled ? { state: 'cancelled' } : outcomeOf(spec, this.#world));
    this.#waiting.push(run);
    this.#world.clock.soon(() => void this.#next());
    return { cancel: () => void (isCancelled = true) };
  }

  poll(): void {}

  wait(): boolean {
    return this.#next();
  }

  #next(): boolean {
    const run = this.#waiting.shift();
    run?.();
    return run !== undefined;
  }
}

function outcomeOf<Input, Output>({ run, input }: JobSpec<Input, Output>, world: JobEnvironment): JobOutcome<Output> {
  try {
    const steps = run(world, structuredClone(input));
    for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return { state: 'done', output: step.value };
  } catch (error) {
    return { state: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
  }
}
