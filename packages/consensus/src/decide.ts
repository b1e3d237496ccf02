/**
 * Carries out one proposer: sends what it asks, brings back what comes, and keeps its time. All decisions are the
 * proposer's; this file only waits.
 *
 * ```
 *   start ─▶ ask every steward ─▶ replies, losses, time ─▶ decided │ gaveUp
 *                                 the epoch became known otherwise ─▶ overtaken
 *                                 the caller's time is over ────────▶ late
 * ```
 */
import type { Environment, Timer } from '@coterie/env';
import { advanceProposer, beginProposer, type Proposer, type ProposerEvent, type ProposerSettings, type ProposerStep } from './proposer.ts';
import type { RegisterReply, RegisterRequest } from './register.ts';

/** What there is to decide, and the way to those who do. */
export interface DecideTask {
  readonly environment: Pick<Environment, 'clock' | 'timers'>;
  readonly proposer: ProposerSettings;
  /** Monotonic time at which the caller stops waiting. */
  readonly deadlineMs: number;
  /** An acceptor's answer; undefined, or rejected, when there is none. */
  ask(acceptor: string, request: RegisterRequest): Promise<RegisterReply | undefined>;
  /** Calls `listener` whenever `isOver` may have changed; returns what ends that. */
  subscribe(listener: () => void): () => void;
  /** Whether the epoch is known already, or nothing can be learned any more. */
  isOver(): boolean;
}

/** How it ended. `mayBeDecided`: whether the value may be decided later all the same. */
export type DecideOutcome =
  | { readonly kind: 'decided'; readonly value: Uint8Array; readonly origin: 'own' | 'adopted' }
  | { readonly kind: 'overtaken' | 'gaveUp' | 'late'; readonly mayBeDecided: boolean; readonly attempts: number };

/** Runs a proposer until its register is decided, or there is no more point. */
export function decide(task: DecideTask): Promise<DecideOutcome> {
  return new Promise((resolve, reject) => new Run(task, resolve, reject).start());
}

class Run {
  readonly #task: DecideTask;
  readonly #resolve: (outcome: DecideOutcome) => void;
  readonly #reject: (error: unknown) => void;
  #proposer: Proposer | undefined;
  #timer: Timer | undefined;
  #unsubscribe: (() => void) | undefined;
  #isDone = false;

  constructor(task: DecideTask, resolve: (outcome: DecideOutcome) => void, reject: (error: unknown) => void) {
    this.#task = task;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    this.#unsubscribe = this.#task.subscribe(() => this.#checkOver());
    this.#guard(() => this.#take(beginProposer(this.#task.proposer, this.#nowMs)));
  }

  get #nowMs(): number {
    return this.#task.environment.clock.monotonic();
  }

  #take({ proposer, request }: ProposerStep): void {
    this.#proposer = proposer;
    const { phase } = proposer;
    if (phase.kind === 'decided') return this.#finish(phase);
    if (phase.kind === 'gaveUp') return this.#finish(this.#failed('gaveUp'));
    if (request !== undefined) for (const acceptor of proposer.settings.acceptors) this.#send(acceptor, request);
    this.#setTimer(proposer);
  }

  #send(acceptor: string, request: RegisterRequest): void {
    const lost = (): void => this.#happen({ kind: 'lost', from: acceptor, request });
    this.#task.ask(acceptor, request).then((reply) => {
      if (reply === undefined) lost();
      else this.#happen({ kind: 'reply', from: acceptor, reply });
    }, lost);
  }

  #happen(event: ProposerEvent): void {
    if (this.#isDone || this.#proposer === undefined) return;
    const proposer = this.#proposer;
    this.#guard(() => this.#take(advanceProposer(proposer, event, this.#nowMs)));
  }

  #setTimer(proposer: Proposer): void {
    this.#timer?.cancel();
    const untilMs = Math.min(proposer.deadlineMs ?? Infinity, this.#task.deadlineMs);
    this.#timer = this.#task.environment.timers.after(Math.max(0, untilMs - this.#nowMs), () => this.#onTimer());
  }

  #onTimer(): void {
    if (this.#isDone || this.#proposer === undefined) return;
    if (this.#nowMs >= this.#task.deadlineMs) return this.#finish(this.#failed('late'));
    this.#happen({ kind: 'time' });
  }

  #checkOver(): void {
    if (!this.#isDone && this.#task.isOver()) this.#finish(this.#failed('overtaken'));
  }

  #failed(kind: 'overtaken' | 'gaveUp' | 'late'): DecideOutcome {
    const { offered, attempts } = this.#proposer ?? { offered: false, attempts: 0 };
    return { kind, mayBeDecided: offered, attempts };
  }

  #finish(outcome: DecideOutcome): void {
    this.#end();
    this.#resolve(outcome);
  }

  /** A bug in a step ends the run instead of leaving it waiting. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#end();
      this.#reject(error);
    }
  }

  #end(): void {
    this.#isDone = true;
    this.#timer?.cancel();
    this.#unsubscribe?.();
  }
}
