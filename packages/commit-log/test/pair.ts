/** A log and its dumb twin, a list: does the same to both and holds one against the other. */
import { createSimulation } from '@coterie/simulator';
import type { Simulation } from '@coterie/simulator';
import { expect } from 'vitest';
import type { CommitLog, CommitLogOptions } from '../src/index.ts';
import { commit, expectPrefix, openIn, Replay, stage } from './workload.ts';
import type { CommitForm, Entry } from './workload.ts';

/** Something to do with a log. `closeAndForget` reopens it with `startAfter` at what was released. */
export type Step =
  | { readonly kind: 'write'; readonly form: CommitForm; readonly bytes: number; readonly sequences: number }
  | { readonly kind: 'wait' | 'sync' | 'syncSync' | 'flush' | 'close' | 'closeAndForget' | 'release' };

/** A log, and the list that it must equal. */
export class Pair {
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
