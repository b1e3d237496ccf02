/**
 * What the links between machines are like: conditions for each ordered pair of machines, so that a cut can be one-way.
 * Changes lie over each other like sheets and are taken away in any order; a later one hides an earlier one where both
 * speak of the same condition. What a connection makes of conditions is `pipe.ts`.
 */
import type { SeededRandom } from '../random.ts';

/** The state of a link in one direction. */
export interface LinkConditions {
  /** How long a segment travels: [at least, at most] in milliseconds. */
  readonly latencyMs: readonly [number, number];
  /** Of a hundred segments, so many take up to ten times the longest latency more: a tail. */
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

/** A change that can be taken away again. */
export interface LinkChange {
  /** Takes it away. Harmless when it is gone already. */
  undo(): void;
}

interface Sheet {
  readonly from: ReadonlySet<string>;
  readonly to: ReadonlySet<string>;
  readonly change: Partial<LinkConditions>;
}

/** A link as it is when nobody says otherwise: a local network. */
export const usualLink: LinkConditions = { latencyMs: [0.1, 0.5], slowPercent: 1, bytesPerMs: 100_000, loss: 0, resets: 0, cut: false };
/** A machine's link to itself. */
const loopback: LinkConditions = { latencyMs: [0.02, 0.06], slowPercent: 0, bytesPerMs: 1_000_000, loss: 0, resets: 0, cut: false };

/** The links of a world. */
export class Links {
  readonly #usual: LinkConditions;
  readonly #sheets = new Set<Sheet>();
  /** Conditions worked out since the last change: asked for at every segment. */
  readonly #known = new Map<string, Map<string, LinkConditions>>();

  constructor(usual: Partial<LinkConditions> = {}) {
    this.#usual = { ...usualLink, ...usual };
  }

  /** Conditions from one machine to another. */
  between(from: string, to: string): LinkConditions {
    const known = this.#known.get(from)?.get(to);
    if (known !== undefined) return known;
    const conditions = from === to ? loopback : this.#workOut(from, to);
    const row = this.#known.get(from) ?? new Map<string, LinkConditions>();
    this.#known.set(from, row.set(to, conditions));
    return conditions;
  }

  /** Changes every link from one of `from` to one of `to`, in that direction; of a machine to itself never. */
  change(from: readonly string[], to: readonly string[], change: Partial<LinkConditions>): LinkChange {
    const sheet: Sheet = { from: new Set(from), to: new Set(to), change };
    this.#sheets.add(sheet);
    this.#known.clear();
    return {
      undo: () => {
        this.#sheets.delete(sheet);
        this.#known.clear();
      },
    };
  }

  /** Every link is as usual again. */
  reset(): void {
    this.#sheets.clear();
    this.#known.clear();
  }

  #workOut(from: string, to: string): LinkConditions {
    let conditions = this.#usual;
    for (const sheet of this.#sheets) if (sheet.from.has(from) && sheet.to.has(to)) conditions = { ...conditions, ...sheet.change };
    return conditions;
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
