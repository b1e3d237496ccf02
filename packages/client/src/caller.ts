/**
 * Carries an operation through its tries: the shell around the decisions of `route.ts`, `retry.ts`, `endpoint-health.ts`
 * and `retry-budget.ts`.
 *
 * ```
 *  choose an endpoint ▶ pass its gate ▶ send ▶ answer? ─ yes ─▶ done
 *      ▲                                          │ no: a failure, noted in the endpoint's health
 *      │                                       decide ── stop, or the budget is spent ──▶ error
 *      └──────── pause, fetch the ring ◀──────────┘ retry
 * ```
 */
import { type HttpAnswer, type HttpTransport, isCoterieError } from '@coterie/env';
import { Course, type Undertaking } from './course.ts';
import type { Endpoints } from './endpoints.ts';
import { errorOf, type Failure, failureBehind, failureOf, unreadable } from './failure.ts';
import type { OperationIds } from './operation-id.ts';
import type { ClientLimits, ClientWorld } from './options.ts';
import { decideRetry, type Repetition, weightOf } from './retry.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { RingWatch } from './ring-watch.ts';
import { chooseEndpoint, type Route } from './route.ts';
import { waitAtMost } from './wait.ts';

/** A request as an operation describes it. */
export interface Call<T> extends Undertaking {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  readonly repetition: Repetition;
  /** Tries, if not as many as usual. */
  readonly triesMax?: number;
  readonly signal?: AbortSignal | undefined;
  /** Who is asked; asked for again in each round, as the ring may have changed. */
  route(): Route;
  /** What an answer means, or `undefined` when it is none to this. */
  read(answer: HttpAnswer): T | undefined;
}

/** Runs calls. */
export interface Runner {
  /** What the call reads from its answer. @throws CoterieError of the last try, naming all of them */
  run<T>(call: Call<T>): Promise<T>;
}

/** What a caller is made of. */
export interface CallerParts {
  readonly endpoints: Endpoints;
  readonly ring: RingWatch;
  readonly operations: OperationIds;
  readonly budget: RetryBudget;
  readonly transport: HttpTransport;
  readonly world: ClientWorld;
  readonly limits: Pick<ClientLimits, 'tryTimeoutMs' | 'triesMax' | 'answerBytesMax'>;
}

type Outcome<T> = { readonly value: T } | { readonly failure: Failure };

/** Sends requests until one is answered or no more may be sent. */
export class Caller implements Runner {
  readonly #parts: CallerParts;

  constructor(parts: CallerParts) {
    this.#parts = parts;
  }

