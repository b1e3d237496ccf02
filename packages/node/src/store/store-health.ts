/**
 * Whether others can rely on this store for writes, as the node finds out by itself (loss scenario 14). Now and then it
 * writes a record of its own; what becomes of that, and what it finds damaged, gives the verdict, which gossip carries to
 * all: who does not take writes is passed over by coordinators, and reads go on.
 *
 * ```
 *   well ──an own write is slow, or does not end──────────────────────▶ slow     ──a quick one──▶ well
 *     └────it is refused · store or ring log failed · damage, often───▶ refuses  ──one that succeeds, or no damage for long──▶ well
 * ```
 *
 * A node whose store or ring log has failed stays so until it is started again: `status` says `read-only`.
 */
import type { Environment, Log } from '@coterie/env';
import { namedKey, space } from './layout.ts';
import type { Store } from './store.ts';

/** What is to be expected of a store. */
export type StoreVerdict = 'well' | 'slow' | 'refuses';

/** What is looked at. */
export interface StoreHealthParts {
  readonly environment: Pick<Environment, 'clock'> & { readonly log: Log };
  readonly store: Pick<Store, 'batch' | 'failure' | 'statistics'>;
  /** Why this node hears of no change of the ring any more, if so. */
  ringLogFailure(): Error | undefined;
  /** Tells the others, and whoever coordinates here. */
  announce(verdict: StoreVerdict): void;
}

/** Between two writes of its own. */
const everyMs = 2000;
/** A write that takes longer is no use to who waits for it. */
const slowMs = 1000;
/** So many damaged places within so long: whatever is written next may be damaged as well. */
const damageMax = 3;
const damageMs = 600_000;

const recordKey: Uint8Array = namedKey(space.own, new TextEncoder().encode('health'));

/** Watches a store. */
export class StoreHealth {
  readonly #parts: StoreHealthParts;
  readonly #damagedAt: number[] = [];
  #damaged = 0;
  #begunMs: number | undefined;
  #next = 0;
  #found: { readonly verdict: StoreVerdict; readonly why: string } = { verdict: 'well', why: '' };
  #last: StoreVerdict = 'well';
  #refusal = '';

  constructor(parts: StoreHealthParts) {
    this.#parts = parts;
  }

  /** Why the others do not rely on this store, in a clause; empty while they may. */
  get trouble(): string {
    return this.#found.why;
  }

  /** Looks, and tells the others when the verdict is another one. Never waits for the disk. */
  step(): Promise<void> {
    const now = this.#parts.environment.clock.monotonic();
    if (this.#begunMs === undefined && now >= this.#next) this.#probe(now);
    this.#countDamage(now);
    const found = this.#judge(now);
    const isNews = found.verdict !== this.#found.verdict;
    this.#found = found;
    if (isNews) {
      this.#parts.environment.log.warn('the others are told how far to rely on this store', { verdict: found.verdict, reason: found.why });
      this.#parts.announce(found.verdict);
    }
    return Promise.resolve();
  }

  #judge(now: number): { readonly verdict: StoreVerdict; readonly why: string } {
    const { store, ringLogFailure } = this.#parts;
    const failure = store.failure ?? ringLogFailure();
    if (failure !== undefined) return { verdict: 'refuses', why: failure.message };
    if (this.#damagedAt.length >= damageMax)
      return { verdict: 'refuses', why: `${this.#damagedAt.length} files were damaged within minutes` };
    if (this.#last === 'refuses') return { verdict: 'refuses', why: `it does not take writes: ${this.#refusal}` };
    const waitedMs = this.#begunMs === undefined ? 0 : now - this.#begunMs;
    if (waitedMs > slowMs || this.#last === 'slow') return { verdict: 'slow', why: `a write takes longer than ${slowMs} ms` };
    return { verdict: 'well', why: '' };
  }

  #probe(begunMs: number): void {
    const { environment } = this.#parts;
    this.#begunMs = begunMs;
    const ended = (verdict: StoreVerdict): void => {
      this.#last = verdict;
      this.#begunMs = undefined;
      this.#next = environment.clock.monotonic() + everyMs;
    };
    this.#write().then(
      () => ended(environment.clock.monotonic() - begunMs > slowMs ? 'slow' : 'well'),
      (error: unknown) => {
        this.#refusal = error instanceof Error ? error.message : String(error);
        ended('refuses');
      },
    );
  }

  async #write(): Promise<void> {
    const batch = this.#parts.store.batch();
    batch.put(recordKey, Uint8Array.of(1));
    await batch.commit({ durable: true });
  }

  #countDamage(now: number): void {
    const damaged = Number(this.#parts.store.statistics?.()['tablesSetAside'] ?? 0);
    for (; this.#damaged < damaged; this.#damaged++) this.#damagedAt.push(now);
    while ((this.#damagedAt[0] ?? Infinity) < now - damageMs) this.#damagedAt.shift();
  }
}
