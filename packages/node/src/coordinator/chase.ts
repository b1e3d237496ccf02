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
import type { Patience, Waiter } from './patience.ts';
import type { Outcome, Pursuit, Target } from './pursuit.ts';

/** How a chase is carried out. */
export interface ChaseParts<Answer extends Outcome> {
  readonly pursuit: Pursuit;
  /** A store that is silent for longer gets a stand-in. */
  readonly patience: Patience;
  /** What to do about owners that are missing when the verdict is out. */
  readonly afterwards: 'complete' | 'stop';
  /** Asks a store, and calls `take` with what it answers, later. A failure is an answer. */
  ask(target: Target, take: (answer: Answer) => void): void;
}

/** One operation's questions and answers. */
export class Chase<Answer extends Outcome> {
  readonly answers: Answer[] = [];
  readonly #parts: ChaseParts<Answer>;
  readonly #take: (answer: Answer) => void = (answer) => this.#add(answer);
  #waiter: Waiter | undefined;
  #decide: ((verdict: 'met' | 'failed') => void) | undefined;
  #settle: (() => void) | undefined;
  #isSettled = false;
  #open = 0;

  constructor(parts: ChaseParts<Answer>) {
    this.#parts = parts;
  }

  /** Calls `then` once every store that was asked has answered, which may be at once. */
  whenSettled(then: () => void): void {
    if (this.#isSettled) return then();
    const earlier = this.#settle;
    this.#settle = earlier === undefined ? then : (): void => (earlier(), then());
  }

  /** Resolves when every store that was asked has answered. */
  get settled(): Promise<void> {
    return new Promise((resolve) => this.whenSettled(resolve));
  }

  /** Asks, and resolves with the verdict. `own` is the coordinator's own part. */
  run(own?: Target): Promise<'met' | 'failed'> {
    const { pursuit, patience } = this.#parts;
    return new Promise((resolve) => {
      this.#decide = resolve;
      this.#ask(pursuit.start(own));
      if (this.#open > 0) this.#waiter = patience.begin(() => this.#hurry());
      this.#check();
    });
  }

  #ask(targets: readonly Target[]): void {
    for (const target of targets) {
      this.#open += 1;
      this.#parts.ask(target, this.#take);
    }
  }

  #add(answer: Answer): void {
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
    this.#check();
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
    if (this.#waiter !== undefined) this.#parts.patience.end(this.#waiter);
    this.#isSettled = true;
    this.#settle?.();
    this.#settle = undefined;
  }
}
