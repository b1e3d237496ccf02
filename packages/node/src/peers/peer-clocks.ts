/**
 * Whether this node's wall clock may stamp `lww` writes. It is compared with the clocks of some other members:
 *
 * ```
 *   ask ────────▶ theirs ────────▶ answer         lead = theirs − our monotonic time half way between
 *                                                 offset now = lead + monotonic now − wall clock now
 *   offsets heard lately, and our own 0 ──▶ median ──▶ far, if it is more than `farMs` from 0
 * ```
 *
 * Kept against the monotonic clock, so a jump of our own wall clock shows at once. With fewer than three clocks nobody can
 * say whose is wrong, and then none is: a write finds a home first (P3). Nothing of this touches merges.
 */
import type { Clock, Log } from '@coterie/env';
import type { Peers } from './peers.ts';

/** An offset from which on a clock is far: more than networks and time services explain, less than people notice. */
const farMs = 10_000;
/** Clocks fewer than these tell nothing. */
const clocksMin = 3;
/** How long an answer counts. */
const lastingMs = 60_000;
/** Members that are remembered, the latest heard. */
const heardMax = 7;

interface Heard {
  readonly leadMs: number;
  readonly atMs: number;
}

/** What other members' clocks said. Times in: milliseconds of the monotonic clock, and of the wall clock where named so. */
export class PeerClocks {
  readonly #heard = new Map<string, Heard>();

  /** A member that was asked at `askedMs` said `theirMs`, and was heard at `atMs`. */
  note(member: string, theirMs: number, when: { readonly askedMs: number; readonly atMs: number }): void {
    this.#heard.delete(member);
    this.#heard.set(member, { leadMs: theirMs - (when.askedMs + when.atMs) / 2, atMs: when.atMs });
    if (this.#heard.size > heardMax) this.#heard.delete(this.#heard.keys().next().value as string);
  }

  /** Whether no clock is farther than this from ours, so that the middle one is not. Asked before each write that is stamped. */
  isEachWithin(limitMs: number, atMs: number, wallMs: number): boolean {
    for (const { leadMs } of this.#heard.values()) if (Math.abs(leadMs + atMs - wallMs) > limitMs) return false;
    return true;
  }

  /** How far ahead of us the middle clock is, ours among them; of two middle ones the nearer. 0 when too few are known. */
  offsetMs(atMs: number, wallMs: number): number {
    const offsets = [0];
    for (const heard of this.#heard.values()) if (atMs - heard.atMs <= lastingMs) offsets.push(heard.leadMs + atMs - wallMs);
    if (offsets.length < clocksMin) return 0;
    offsets.sort((a, b) => a - b);
    const [low, high] = [offsets[Math.floor((offsets.length - 1) / 2)], offsets[Math.floor(offsets.length / 2)]];
    return Math.abs(low) <= Math.abs(high) ? low : high;
  }
}

/** Between two rounds of asking; members asked in each. */
const askEveryMs = 10_000;
const askedMax = 4;

/** What a watch needs. */
export interface ClockWatchParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly peers: Pick<Peers, 'clock'>;
  /** Ids of other members that may be asked. */
  others(): readonly string[];
}

/** Keeps an eye on this node's clock. */
export class ClockWatch {
  readonly #parts: ClockWatchParts;
  readonly #clocks = new PeerClocks();
  #nextMs = 0;
  #turn = 0;
  #wasFar = false;

  constructor(parts: ClockWatchParts) {
    this.#parts = parts;
  }

  /** Whether this clock is far from those of the others. */
  isFar(): boolean {
    const { clock } = this.#parts;
    return !this.#clocks.isEachWithin(farMs, clock.monotonic(), clock.now()) && Math.abs(this.#offsetMs()) > farMs;
  }

  /** Asks some members in turn, when it is time. Those that do not answer say nothing. */
  async step(): Promise<void> {
    const { clock } = this.#parts;
    if (clock.monotonic() < this.#nextMs) return;
    this.#nextMs = clock.monotonic() + askEveryMs;
    await Promise.all(this.#next().map((member) => this.#ask(member).catch(() => undefined)));
    this.#tell();
  }

  #offsetMs(): number {
    const { clock } = this.#parts;
    return this.#clocks.offsetMs(clock.monotonic(), clock.now());
  }

  #next(): readonly string[] {
    const others = this.#parts.others();
    const asked = Array.from({ length: Math.min(askedMax, others.length) }, (_, i) => others[(this.#turn + i) % others.length]);
    this.#turn += asked.length;
    return asked;
  }

  async #ask(member: string): Promise<void> {
    const { clock, peers } = this.#parts;
    const askedMs = clock.monotonic();
    const theirMs = await peers.clock(member);
    this.#clocks.note(member, theirMs, { askedMs, atMs: clock.monotonic() });
  }

  #tell(): void {
    const { log } = this.#parts;
    const isFar = this.isFar();
    if (isFar === this.#wasFar) return;
    this.#wasFar = isFar;
    const othersAheadMs = Math.round(this.#offsetMs());
    if (isFar)
      log.warn('this clock is far from those of the other members; writes to lww buckets are passed on to them', { othersAheadMs });
    else log.info('this clock is near those of the other members again', { othersAheadMs });
  }
}
