/**
 * What happens by time alone: each period somebody is probed, now and then those that are gone and the seeds are greeted; while there is
 * something to tell, gossip goes out; every so often the list is compared with somebody's.
 *
 * ```
 *   period      1 s (longer in doubt)   judge suspicions · probe the next member · every 5th: greet one that is gone
 *                                       every 15th, and always when alone: greet a seed where nobody is known to be up
 *   gossip      0.2 s, while needed     tell 3 members
 *   reconcile   10 s, 1 s while behind  compare with one member
 * ```
 */
import type { Random } from '@coterie/env';
import type { Awareness } from './awareness.ts';
import type { Beliefs } from './beliefs.ts';
import { below } from './chance.ts';
import type { MemberList } from './member-list.ts';
import type { Outbox } from './outbox.ts';
import type { Prober } from './prober.ts';
import { nobody } from './profile.ts';
import type { Reconciler } from './reconciler.ts';
import type { Spreading } from './spreading.ts';
import { isUpState } from './standing.ts';
import { tableLimits, type Timing } from './timing.ts';

/** What rounds set going. */
export interface RoundParts {
  readonly list: MemberList;
  readonly outbox: Outbox;
  readonly beliefs: Beliefs;
  readonly prober: Prober;
  readonly reconciler: Reconciler;
  readonly spreading: Spreading;
  readonly awareness: Awareness;
  readonly random: Random;
  readonly timing: Timing;
  readonly seeds: readonly string[];
}

/** The recurring work. */
export class Rounds {
  /** Periods since the start. */
  heartbeat = 0;
  /** The ring epoch that this member knows of. */
  epoch = 0;
  readonly #parts: RoundParts;
  /** Numbers of the pings to seeds. */
  readonly #greetings = new Set<number>();
  #nextSeed = 0;
  #periodMs = Number.POSITIVE_INFINITY;
  #gossipMs = Number.POSITIVE_INFINITY;
  #reconcileMs = Number.POSITIVE_INFINITY;

  constructor(parts: RoundParts) {
    this.#parts = parts;
  }

  /** When something is due next. */
  get nextDueMs(): number {
    return Math.min(this.#periodMs, this.#reconcileMs, this.#hasNews ? this.#gossipMs : Number.POSITIVE_INFINITY);
  }

  /** Begins; the first period at a random moment, so that members which start together do not march in step. */
  start(atMs: number): void {
    const { random, timing } = this.#parts;
    this.#periodMs = atMs + below(random, timing.periodMs);
    this.#reconcileMs = this.#periodMs + below(random, timing.reconcileEveryMs);
    this.#gossipMs = atMs;
  }

  /** Does what is due. */
  tick(atMs: number): void {
    if (atMs >= this.#periodMs) this.#beginPeriod(atMs);
    if (atMs >= this.#gossipMs && this.#hasNews) this.#gossip(atMs);
    if (atMs >= this.#reconcileMs) this.#reconcile(atMs);
  }

  /** Whether a ping of that number went to a seed. */
  hasGreeted(seq: number): boolean {
    return this.#greetings.has(seq);
  }

  /** A large difference is being worked off: go on soon. */
  hurryReconciling(atMs: number): void {
    this.#reconcileMs = Math.min(this.#reconcileMs, atMs + this.#parts.timing.reconcileEveryMs / 10);
  }

  get #isMember(): boolean {
    return this.#parts.outbox.cluster !== '';
  }

  /** Whether there is something to tell, and somebody to tell it to. */
  get #hasNews(): boolean {
    return this.#isMember && this.#parts.spreading.size > 0 && this.#parts.list.up.size > 0;
  }

  #beginPeriod(atMs: number): void {
    const { list, beliefs, prober, timing, awareness } = this.#parts;
    this.#periodMs = atMs + timing.periodMs * awareness.factor;
    this.heartbeat++;
    beliefs.judge(atMs);
    const next = list.up.next();
    if (next !== undefined && this.#isMember) prober.probe(next, atMs);
    if (this.heartbeat % timing.goneEveryPeriods === 0) this.#greetGone();
    if (next === undefined || this.heartbeat % timing.seedEveryPeriods === 0) this.#greetSeed();
  }

  /** Whoever is gone may be back, or may never have been gone: so two sides of a healed cut find each other. */
  #greetGone(): void {
    const { list, random, prober } = this.#parts;
    if (list.gone.length === 0) return;
    const slot = list.gone[below(random, list.gone.length)];
    prober.greet(list.catalogue.idOf(slot), list.profile(slot).address);
  }

  #greetSeed(): void {
    const { list, seeds, prober } = this.#parts;
    if (seeds.length === 0) return;
    const address = seeds[this.#nextSeed++ % seeds.length];
    if (list.up.size > 0 && [...list.slots()].some((slot) => this.#isUpAt(slot, address))) return;
    this.#greetings.add(prober.greet(nobody, address));
    if (this.#greetings.size > tableLimits.seeds) this.#greetings.delete(this.#greetings.values().next().value as number);
  }

  #isUpAt(slot: number, address: string): boolean {
    const { list } = this.#parts;
    return isUpState(list.columns.state(slot)) && list.profile(slot).address === address;
  }

  #gossip(atMs: number): void {
    const { list, outbox, spreading, timing } = this.#parts;
    this.#gossipMs = atMs + timing.gossipEveryMs;
    for (const slot of list.up.sample(timing.gossipFanout, () => false)) {
      if (spreading.size > 0) outbox.gossip(list.profile(slot).address, atMs);
    }
  }

  #reconcile(atMs: number): void {
    const { list, reconciler, timing } = this.#parts;
    this.#reconcileMs = atMs + timing.reconcileEveryMs;
    const [slot] = list.up.sample(1, () => false);
    if (slot !== undefined && this.#isMember) reconciler.begin(list.profile(slot).address, atMs);
  }
}
