/**
 * Virtual time and what happens in it: a queue of events, ordered by time, then by when they were scheduled. Time moves
 * when the next event is taken, and when somebody works on the caller's thread (`spend`): events due meanwhile come late,
 * as they do in a busy process.
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

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly life: Life;
  readonly callback: () => void;
  cancelled: boolean;
}

/** A queue of events in virtual time. */
export class Schedule {
  readonly #trace: Trace;
  readonly #heap: Event[] = [];
  #nowMs = 0;
  #scheduled = 0;
  /** Events asked for by lives that had ended: somebody holds on to a dead world. */
  strays = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** Virtual milliseconds since the beginning. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Time passes on the caller's thread. */
  spend(ms: number): void {
    this.#nowMs += ms;
  }

  /** `callback` happens `delayMs` from now, unless its life has ended by then. */
  after(delayMs: number, life: Life, callback: () => void): { cancel(): void } {
    const event: Event = { atMs: this.#nowMs + delayMs, order: this.#scheduled++, life, callback, cancelled: false };
    if (life.ended) this.strays++;
    this.#push(event);
    return { cancel: () => (event.cancelled = true) };
  }

  /** When the next event is due; `undefined` when there is none. */
  get nextMs(): number | undefined {
    while (this.#heap.length > 0 && (this.#heap[0].cancelled || this.#heap[0].life.ended)) this.#pop();
    return this.#heap[0]?.atMs;
  }

  /** Lets the next event happen. False when there is none. */
  step(): boolean {
    if (this.nextMs === undefined) return false;
    const event = this.#pop();
    this.#nowMs = Math.max(this.#nowMs, event.atMs);
    this.#trace.add(event.order);
    this.#trace.add(Math.round(this.#nowMs * 1000));
    event.callback();
    return true;
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
