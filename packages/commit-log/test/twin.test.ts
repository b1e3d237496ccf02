/** The whole log against a dumb twin: a list. Every form of commit, release, close, kill and reopen, in any order. */
import { createSimulation } from '@coterie/simulator';
import type { Simulation } from '@coterie/simulator';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CommitLog, CommitLogOptions } from '../src/index.ts';
import { commit, expectPrefix, openIn, Replay, stage } from './workload.ts';
import type { CommitForm, Entry } from './workload.ts';

type Step =
  | { readonly kind: 'write'; readonly form: CommitForm; readonly bytes: number; readonly sequences: number }
  | { readonly kind: 'wait' | 'sync' | 'syncSync' | 'flush' | 'close' | 'closeAndForget' | 'release' };

const form = fc.constantFrom<CommitForm>('async', 'asyncDurable', 'sync', 'syncDurable');
const bytes = fc.oneof({ weight: 8, arbitrary: fc.nat(400) }, { weight: 2, arbitrary: fc.nat(40_000) }, { weight: 1, arbitrary: fc.nat(300_000) });
const write = fc.record({ kind: fc.constant('write' as const), form, bytes, sequences: fc.integer({ min: 1, max: 500 }) });
const other = fc.record({ kind: fc.constantFrom('wait', 'sync', 'syncSync', 'flush', 'close', 'closeAndForget', 'release') });
const steps = fc.array(fc.oneof({ weight: 6, arbitrary: write }, { weight: 2, arbitrary: other }), { minLength: 5, maxLength: 60 }) as fc.Arbitrary<Step[]>;

/** A log, and the list that it must equal. */
class Pair {
  readonly entries: Entry[] = [];
  applied = new Replay();
  log!: CommitLog;
  #waiting: Promise<void>[] = [];
  #released = 0;
  readonly #simulation: Simulation;
  readonly #options: CommitLogOptions;

  constructor(seed: number, options: CommitLogOptions) {
    this.#simulation = createSimulation({ seed });
    this.#options = options;
  }

  async open(options: CommitLogOptions = this.#options): Promise<void> {
    const { log, replay } = await openIn(this.#simulation, options);
    expectPrefix(replay, { entries: this.entries, durable: this.#last, released: this.#released });
    if (options.startAfter !== undefined) expect(replay.entries[0]?.sequence ?? Infinity).toBeGreaterThan(options.startAfter - 500);
    expect(log.nextSequence).toBe(this.#last + 1);
    this.log = log;
    this.applied = new Replay();
    log.onApplied = this.applied.handler;
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'write':
        this.entries.push(stage(this.log, step.bytes, step.sequences));
        this.#waiting.push(commit(this.log, step.form));
        if (step.form === 'syncDurable') expect(this.log.durableSequence).toBe(this.#last);
        return;
      case 'wait':
        await this.#simulation.run(Promise.all(this.#waiting));
        expect(this.log.appliedSequence).toBe(this.#last);
        return;
      case 'sync':
        await this.#simulation.run(this.log.sync());
        expect(this.log.durableSequence).toBe(this.#last);
        return;
      case 'syncSync':
        this.log.syncSync();
        expect(this.log.durableSequence).toBe(this.#last);
        return;
      case 'flush':
        this.log.flushSync();
        expect(this.log.pendingRecords).toBe(0);
        return;
      case 'release':
        this.#released = this.log.durableSequence;
        this.log.release(this.#released);
        return;
      case 'close':
      case 'closeAndForget':
        await this.#simulation.run(this.log.close());
        this.#expectApplied();
        await this.open(step.kind === 'close' ? this.#options : { ...this.#options, startAfter: this.#released });
    }
  }

  #expectApplied(): void {
    const { entries } = this.applied;
    const tail = this.entries.slice(this.entries.length - entries.length);
    expect(entries).toEqual(tail.map(({ sequence, bytes: length }) => ({ sequence, bytes: length })));
  }

  get #last(): number {
    const last = this.entries.at(-1);
    return last === undefined ? 0 : last.sequence + last.sequences - 1;
  }
}

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
