/**
 * Bounds on bytes under way. Bodies that are being received and large answers that are being sent take their bytes from
 * one budget, and each has to make progress: after a grace, `moved ÷ time` must stay above a minimum, or its connection
 * is ended. A thousand clients that move one byte a second can hold neither memory nor connections for long.
 *
 * ```
 *  begin(bytes) ──▶ moving ──end()──▶ bytes given back
 *       │              └──sweep: too slow──▶ stalled()      the owner ends the connection and calls end()
 *       └──▶ undefined: the budget is spent, answer OVERLOADED
 * ```
 *
 * Invariant: `reserved` is the sum over what was begun or taken and not given back, and never exceeds `bytesMax`.
 */
import { type Clock, type Placed, ShortLivedSet, type Timer, type Timers } from '@coterie/env';

/** Limits of a `TransferWatch`. */
export interface TransferLimits {
  /** Most bytes under way at once, over all transfers. */
  readonly bytesMax: number;
  /** Slowest average that is borne, in bytes per second. */
  readonly bytesPerSecondMin: number;
  /** How long a transfer may take before its average counts. */
  readonly graceMs: number;
}

/** What a transfer's owner says about it. */
export interface TransferOwner {
  /** Bytes moved so far; asked about once a second. */
  moved(): number;
  /** The transfer is too slow: end its connection. Called at most once. */
  stalled(): void;
}

const sweepEveryMs = 1000;

/** One transfer under way. */
export class Transfer implements Placed {
  position = -1;
  /** Monotonic milliseconds at which it began. */
  readonly startedAt: number;
  readonly owner: TransferOwner;
  private readonly watch: TransferWatch;
  private reserved: number;

  constructor(watch: TransferWatch, owner: TransferOwner, begin: { readonly bytes: number; readonly now: number }) {
    this.watch = watch;
    this.owner = owner;
    this.reserved = begin.bytes;
    this.startedAt = begin.now;
  }

  /** Reserves more for a transfer whose length was not known; `false` when the budget is spent. */
  grow(bytes: number): boolean {
    if (!this.watch.take(bytes)) return false;
    this.reserved += bytes;
    return true;
  }

  /** Gives the bytes back. Harmless when called again. */
  end(): void {
    this.watch.finish(this, this.reserved);
    this.reserved = 0;
  }
}

/** All transfers of a server. */
export class TransferWatch {
  /** Bytes reserved now. */
  reserved = 0;
  /** Transfers that were ended for being slow. */
  stalls = 0;
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly limits: TransferLimits;
  private readonly moving = new ShortLivedSet<Transfer>();
  private timer: Timer | undefined;

  constructor(world: { readonly clock: Clock; readonly timers: Timers }, limits: TransferLimits) {
    this.clock = world.clock;
    this.timers = world.timers;
    this.limits = limits;
  }

  /** How many transfers are under way. */
  get count(): number {
    return this.moving.size;
  }

  /** Starts a transfer of `bytes`; `undefined` when the budget is spent. */
  begin(bytes: number, owner: TransferOwner): Transfer | undefined {
    if (!this.take(bytes)) return undefined;
    const transfer = new Transfer(this, owner, { bytes, now: this.clock.monotonic() });
    this.moving.add(transfer);
    if (this.timer === undefined) this.arm();
    return transfer;
  }

  /** Reserves bytes of the budget, or returns `false`. */
  take(bytes: number): boolean {
    if (this.reserved + bytes > this.limits.bytesMax) return false;
    this.reserved += bytes;
    return true;
  }

  /** Gives back bytes that `take` reserved. */
  give(bytes: number): void {
    this.reserved -= bytes;
  }

  /** A transfer is over: its bytes come back. */
  finish(transfer: Transfer, bytes: number): void {
    this.reserved -= bytes;
    this.moving.remove(transfer);
  }

  /** Stops the timer; transfers under way go on unwatched. */
  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
    for (const transfer of this.moving.list()) this.moving.remove(transfer);
  }

  private arm(): void {
    this.timer = this.timers.after(sweepEveryMs, () => {
      this.timer = undefined;
      for (const transfer of this.moving.list()) this.check(transfer);
      if (this.moving.size > 0) this.arm();
    });
  }

  private check(transfer: Transfer): void {
    const earnedMs = (transfer.owner.moved() / this.limits.bytesPerSecondMin) * 1000;
    if (this.clock.monotonic() - transfer.startedAt <= this.limits.graceMs + earnedMs) return;
    this.stalls++;
    this.moving.remove(transfer);
    transfer.owner.stalled();
  }
}
