/**
 * Many reads or writes in few trips, over `POST /v1/batch`. Not one atomic operation: each line has an outcome of its own.
 *
 * ```
 *  entries ▶ lines ▶ pages by endpoint ▶ at most 4 requests at once ▶ an outcome a line
 *                                                                       ├─ done
 *                                                                       ├─ refused for good: its error
 *                                                                       └─ may be tried again, or too large together:
 *                                                                          alone, by the ordinary way, with the same operation id
 * ```
 */
import { CoterieError, type HttpAnswer, isCoterieError } from '@coterie/env';
import type { Call, Caller } from './caller.ts';
import { errorOf, failureOfLine } from './failure.ts';
import { type Line, pagesOf } from './pages.ts';
import type { Route } from './route.ts';

/** One entry, and the two ways to have it done. */
export interface Entry<T> {
  /** In a few words, for messages. */
  readonly what: string;
  readonly route: Route;
  /** As a line of a batch, without its end. */
  readonly line: string;
  /** What its line in the answer means, or `undefined`. */
  read(line: Readonly<Record<string, unknown>>): T | undefined;
  /** Does it by itself, within so many milliseconds. */
  alone(timeoutMs: number): Promise<T>;
}

/** How a batch is sent. */
export interface BatchFrame {
  readonly caller: Caller;
  readonly isWrite: boolean;
  /** Time left for all of it. */
  remainingMs(): number;
  readonly signal?: AbortSignal | undefined;
}

/** What became of one entry. */
export type Outcome<T> = { readonly value: T } | { readonly error: CoterieError };

const limits = { linesMax: 256, lengthMax: 1024 * 1024 };
/** A server takes lines of 2 MiB; longer ones, and pages of one, go alone. */
const lineLengthMax = 1024 * 1024;
const pagesAtOnce = 4;
const entriesMax = 100_000;

/** Checks how many there are, before anything is made of them. @throws `INVALID_ARGUMENT` for too many */
export function checkCount(count: number): void {
  if (count <= entriesMax) return;
  throw new CoterieError('INVALID_ARGUMENT', `at most ${entriesMax} operations at once, not ${count}`, {
    details: { mayHaveTakenEffect: false },
  });
}

/** The outcome of each entry, in their order. */
export async function runMany<T>(entries: readonly Entry<T>[], frame: BatchFrame): Promise<readonly Outcome<T>[]> {
  const outcomes = new Array<Outcome<T>>(entries.length);
  const lines = entries.map(({ line, route }, index): Line => ({ index, text: line, endpoint: route.holders[0] ?? '' }));
  const tasks = pagesOf(lines, limits).map((page) => () => new PageRun(entries, page, frame).run(outcomes));
  await runAtOnce(tasks, pagesAtOnce);
  return outcomes;
}

/** One page: sent together, what is left over one by one. */
class PageRun<T> {
  readonly #entries: readonly Entry<T>[];
  readonly #page: readonly Line[];
  readonly #frame: BatchFrame;

  constructor(entries: readonly Entry<T>[], page: readonly Line[], frame: BatchFrame) {
    this.#entries = entries;
    this.#page = page;
    this.#frame = frame;
  }

  /** Fills in the outcomes of its lines; never rejects but for a bug. */
  async run(outcomes: Outcome<T>[]): Promise<void> {
    const [first] = this.#page;
    if (this.#page.length === 1 || first.text.length > lineLengthMax) {
      await this.#oneByOne(outcomes, this.#page);
      return;
    }
    try {
      const answers = await this.#frame.caller.run(this.#call());
      await this.#oneByOne(outcomes, this.#sort(outcomes, answers));
    } catch (error) {
      if (!isCoterieError(error)) throw error;
      if (error.code === 'TOO_LARGE') await this.#oneByOne(outcomes, this.#page);
      else for (const { index } of this.#page) outcomes[index] = { error };
    }
  }

  #call(): Call<readonly Readonly<Record<string, unknown>>[]> {
    const { remainingMs, isWrite, signal } = this.#frame;
    const { length } = this.#page;
    const { route, what } = this.#entries[this.#page[0].index];
    return {
      what: `a batch of ${length}, from ${what} on,`,
      isWrite,
      timeoutMs: Math.max(1, remainingMs()),
      signal,
      method: 'POST',
      path: '/v1/batch',
      headers: { 'content-type': 'application/x-ndjson' },
      body: new TextEncoder().encode(this.#page.map(({ text }) => `${text}\n`).join('')),
      repetition: 'freely',
      route: () => route,
      read: (answer) => readLines(answer, length),
    };
  }

  /** Fills in what is final; the lines that are to be tried again. */
  #sort(outcomes: Outcome<T>[], answers: readonly Readonly<Record<string, unknown>>[]): readonly Line[] {
    return this.#page.filter(({ index }, at) => {
      const { what, read } = this.#entries[index];
      const failure = failureOfLine(answers[at]);
      const value = failure === undefined ? read(answers[at]) : undefined;
      if (value !== undefined) {
        outcomes[index] = { value };
        return false;
      }
      const { code, detail, retryable } = failure ?? { code: 'PROTOCOL' as const, detail: 'its line makes no sense', retryable: false };
      const error =
        failure === undefined
          ? new CoterieError(code, `${what} failed: ${detail}`)
          : errorOf(failure, `${what} failed: ${code}, ${detail}`);
      outcomes[index] = { error };
      return retryable && this.#frame.caller.mayRetry();
    });
  }

  /** Does the lines one after another while there is time; what they had as outcome before stays when there is none. */
  async #oneByOne(outcomes: Outcome<T>[], lines: readonly Line[]): Promise<void> {
    for (const { index } of lines) {
      const { what, alone } = this.#entries[index];
      try {
        const timeoutMs = Math.floor(this.#frame.remainingMs());
        if (timeoutMs >= 1) outcomes[index] = { value: await alone(timeoutMs) };
        else outcomes[index] ??= { error: outOfTime(what) };
      } catch (error) {
        if (!isCoterieError(error)) throw error;
        outcomes[index] = { error };
      }
    }
  }
}

function outOfTime(what: string): CoterieError {
  return new CoterieError('TIMEOUT', `${what} was not sent: the time for all of the batch is over`, {
    details: { mayHaveTakenEffect: false },
  });
}

/** Runs tasks, so many at a time. */
async function runAtOnce(tasks: readonly (() => Promise<void>)[], atOnce: number): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < tasks.length) await tasks[next++]();
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, tasks.length) }, work));
}

/** The lines of an answer, if there are as many as were asked. */
function readLines({ status, body }: HttpAnswer, wanted: number): readonly Readonly<Record<string, unknown>>[] | undefined {
  if (status !== 200) return undefined;
  try {
    const texts = new TextDecoder().decode(body).split('\n');
    const lines = texts.slice(0, -1).map((text) => JSON.parse(text) as Readonly<Record<string, unknown>> | null);
    return lines.length === wanted && lines.every((line) => typeof line === 'object' && line !== null) ? lines : undefined;
  } catch {
    return undefined;
  }
}
