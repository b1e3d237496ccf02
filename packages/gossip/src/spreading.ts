/**
 * Which changes are still told to others, and in which order. Each member tells a change L times to somebody at random, so
 * each hears of it L (1 − loss) times on average, and not at all with probability e^−L(1 − loss). The one who misses a
 * refutation calls somebody dead who is well, so L is such that at 5 % loss one change in ten thousand is missed by anybody.
 *
 * ```
 *   tier 0   [ … ─────▶ newest ]     told 0 times
 *   tier 1   [ … ]                   told once        take the last of the first tier that has any,
 *   …                                                 move it one tier on, drop it after the last
 * ```
 *
 * The least told goes first, and of those the newest (SWIM, section 4.1). A member that changes again starts over in tier 0;
 * what it leaves behind in a later tier is stale and skipped.
 */

/** Times that each member tells a change in a cluster of `size` members: (ln size + ln 10,000) ÷ 0.95, rounded up. */
export function tellLimit(size: number): number {
  return Math.ceil((Math.log(size) + Math.log(10_000)) / 0.95);
}

/** The changes to tell, by slot of the member. */
export class Spreading {
  readonly #tiers: number[][] = [];
  readonly #tierOf = new Map<number, number>();
  readonly #changesMax: number;

  /** `changesMax`: past it the most told are dropped; reconciliation brings what they would have. */
  constructor(changesMax: number) {
    this.#changesMax = changesMax;
  }

  /** Changes that wait to be told. */
  get size(): number {
    return this.#tierOf.size;
  }

  /** The member in `slot` has changed. */
  add(slot: number): void {
    this.#place(slot, 0);
    for (let last = this.#tiers.length - 1; this.#tierOf.size > this.#changesMax && last >= 0; last--) this.#shorten(last);
  }

  /** The member in `slot` is gone. */
  remove(slot: number): void {
    this.#tierOf.delete(slot);
  }

  /**
   * Offers changes to `take`, each at most once, until it refuses one or none is left. A taken one counts as told.
   */
  tell(limit: number, take: (slot: number) => boolean): void {
    const taken: number[] = [];
    outer: for (const [tier, slots] of this.#tiers.entries()) {
      while (slots.length > 0) {
        const slot = slots[slots.length - 1];
        if (this.#tierOf.get(slot) !== tier || taken.includes(slot)) {
          slots.pop();
          continue;
        }
        if (!take(slot)) break outer;
        slots.pop();
        taken.push(slot);
      }
    }
    for (const slot of taken) this.#told(slot, limit);
  }

  #told(slot: number, limit: number): void {
    const tier = (this.#tierOf.get(slot) ?? 0) + 1;
    if (tier >= limit) this.#tierOf.delete(slot);
    else this.#place(slot, tier);
  }

  #place(slot: number, tier: number): void {
    while (this.#tiers.length <= tier) this.#tiers.push([]);
    this.#tiers[tier].push(slot);
    this.#tierOf.set(slot, tier);
  }

  /** Drops from tier `tier` until the limit holds again. */
  #shorten(tier: number): void {
    const slots = this.#tiers[tier];
    while (slots.length > 0 && this.#tierOf.size > this.#changesMax) {
      const slot = slots.shift() as number;
      if (this.#tierOf.get(slot) === tier) this.#tierOf.delete(slot);
    }
  }
}
