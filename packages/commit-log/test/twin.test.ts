/** The whole log against a dumb twin: a list. Every form of commit, release, close, kill and reopen, in any order. */
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { Pair } from './pair.ts';
import type { Step } from './pair.ts';
import type { CommitForm } from './workload.ts';

const form = fc.constantFrom<CommitForm>('async', 'asyncDurable', 'sync', 'syncDurable');
const bytes = fc.oneof(
  { weight: 8, arbitrary: fc.nat(400) },
  { weight: 2, arbitrary: fc.nat(40_000) },
  { weight: 1, arbitrary: fc.nat(300_000) },
);
const write = fc.record({ kind: fc.constant('write' as const), form, bytes, sequences: fc.integer({ min: 1, max: 500 }) });
const other = fc.record({ kind: fc.constantFrom('wait', 'sync', 'syncSync', 'flush', 'close', 'closeAndForget', 'release') });
const steps = fc.array(fc.oneof({ weight: 6, arbitrary: write }, { weight: 2, arbitrary: other }), {
  minLength: 5,
  maxLength: 60,
}) as fc.Arbitrary<Step[]>;

describe('a log and a list', () => {
  it('agree', async () => {
    const runs = process.env['COTERIE_LONG'] === '1' ? 1000 : 40;
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.constantFrom(65_536, 200_000), steps, async (seed, segmentBytes, plan) => {
        const pair = new Pair(seed, { segmentBytes, reserveSegments: 2 });
        await pair.open();
        for (const step of plan) await pair.take(step);
        await pair.take({ kind: 'close' });
      }),
      { numRuns: runs },
    );
  });
});
