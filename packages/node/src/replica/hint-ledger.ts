/**
 * How many objects this store keeps for whom, and whether there is room for more. Past the limit a hint is refused
 * *before* it is acknowledged, so that the coordinator tries the next store; what was acknowledged is never dropped.
 */
import { type Bounds, CoterieError } from '@coterie/env';
import { afterPrefix, openHintKey, space } from '../store/layout.ts';
import type { Store } from '../store/store.ts';

/** Counts hints by owner. */
export class HintLedger {
  readonly #counts = new Map<string, number>();
  readonly #hintsMax: number;
  #total = 0;
  /** Goes up with every hint that comes or goes. */
  #version = 0;

  constructor(hintsMax: number) {
    this.#hintsMax = hintsMax;
  }

  /** Counts what an earlier run left. */
  static async load(store: Store, hintsMax: number): Promise<HintLedger> {
    const ledger = new HintLedger(hintsMax);
    const prefix = Uint8Array.of(space.hint);
    for await (const [key] of store.range({ gte: prefix, lt: afterPrefix(prefix), limit: 2 ** 31 })) ledger.added(openHintKey(key).owner);
    return ledger;
  }

  /**
   * Counts anew, after damage took hints that nobody will hand over. `barrier` resolves once everything that was committed
   * before it can be seen. Resolves to whether it was done: not if hints came or went meanwhile.
   */
  async recount(store: Store, barrier: () => Promise<void>): Promise<boolean> {
    const version = this.#version;
    await barrier();
    const counted = await HintLedger.load(store, this.#hintsMax);
    if (this.#version !== version) return false;
    this.#counts.clear();
    for (const [owner, count] of counted.#counts) this.#counts.set(owner, count);
    this.#total = counted.#total;
    return true;
  }

  /** Hints in all. */
  get total(): number {
    return this.#total;
  }

  get bounds(): Bounds {
    return { hints: { now: this.#total, most: this.#hintsMax } };
  }

  /** Members for whom something is kept, and how much. */
  get owners(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Lets one more hint in. `write`: what is known of the write that it is for. @throws `OVERLOADED` */
  checkRoom(write: 'nothing done' | 'perhaps elsewhere' = 'nothing done'): void {
    if (this.#total < this.#hintsMax) return;
    throw new CoterieError('OVERLOADED', `${this.#total} objects are kept for other stores already, the most that this one keeps`, {
      details: { mayHaveTakenEffect: write === 'perhaps elsewhere' },
    });
  }

  added(owner: string): void {
    this.#version += 1;
    this.#counts.set(owner, (this.#counts.get(owner) ?? 0) + 1);
    this.#total += 1;
  }

  removed(owner: string): void {
    this.#version += 1;
    const left = (this.#counts.get(owner) ?? 0) - 1;
    if (left < 0) return;
    if (left === 0) this.#counts.delete(owner);
    else this.#counts.set(owner, left);
    this.#total -= 1;
  }
}
