/**
 * Real timers, with two of Node's traps closed: a delay of 2^31 ms or more fires at once there, and any timer may fire
 * up to a millisecond early. Here a timer that wakes before its time sleeps again.
 */
import type { Timer, Timers } from '@coterie/env';

const longestDelayMs = 2 ** 31 - 1;

class NodeTimer implements Timer {
  readonly #dueMs: number;
  readonly #callback: () => void;
  #handle: NodeJS.Timeout;

  constructor(delayMs: number, callback: () => void) {
    this.#dueMs = performance.now() + delayMs;
    this.#callback = callback;
    this.#handle = this.#arm(delayMs);
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  #arm(delayMs: number): NodeJS.Timeout {
    return setTimeout(this.#fire, Math.min(Math.ceil(delayMs), longestDelayMs)).unref();
  }

  readonly #fire = (): void => {
    const restMs = this.#dueMs - performance.now();
    if (restMs > 0) this.#handle = this.#arm(restMs);
    else this.#callback();
  };
}

function hold(): Timer {
  const handle = setInterval(() => {}, longestDelayMs);
  return { cancel: () => clearInterval(handle) };
}

/** Timers that do not keep the process alive, unless it is held; `turn` is one turn of the event loop. */
export const nodeTimers: Timers = {
  after: (delayMs, callback) => new NodeTimer(delayMs, callback),
  turn: () => new Promise((resolve) => setImmediate(resolve)),
  hold,
};
