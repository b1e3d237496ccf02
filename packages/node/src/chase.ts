/**
 * Carries a pursuit out: asks whom it names, tells it what came back and who is late, and resolves with the verdict.
 *
 * ```
 *   asked ──▶ answers … ──▶ verdict: the caller goes on ──▶ stragglers … ──▶ settled
 * ```
 *
 * A write goes on after the verdict: an owner that then fails or stays silent still gets its stand-in, so that every copy
 * finds a home. A read stops asking.
 */
import type { Timer, Timers } from '@coterie/env';
import type { Outcome, Pursuit, Target } from './pursuit.ts';

/** How a chase is carried out. */
export interface ChaseParts<Answer extends Outcome> {
  readonly pursuit: Pursuit;
  readonly timers: Timers;
  /** A store that is silent for so long gets a stand-in. */
  readonly patienceMs: number;
  /** What to do about owners that are missing when the verdict is out. */
  readonly afterwards: 'complete' | 'stop';
  /** Asks a store. Never rejects: a failure is an answer. */
  ask(target: Target): Promise<Answer>;
}

/** One operation's questions and answers. */
export class Chase<Answer extends Outcome> {
  readonly answers: Answer[] = [];
  readonly #parts: ChaseParts<Answer>;
  #timer: Timer | undefined;
  #decide: ((verdict: 'met' | 'failed') => void) | undefined;
  #settle: (() => void) | undefined;
  #open = 0;
  /** Resolves when every store that was asked has answered. */
  readonly settled: Promise<void>;

  constructor(parts: ChaseParts<Answer>) {
    this.#parts = parts;
    this.settled = new Promise((resolve) => (this.#settle = resolve));
  }

  /** Asks, and resolves with the verdict. `own` is the coordinator's own part. */
  run(own?: Target): Promise<'met' | 'failed'> {
    const { pursuit, timers, patienceMs } = this.#parts;
    return new Promise((resolve) => {
      this.#decide = resolve;
      this.#ask(pursuit.start(own));
      if (this.#open > 0) this.#timer = timers.after(patienceMs, () => this.#hurry());
      this.#check();
    });
  }

  #ask(targets: readonly Target[]): void {
    for (const target of targets) {
      this.#open += 1;
      void this.#parts.ask(target).then((answer) => this.#take(answer));
    }
  }

  #take(answer: Answer): void {
    this.#open -= 1;
    this.answers.push(answer);
    const more = this.#parts.pursuit.add(answer);
    if (this.#goesOn) this.#ask(more);
    this.#check();
  }

  #hurry(): void {
    if (!this.#goesOn) return;
    const { pursuit } = this.#parts;
    for (const target of pursuit.open) this.#ask(pursuit.late(target.store));
  }

  #judge(decide: (verdict: 'met' | 'failed') => void): void {
    const { verdict } = this.#parts.pursuit;
    if (verdict === 'waiting') return;
    decide(verdict);
    this.#decide = undefined;
  }

  get #goesOn(): boolean {
    return this.#parts.afterwards === 'complete' || this.#decide !== undefined;
  }

  #check(): void {
    if (this.#decide !== undefined) this.#judge(this.#decide);
    if (this.#open > 0) return;
    this.#timer?.cancel();
    this.#settle?.();
  }
}
