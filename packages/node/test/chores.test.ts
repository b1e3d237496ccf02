import { sleep } from '@coterie/env';
import { createSimulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { Chores } from '../src/chores.ts';

describe('chores', () => {
  it('are done again and again, each by itself, until they are stopped', async () => {
    const { environment, run } = withRun();
    const runs = { quick: 0, failing: 0, long: 0 };
    let end = (): void => undefined;
    const chores = new Chores(
      [
        { name: 'quick', run: async () => void runs.quick++ },
        {
          name: 'failing',
          run: async () => {
            runs.failing += 1;
            throw new Error('not now');
          },
        },
        {
          name: 'long',
          run: () => {
            runs.long += 1;
            return new Promise((resolve) => (end = resolve));
          },
        },
      ],
      environment,
      1000,
    );
    chores.soon();
    await run(() => sleep(environment.timers, 4500));
    expect(runs).toEqual({ quick: 5, failing: 5, long: 1 });
    const stopping = chores.stop();
    end();
    await run(() => stopping);
    await run(() => sleep(environment.timers, 4500));
    expect(runs).toEqual({ quick: 5, failing: 5, long: 1 });
  });
});

function withRun() {
  const simulation = createSimulation({ seed: 1 });
  return { environment: simulation.environment, run: <T>(work: () => Promise<T>): Promise<T> => simulation.run(work) };
}
