/**
 * The loops that drive an engine. One rule holds for every engine and form: **at most 64 operations are started in one
 * event-loop turn**, and in asynchronous loops no more than are in flight. Without it a synchronous engine, or one whose promises settle as microtasks, would never let the
 * loop turn, and its delay could not be measured; with it, an engine that answers from a thread pool loses nothing, since
 * 64 is also the number of operations in flight.
 *
 * ```
 *  check phase ──▶ turn n: up to 64 operations started ──▶ microtasks ──▶ timers, poll ──▶ check phase
 *                  └───────────── what the turn meter records ─────────────────────────┘
 * ```
 */
import { createHistogram } from 'node:perf_hooks';

/** Operations started in one turn, and in flight in asynchronous loops. */
export const width = 64;

/** Counts operations per event-loop turn and records how long turns take, in nanoseconds. */
class Turns {
  histogram = createHistogram();
  #limit;
  #started = 0;
  #startedAt = 0;
  #next = undefined;

  constructor(limit = width) {
    this.#limit = limit;
  }

  /** Counts an operation about to start. */
  start() {
    if (this.#started++ === 0) this.#open();
  }

  get full() {
    return this.#started >= this.#limit;
  }

  /** Resolves in the next turn. */
  next() {
    if (this.#next === undefined) {
      let resolve;
      const promise = new Promise((settle) => {
        resolve = settle;
      });
      this.#next = { promise, resolve };
    }
    if (this.#started === 0) this.start();
    return this.#next.promise;
  }

  #open() {
    this.#startedAt = performance.now();
    setImmediate(() => this.#close());
  }

  #close() {
    this.histogram.record(Math.max(1, Math.round((performance.now() - this.#startedAt) * 1e6)));
    this.#started = 0;
    const next = this.#next;
    this.#next = undefined;
    next?.resolve();
  }
}

/** A limit in time for loops without a fixed number of operations; asked once in a while. */
function createDeadline(limitMs) {
  if (limitMs === undefined) return () => false;
  const end = performance.now() + limitMs;
  return () => performance.now() >= end;
}

/**
 * Calls `operation(i)` for i in [0, total), in turn, until done or `limitMs` passed. With `perTurn`, that many calls go
 * into one turn instead of 64 (for operations that are themselves many). Returns the number of operations.
 */
export async function runSync({ total, limitMs, perTurn = width, operation }) {
  const turns = new Turns();
  const expired = createDeadline(limitMs);
  let i = 0;
  while (i < total && !expired()) {
    turns.start();
    const end = Math.min(total, i + perTurn);
    while (i < end) operation(i++);
    await turns.next();
  }
  return { operations: i, turns: turns.histogram };
}

/** Calls `await operation(i)` for i in [0, total) with `inFlight` at a time, until done or `limitMs` passed. */
export async function runAsync({ total, limitMs, inFlight = width, operation }) {
  const turns = new Turns(inFlight);
  const expired = createDeadline(limitMs);
  let next = 0;
  let stopped = false;
  async function slot() {
    while (next < total && !stopped) {
      while (turns.full) await turns.next();
      if (next >= total || stopped) return;
      turns.start();
      const i = next++;
      if ((i & 15) === 0 || inFlight < 16) stopped = expired();
      await operation(i);
    }
  }
  await Promise.all(Array.from({ length: inFlight }, slot));
  return { operations: next, turns: turns.histogram };
}

/**
 * Actors that each do one operation per turn, until `limitMs` passed: readers beside a writer, none able to starve another.
 * Returns the operations done by each.
 */
export async function runActors({ limitMs, actors }) {
  const turns = new Turns();
  const expired = createDeadline(limitMs);
  let stopped = false;
  async function act(operation) {
    let done = 0;
    while (!stopped) {
      turns.start();
      await operation(done++);
      await turns.next();
    }
    return done;
  }
  async function watch() {
    while (!expired()) await turns.next();
    stopped = true;
  }
  const [, ...operations] = await Promise.all([watch(), ...actors.map(act)]);
  return { operations, turns: turns.histogram };
}
