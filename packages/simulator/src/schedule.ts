/**
 * Virtual time and what happens in it: a queue of events, ordered by time, then by when they were scheduled. Every
 * machine of a world has a queue of its own, because it has a thread of its own: when somebody works on that thread
 * (`spend`), events due meanwhile come late, as they do in a busy process, and other machines go on undisturbed.
 *
 * ```
 *  world.nowMs ──────────────▶ time of the latest event anywhere
 *  schedule.nowMs = max(world.nowMs, until when this thread is busy)
 * ```
 *
 * Every event belongs to a life: the stretch of a process between its start and its crash. Events of an ended life never
 * happen; whoever awaits them waits for ever, as dead processes do.
 */
import type { Trace } from './trace.ts';

/** The stretch of a process between start and crash. */
export interface Life {
  readonly number: number;
  ended: boolean;
}

/** The time that all schedules of a world share. */
export interface WorldTime {
  /** Virtual milliseconds since the beginning. */
  nowMs: number;
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly life: Life;
  readonly callback: () => void;
  cancelled: boolean;
}

/** A queue of events in virtual time. */
export class Schedule {
  /** A paused process: nothing happens, and what is due waits. */
  paused = false;
  readonly #trace: Trace;
  readonly #time: WorldTime;
  readonly #heap: Event[] = [];
  #busyUntilMs = 0;
  #scheduled = 0;
  /** Events asked for by lives that had ended: somebody holds on to a dead world. */
  strays = 0;

  constructor(trace: Trace, time: WorldTime = { nowMs: 0 }) {
    this.#trace = trace;
    this.#time = time;
  }

  /** Virtual milliseconds since the beginning, as this thread knows them. */
  get nowMs(): number {
    return Math.max(this.#time.nowMs, this.#busyUntilMs);
  }

  /** Time passes on the caller's thread. */
  spend(ms: number): void {
    this.#busyUntilMs = this.nowMs + ms;
  }

  /** `callback` happens `delayMs` from now, unless its life has ended by then. */
  after(delayMs: number, life: Life, callback: () => void): { cancel(): void } {
    return this.at(this.nowMs + delayMs, life, callback);
  }

  /** `callback` happens at `atMs`, unless its life has ended by then. */
  at(atMs: number, life: Life, callback: () => void): { cancel(): void } {
    const event: Event = { atMs, order: this.#scheduled++, life, callback, cancelled: false };
    if (life.ended) this.strays++;
    else this.#push(event);
    return { cancel: () => (event.cancelled = true) };
  }

  /** When the next event happens; `Infinity` when there is none, or the process is paused. */
  get nextMs(): number {
    if (this.paused) return Infinity;
    const heap = this.#heap;
    while (heap.length > 0 && (heap[0].cancelled || heap[0].life.ended)) this.#pop();
    return heap.length === 0 ? Infinity : Math.max(heap[0].atMs, this.#busyUntilMs);
  }

  /** Lets the next event happen. False when there is none. */
  step(): boolean {
    const nextMs = this.nextMs;
    if (nextMs === Infinity) return false;
    const event = this.#pop();
    this.#time.nowMs = Math.max(this.#time.nowMs, nextMs);
    this.#trace.add(event.order);
    this.#trace.add(Math.round(this.#time.nowMs * 1000));
    event.callback();
    return true;
  }

  /** Forgets every event of lives that have ended. */
  sweep(): void {
    const living = this.#heap.filter((event) => !event.life.ended && !event.cancelled);
    this.#heap.length = 0;
    for (const event of living) this.#push(event);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop() as Event;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  /** Puts `event` where the root was. */
  #sink(event: Event): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], event)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = event;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
