/**
 * What the links between machines are like: one set of conditions for each ordered pair of machines, so that a cut can be
 * one-way. Plain data in, plain data out; what a connection makes of it is `pipe.ts`.
 */
import type { SeededRandom } from '../random.ts';

/** The state of a link in one direction. */
export interface LinkConditions {
  /** How long a segment travels: [at least, at most] in milliseconds. */
  readonly latencyMs: readonly [number, number];
  /** Of a hundred segments, so many go to the longest latency times ten: a tail. */
  readonly slowPercent: number;
  /** Bytes that go through in a millisecond. */
  readonly bytesPerMs: number;
  /** Probability that a segment is lost and sent again after 200 ms, 400 ms, and so on. */
  readonly loss: number;
  /** Probability that a segment brings a reset of its connection instead. */
  readonly resets: number;
  /** Nothing gets through. */
  readonly cut: boolean;
}

/** A link as it is when nobody says otherwise: a local network. */
export const usualLink: LinkConditions = { latencyMs: [0.1, 0.5], slowPercent: 1, bytesPerMs: 100_000, loss: 0, resets: 0, cut: false };
/** A machine's link to itself. */
const loopback: LinkConditions = { latencyMs: [0.02, 0.06], slowPercent: 0, bytesPerMs: 1_000_000, loss: 0, resets: 0, cut: false };

/** The links of a world. */
export class Links {
  #usual: LinkConditions;
  readonly #special = new Map<string, Map<string, LinkConditions>>();

  constructor(usual: Partial<LinkConditions> = {}) {
    this.#usual = { ...usualLink, ...usual };
  }

  /** Conditions from one machine to another. */
  between(from: string, to: string): LinkConditions {
    if (from === to) return loopback;
    return this.#special.get(from)?.get(to) ?? this.#usual;
  }

  /** Changes what all links without conditions of their own are like. */
  setUsual(change: Partial<LinkConditions>): void {
    this.#usual = { ...this.#usual, ...change };
  }

  /** Changes one direction of one link. */
  set(from: string, to: string, change: Partial<LinkConditions>): void {
    const row = this.#special.get(from) ?? new Map<string, LinkConditions>();
    this.#special.set(from, row);
    row.set(to, { ...this.between(from, to), ...change });
  }

  /** Every link is as usual again. */
  reset(): void {
    this.#special.clear();
  }
}

/** How long a segment of `bytes` takes on this link, drawn. */
export function drawLatency(
  { latencyMs: [least, most], slowPercent, bytesPerMs }: LinkConditions,
  random: SeededRandom,
  bytes: number,
): number {
  const drawn = least + (most - least) * random.fraction();
  const slow = slowPercent > 0 && random.fraction() * 100 < slowPercent ? most * 10 * random.fraction() : 0;
  return drawn + slow + bytes / bytesPerMs;
}
