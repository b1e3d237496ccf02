/**
 * How this process itself gets on: a beat that comes late tells of a machine that has no time for anybody. What fails then
 * says nothing about the store, since no time limit of it can be kept.
 */
import { performance } from 'node:perf_hooks';

const everyMs = 20;
const lateMs = 150;
/** What began so long before a late beat may have failed of it: as long as a node waits for another. */
const beforeMs = 3000;

/** A beat that is listened to. */
export class Pulse {
  /** @type {{ atMs: number, lateMs: number }[]} */
  #late = [];
  #lastMs = performance.now();
  #timer = setInterval(() => this.#beat(), everyMs);

  /** @param {number} fromMs @param {number} untilMs @returns {boolean} whether no beat was late about then */
  wasSteady(fromMs, untilMs) {
    return !this.#late.some(({ atMs, lateMs: late }) => atMs >= fromMs - beforeMs && atMs - late <= untilMs);
  }

  /** @returns {string} empty when it was steady all along */
  get inWords() {
    const worst = Math.max(0, ...this.#late.map(({ lateMs: late }) => late));
    return worst === 0
      ? ''
      : `this machine was too busy ${this.#late.length} times, for up to ${worst.toFixed(0)} ms: failures about then are excused`;
  }

  stop() {
    clearInterval(this.#timer);
  }

  #beat() {
    const nowMs = performance.now();
    const late = nowMs - this.#lastMs - everyMs;
    this.#lastMs = nowMs;
    if (late >= lateMs) this.#late.push({ atMs: nowMs, lateMs: late });
  }
}
