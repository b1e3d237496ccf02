/**
 * Time on a stage: it hardly passes while there is anything to do, and then goes on to the next timer at once.
 *
 * ```
 *   a step    what is due in this turn, if anything is: all of it, in order, which takes 50 µs
 *             else the earliest timer, and its time is now
 * ```
 *
 * So a rehearsal takes as long as its work, however long what is played would wait for answers that do not come.
 */
import type { Clock, Timer, Timers } from '@coterie/env';

interface Alarm {
  readonly atMs: number;
  readonly callback: () => void;
}

const turnMs = 0.05;

/** Clock and timers of everybody on a stage. */
export class StageTime implements Clock, Timers {
  readonly #startMs: number;
  #nowMs = 0;
  #due: (() => void)[] = [];
  /** By time, the latest first; those of one time in the order in which they were set. */
  readonly #alarms: Alarm[] = [];

  /** `startMs`: the wall-clock time at which it begins. */
  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  now(): number {
    return this.#startMs + Math.floor(this.#nowMs);
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const alarm: Alarm = { atMs: this.#nowMs + Math.max(0, delayMs), callback };
    this.#alarms.splice(this.#placeOf(alarm.atMs), 0, alarm);
    return { cancel: () => this.#cancel(alarm) };
  }

  turn(): Promise<void> {
    return new Promise((resolve) => this.soon(resolve));
  }

  /** Has `work` done in the next step. */
  soon(work: () => void): void {
    this.#due.push(work);
  }

  /** Does what is next. False when nobody waits for anything. */
  step(): boolean {
    if (this.#due.length === 0) return this.#ring();
    const due = this.#due;
    this.#due = [];
    for (const work of due) work();
    this.#nowMs += turnMs;
    // Who waits for turns on end must not keep a timer from its time.
    while ((this.#alarms.at(-1)?.atMs ?? Infinity) <= this.#nowMs) this.#ring();
    return true;
  }

  #ring(): boolean {
    const alarm = this.#alarms.pop();
    if (alarm === undefined) return false;
    this.#nowMs = Math.max(this.#nowMs, alarm.atMs);
    alarm.callback();
    return true;
  }

  #cancel(alarm: Alarm): void {
    for (let at = this.#placeOf(alarm.atMs); at < this.#alarms.length && this.#alarms[at]?.atMs === alarm.atMs; at++) {
      if (this.#alarms[at] !== alarm) continue;
      this.#alarms.splice(at, 1);
      return;
    }
  }

  /** The first place whose alarm is not later than `atMs`. */
  #placeOf(atMs: number): number {
    let [low, high] = [0, this.#alarms.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#alarms[middle]?.atMs ?? 0) > atMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
