/**
 * What clients met, by phase: how many operations, how long they took, how they failed, and the longest time that anybody
 * went without an answer it could use.
 */

/** @typedef {{ count: number, unexcused: number, leastMs: number, mostMs: number, example: string }} Failures */

/** @typedef {'library' | 'plain'} HandName */

/** @typedef {{ bucket: string, code: string, ms: number, isExcused: boolean, detail: string }} Failure */

/** One phase. */
export class Phase {
  /** @type {string} */
  title;
  fromMs = performance.now();
  untilMs = Infinity;
  /** @type {number[]} milliseconds that successful operations took */
  times = [];
  /** @type {Map<string, Failures>} by bucket and code */
  failures = new Map();
  /** @type {Map<HandName, number>} the longest wait from wanting something to getting something */
  waits = new Map();
  hintsMost = 0;

  /** @param {string} title */
  constructor(title) {
    this.title = title;
  }

  /** @param {HandName} hand @param {{ ms: number, waitedMs: number }} how */
  succeeded(hand, { ms, waitedMs }) {
    this.times.push(ms);
    this.waits.set(hand, Math.max(this.waits.get(hand) ?? 0, waitedMs));
  }

  /** @param {Failure} failure */
  failed({ bucket, code, ms, isExcused, detail }) {
    const name = `${bucket} ${code}`;
    const known = this.failures.get(name) ?? { count: 0, unexcused: 0, leastMs: Infinity, mostMs: 0, example: '' };
    known.count += 1;
    known.leastMs = Math.min(known.leastMs, ms);
    known.mostMs = Math.max(known.mostMs, ms);
    if (!isExcused) {
      known.unexcused += 1;
      if (known.example === '') known.example = detail;
    }
    this.failures.set(name, known);
  }

  /** @param {number} fraction @returns {number} */
  quantile(fraction) {
    const sorted = Float64Array.from(this.times).sort();
    return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? 0;
  }

  get seconds() {
    return (Math.min(this.untilMs, performance.now()) - this.fromMs) / 1000;
  }
}

/** All phases of a run. */
export class Meter {
  /** @type {Phase[]} */
  phases = [new Phase('start')];

  /** @returns {Phase} */
  get now() {
    return /** @type {Phase} */ (this.phases.at(-1));
  }

  /** @param {string} title @returns {Phase} the phase that is over */
  enter(title) {
    const { now } = this;
    now.untilMs = performance.now();
    this.phases.push(new Phase(title));
    return now;
  }
}
