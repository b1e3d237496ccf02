/**
 * What the log says about failed requests. A refusal that is the client's own doing, or that comes before the node is ready,
 * is not logged (it is counted). A failure of this side is logged at once the first time; its repetitions in the next ten
 * seconds become one line with their number, so that a full disk at three in the morning is two lines a window and not thirty
 * thousand a second. A bug is logged each time with its stack, within the same limit.
 */
import type { Clock, Log, LogFields, Timer, Timers } from '@coterie/env';
import { isCoterieError } from '@coterie/env';
import type { Exchange } from './exchange.ts';
import { HttpRefusal, type Problem } from './problem.ts';

const windowMs = 10_000;

/** Logs failures, each code at most once a window. */
export class Trouble {
  private readonly log: Log;
  private readonly timers: Timers;
  private readonly clock: Clock;
  private readonly repeated = new Map<string, { count: number; lastDetail: string; since: number }>();
  private timer: Timer | undefined;

  constructor(world: { readonly log: Log; readonly timers: Timers; readonly clock: Clock }) {
    this.log = world.log;
    this.timers = world.timers;
    this.clock = world.clock;
  }

  /** Notes that `exchange` ended in `problem` because of `error`. */
  note(problem: Problem, error: unknown, exchange: Exchange): void {
    if (problem.status < 500 || problem.code === 'NOT_READY' || error instanceof HttpRefusal) return;
    const entry = this.repeated.get(problem.code);
    if (entry !== undefined) {
      entry.count++;
      entry.lastDetail = problem.detail;
      return;
    }
    this.repeated.set(problem.code, { count: 0, lastDetail: '', since: this.clock.monotonic() });
    this.timer ??= this.timers.after(windowMs, this.summarise);
    const bug = !isCoterieError(error);
    const write = bug || !problem.retryable ? 'error' : 'warn';
    this.log[write]('request failed', describe(problem, error, exchange));
  }

  /** Writes what is still counted and stops. */
  stop(): void {
    this.timer?.cancel();
    this.summarise();
    this.timer?.cancel();
  }

  private readonly summarise = (): void => {
    this.timer = undefined;
    for (const [code, entry] of this.repeated) {
      if (entry.count > 0) {
        const seconds = Math.round((this.clock.monotonic() - entry.since) / 1000);
        this.log.warn('requests failed again', { code, times: entry.count, seconds, last: entry.lastDetail });
      }
      this.repeated.delete(code);
    }
  };
}

function describe(problem: Problem, error: unknown, exchange: Exchange): LogFields {
  const cause = error instanceof Error ? error : new Error(String(error));
  const isBug = !isCoterieError(error);
  // A problem calls members by their names; of a bug it keeps silent.
  const detail = isBug ? cause.message : problem.detail;
  const fields = { code: problem.code, method: exchange.request.method, path: exchange.path.slice(0, 200), detail };
  const inner = cause.cause instanceof Error ? { cause: cause.cause.message } : {};
  return isBug ? { ...fields, ...inner, stack: cause.stack } : { ...error.details, ...fields, ...inner };
}