  /** What the call reads from its answer. @throws CoterieError of the last try, naming all of them */
  async run<T>(call: Call<T>): Promise<T> {
    this.#parts.budget.deposit();
    const course = new Course(call, this.#now());
    for (let route = call.route(); ; ) {
      const endpoint = await this.#enter(call, course, route);
      const outcome = await this.#try(call, course, endpoint);
      if ('value' in outcome) return outcome.value;
      course.failed(endpoint, outcome.failure);
      const atFront = await this.#prepareRetry(call, course, route);
      if (atFront) route = call.route();
    }
  }

  /** Whether a retry may be paid for by the budget; for those who repeat by themselves. */
  mayRetry(): boolean {
    return this.#parts.budget.withdraw(this.#now());
  }

  /** An endpoint whose gate is passed. Having waited for one, it looks again whether that is still the one to ask. */
  async #enter(call: Undertaking, course: Course, route: Route): Promise<string> {
    const { endpoints } = this.#parts;
    for (;;) {
      const endpoint = this.#choose(course, route);
      const gate = endpoints.gate(endpoint);
      const waiting = this.#waitAt(endpoint, call, course);
      if (waiting !== undefined) await waiting;
      if (waiting === undefined || this.#choose(course, route) === endpoint) {
        endpoints.choose(endpoint, this.#now());
        return endpoint;
      }
      gate.leave();
    }
  }

  #choose(course: Course, route: Route): string {
    const now = this.#now();
    // Never without one: retries go on to others only while there are others, and a new round has all.
    return chooseEndpoint(route, course.tried, (endpoint) => this.#parts.endpoints.isUsable(endpoint, now)) as string;
  }

  /** Enters the gate of an endpoint, whose errors get the operation's name. */
  #waitAt(endpoint: string, call: Undertaking, course: Course): Promise<void> | undefined {
    const named = (error: unknown): never => {
      if (!isCoterieError(error)) throw error;
      throw errorOf({ ...failureBehind(error), mayHaveTakenEffect: false }, `${call.what} at ${endpoint} was not sent: ${error.message}`);
    };
    try {
      return this.#parts.endpoints
        .gate(endpoint)
        .enter(Math.max(1, course.remainingMs(this.#now())))
        ?.catch(named);
    } catch (error) {
      return named(error);
    }
  }

  async #try<T>(call: Call<T>, course: Course, origin: string): Promise<Outcome<T>> {
    const { endpoints, limits, transport } = this.#parts;
    const startedAt = this.#now();
    const timeoutMs = Math.max(1, Math.min(limits.tryTimeoutMs, course.remainingMs(startedAt)));
    const { method, path, headers, body, signal } = call;
    try {
      const answer = await transport.request({
        method,
        origin,
        path,
        headers,
        body,
        timeoutMs,
        answerBytesMax: limits.answerBytesMax,
        signal,
      });
      return this.#understand(call, answer, { origin, startedAt });
    } catch (error) {
      return { failure: this.#blame(failureBehind(error), { origin, startedAt }) };
    } finally {
      endpoints.gate(origin).leave();
    }
  }

  #understand<T>(call: Call<T>, answer: HttpAnswer, { origin, startedAt }: Attempted): Outcome<T> {
    const { ring, operations, endpoints } = this.#parts;
    operations.heard(answer.headers['date']);
    ring.heard(answer.headers['coterie-epoch']);
    const value = call.read(answer);
    if (value !== undefined) {
      endpoints.succeeded(origin, { startedAt, now: this.#now() });
      return { value };
    }
    const failure = answer.status < 400 ? unreadable(`its answer of ${answer.status} is not one of a Coterie node`) : failureOf(answer);
    return { failure: this.#blame(failure, { origin, startedAt }) };
  }

  /** Holds a failure against the endpoint, if it speaks against it. */
  #blame(failure: Failure, { origin, startedAt }: Attempted): Failure {
    const { endpoints, ring } = this.#parts;
    const weight = weightOf(failure);
    const times = { startedAt, now: this.#now() };
    if (weight > 0) endpoints.failed(origin, weight, times);
    // An endpoint that refuses a request in words is there.
    else if (failure.from === 'answer') endpoints.succeeded(origin, times);
    if (weight > 1) ring.refreshSoon();
    return failure;
  }

  /** Waits until the next try may begin; whether it begins from the front. @throws CoterieError when there is none */
  async #prepareRetry(call: Call<unknown>, course: Course, route: Route): Promise<boolean> {
    const { ring, limits, world } = this.#parts;
    const decision = decideRetry({
      failure: course.lastFailure,
      repetition: call.repetition,
      tries: course.tries,
      triesMax: call.triesMax ?? limits.triesMax,
      hasOther: chooseEndpoint(route, course.tried, () => true) !== undefined,
      rounds: course.rounds,
      remainingMs: course.remainingMs(this.#now()),
      jitter: world.random.u32() / 2 ** 32,
    });
    if (decision.do === 'stop') throw course.error('final');
    if (!this.mayRetry()) throw course.error('budget');
    course.goOnAt(decision.at);
    if (decision.pauseMs > 0) await waitAtMost(world.timers, decision.pauseMs);
    if (decision.refreshRing) await waitAtMost(world.timers, course.remainingMs(this.#now()), ring.refresh());
    return decision.at === 'front';
  }

  #now(): number {
    return this.#parts.world.clock.monotonic();
  }
}

interface Attempted {
  readonly origin: string;
  readonly startedAt: number;
}
