/**
 * How long event-loop turns take (promise P9). A timer that wants to run every 10 ms notes how late it was: that is the
 * rest of the turn it fell into. Long turns are met more often than short ones, so the quantiles err on the strict side.
 * The first millisecond of lateness is the timer's own granularity and is not counted.
 */
import type { Clock, Timer, Timers } from '@coterie/env';
import { Histogram } from './histogram.ts';

const everyMs = 10;
const granularityMs = 1;

/** Measures turns from its making until `stop`. */
export class TurnMeter {
  /** Lateness of the samples. */
  readonly histogram: Histogram = new Histogram();
  private readonly clock: Clock;
  private readonly timers: Timers;
  private timer: Timer | undefined;

  constructor(world: { readonly clock: Clock; readonly timers: Timers }) {
    this.clock = world.clock;
    this.timers = world.timers;
    this.arm();
  }

  /** Measures no more. */
  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  private arm(): void {
    const due = this.clock.monotonic() + everyMs;
    this.timer = this.timers.after(everyMs, () => {
      const lateMs = this.clock.monotonic() - due - granularityMs;
      this.histogram.record(Math.max(0, lateMs) * 1000);
      this.arm();
    });
  }
}
