/** Random operations against a sorted-map twin, under options from comfortable to absurd, with shrinking. */
import { createSimulation } from '@coterie/simulator';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openStore } from '../src/index.ts';
import { Pair, steps, storeOptions } from './operations.ts';

const runs = process.env['COTERIE_LONG'] === undefined ? 150 : 5000;

test('a store and a sorted map agree on every answer, whatever the options', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), storeOptions, steps, async (seed, options, list) => {
      const simulation = createSimulation({ seed });
      await simulation.run(async () => {
        const open = () => openStore('/data', { ...options, environment: simulation.environment });
        const pair = new Pair(await open(), open, (what, store, twin) => expect(store, what).toEqual(twin));
        for (const step of list) await pair.step(step);
        await pair.checkAll();
        await pair.store.settle();
        await pair.checkAll();
        await pair.store.close();
      });
    }),
    // A run that works for ever, compacting the same table again and again, fails by itself instead of stopping the suite.
    { numRuns: runs, timeout: 20_000 },
  );
}, 900_000);
