/**
 * Questions that wait for their answers, with their deadlines: one timer for all of them, armed for the earliest. It is
 * moved forward only when a question comes that is more urgent, and left alone when none waits any more, since the next
 * one comes soon: so a question costs no timer of its own.
 */
import { CoterieError, ShortLivedMap } from '@coterie/env';
import type { Timer } from '@coterie/env';
import type { RpcAnswer, RpcRequest } from './messages.ts';
import type { EndpointEnvironment } from './options.ts';

/** A question that waits. */
export interface Waiting {
  readonly id: number;
  readonly request: RpcRequest;
  readonly timeoutMs: number;
  readonly deadlineMs: number;
  /** Set when its bytes were handed to a connection: from then on it may have taken effect. */
  sent: boolean;
  readonly resolve: (answer: RpcAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** The waiting questions to one peer. */
export class InFlight {
  readonly #environment: Pick<EndpointEnvironment, 'clock' | 'timers'>;
  readonly #address: string;
  readonly #waiting = new ShortLivedMap<number, Waiting>();
  #timer: Timer | undefined;
  #armedForMs = Infinity;
  #lastId = 0;

  constructor(environment: Pick<EndpointEnvironment, 'clock' | 'timers'>, address: string) {
    this.#environment = environment;
    this.#address = address;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** A new question; its promise's fate is decided by `take`, `fail`, `failAll` or the deadline. */
  add(request: RpcRequest, timeoutMs: number): { readonly waiting: Waiting; readonly answer: Promise<RpcAnswer> } {
    const deadlineMs = this.#environment.clock.monotonic() + timeoutMs;
    let waiting: Waiting | undefined;
    const answer = new Promise<RpcAnswer>((resolve, reject) => {
      waiting = { id: this.#nextId(), request, timeoutMs, deadlineMs, sent: false, resolve, reject };
      this.#waiting.add(waiting);
    });
    if (deadlineMs < this.#armedForMs) this.#arm(deadlineMs);
    return { waiting: waiting as unknown as Waiting, answer };
  }

  /** The question with this id, which waits no more; `undefined` when it does not wait (any more). */
  take(id: number): Waiting | undefined {
    return this.#waiting.remove(id);
  }

  /** Questions that were sent. */
  get sentSize(): number {
    let sent = 0;
    for (const waiting of this.#waiting.list()) if (waiting.sent) sent++;
    return sent;
  }

  /** Questions that were not sent yet, oldest first. */
  unsent(): Waiting[] {
    return this.#waiting
      .list()
      .filter(({ sent }) => !sent)
      .sort((a, b) => this.#ageOf(b) - this.#ageOf(a));
  }

  /** How many questions came after this one; ids begin anew after 2^32. */
  #ageOf({ id }: Waiting): number {
    return (this.#lastId - id) >>> 0;
  }

  fail(id: number, error: Error): void {
    this.take(id)?.reject(error);
  }

  /** All fail; `reason` is told whether a question may have taken effect. */
  failAll(reason: (mayHaveTakenEffect: boolean) => Error): void {
    this.failSent(() => reason(true));
    for (const { id } of this.unsent()) this.fail(id, reason(false));
    this.#disarm();
  }

  /** Those that were sent fail. */
  failSent(reason: () => Error): void {
    for (const { id, sent } of this.#waiting.list()) if (sent) this.fail(id, reason());
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#lastId === 0 || this.#waiting.get(this.#lastId) !== undefined);
    return this.#lastId;
  }

  #arm(deadlineMs: number): void {
    this.#timer?.cancel();
    this.#armedForMs = deadlineMs;
    const delayMs = Math.max(0, deadlineMs - this.#environment.clock.monotonic());
    this.#timer = this.#environment.timers.after(delayMs, () => this.#expire());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#armedForMs = Infinity;
  }

  #expire(): void {
    const nowMs = this.#environment.clock.monotonic();
    let nextMs = Infinity;
    for (const waiting of this.#waiting.list()) {
      if (waiting.deadlineMs > nowMs) nextMs = Math.min(nextMs, waiting.deadlineMs);
      else {
        this.#waiting.remove(waiting.id);
        waiting.reject(this.#timeout(waiting));
      }
    }
    this.#armedForMs = Infinity;
    if (nextMs < Infinity) this.#arm(nextMs);
  }

  #timeout({ request, timeoutMs, sent }: Waiting): CoterieError {
    return new CoterieError('TIMEOUT', `no answer from ${this.#address} to ${request.method} within ${timeoutMs} ms`, {
      details: { address: this.#address, method: request.method, mayHaveTakenEffect: sent },
    });
  }
}
