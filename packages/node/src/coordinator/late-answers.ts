/**
 * When an answer is late, judged by how long that member's answers took before: the mean and four times the mean deviation,
 * as TCP judges a segment to be lost (RFC 6298). Who was late, or failed, is not the first choice for a while.
 *
 * ```
 *   watch ──▶ answered ──────────────────────────────▶ value                      its time is learned from
 *     ├─────▶ failed ────────────────────────────────▶ undefined, not quick
 *     └─────▶ overdue at two looks, one after another ▶ undefined, not quick       the answer is learned from all the same
 * ```
 *
 * Two looks, because this node may have stood still itself: between them it reads what has arrived meanwhile. One timer
 * looks at all that is awaited, and only while there is something.
 */
import { type Clock, type Placed, ShortLivedSet, type Timers } from '@coterie/env';

/** How often what is awaited is looked at. */
const lookMs = 5;
/** Below this nothing is late: collecting garbage takes as long. */
const leastMs = 10;
/** How long who was late is not the first choice. */
const avoidedMs = 500;
/** Members of whom this is known. */
const membersMax = 1024;

/** How long one member's answers take: moving averages. */
export class AnswerTimes {
  #meanMs = 0;
  #deviationMs = 0;
  #isNew = true;

  /** Learns from an answer that took so long. */
  learn(tookMs: number): void {
    if (this.#isNew) {
      this.#isNew = false;
      this.#meanMs = tookMs;
      this.#deviationMs = tookMs / 2;
      return;
    }
    this.#deviationMs += (Math.abs(tookMs - this.#meanMs) - this.#deviationMs) / 4;
    this.#meanMs += (tookMs - this.#meanMs) / 8;
  }

  /** How long an answer may take, between the least time and `mostMs`; that is also what a stranger gets. */
  within(mostMs: number): number {
    if (this.#isNew) return mostMs;
    return Math.min(mostMs, Math.max(leastMs, this.#meanMs + 4 * this.#deviationMs));
  }
}

interface Known {
  readonly times: AnswerTimes;
  avoidedUntilMs: number;
}

interface Awaited extends Placed {
  readonly member: string;
  readonly sinceMs: number;
  readonly overdueMs: number;
  wasOverdue: boolean;
  giveUp(): void;
}

/** What is awaited of others. */
export class LateAnswers {
  /** Answers that were late so far. */
  late = 0;
  readonly #world: { readonly clock: Clock; readonly timers: Timers };
  readonly #mostMs: number;
  readonly #awaited = new ShortLivedSet<Awaited>();
  readonly #known = new Map<string, Known>();
  #looking = false;

  /** `mostMs`: what takes longer is late by any measure. */
  constructor(world: { readonly clock: Clock; readonly timers: Timers }, mostMs: number) {
    this.#world = world;
    this.#mostMs = mostMs;
  }

  /** Whether this member was neither late nor failed a short while ago. */
  isQuick(member: string): boolean {
    const known = this.#known.get(member);
    return known === undefined || known.avoidedUntilMs === 0 || known.avoidedUntilMs <= this.#world.clock.monotonic();
  }

  /** What the member answers; undefined as soon as that failed or is late. */
  watch<T>(member: string, answer: Promise<T>): Promise<T | undefined> {
    const sinceMs = this.#world.clock.monotonic();
    const known = this.#of(member);
    return new Promise((resolve) => {
      const overdueMs = sinceMs + known.times.within(this.#mostMs);
      const awaited: Awaited = { member, sinceMs, overdueMs, wasOverdue: false, giveUp: () => resolve(undefined), position: -1 };
      this.#awaited.add(awaited);
      this.#lookLater();
      answer.then(
        (value) => {
          this.#awaited.remove(awaited);
          known.times.learn(this.#world.clock.monotonic() - sinceMs);
          resolve(value);
        },
        () => {
          this.#awaited.remove(awaited);
          this.#avoid(member);
          resolve(undefined);
        },
      );
    });
  }

  #of(member: string): Known {
    const known = this.#known.get(member);
    if (known !== undefined) return known;
    if (this.#known.size >= membersMax) this.#known.clear();
    const made = { times: new AnswerTimes(), avoidedUntilMs: 0 };
    this.#known.set(member, made);
    return made;
  }

  #avoid(member: string): void {
    this.#of(member).avoidedUntilMs = this.#world.clock.monotonic() + avoidedMs;
  }

  #lookLater(): void {
    if (this.#looking) return;
    this.#looking = true;
    this.#world.timers.after(lookMs, () => {
      this.#looking = false;
      this.#look();
    });
  }

  #look(): void {
    const nowMs = this.#world.clock.monotonic();
    for (const awaited of this.#awaited.list()) {
      if (awaited.overdueMs > nowMs) continue;
      if (awaited.wasOverdue) this.#giveUp(awaited);
      else awaited.wasOverdue = true;
    }
    if (this.#awaited.size > 0) this.#lookLater();
  }

  #giveUp(awaited: Awaited): void {
    this.#awaited.remove(awaited);
    this.#avoid(awaited.member);
    this.late += 1;
    awaited.giveUp();
  }
}
