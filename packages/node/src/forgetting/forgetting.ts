/**
 * Forgetting on one node: drives rounds and answers those that others drive, takes floors over, and drops what lies dead
 * below them (design section 8). What has to be proven, and why that is enough, stands in `round.ts`.
 *
 * ```
 *   driver.ts    rounds for partitions of which this node is the first holder     answers.ts   what any member answers
 *   taker.ts     floors of others                                                 look.ts      what could go, and dropping it
 * ```
 */
import type { ForgettingReport } from '../api.ts';
import type { Core } from '../core.ts';
import { reapAlone } from '../hazards.ts';
import { ForgettingAnswers, type AnswerParts } from './answers.ts';
import { RoundDriver } from './driver.ts';
import type { KeptFloor } from './floors.ts';
import { dropBelow, prepareList } from './look.ts';
import { FloorTaker } from './taker.ts';

/** What forgetting works with. */
export interface ForgettingParts extends AnswerParts {
  /** Between two looks whether something can be forgotten; undefined: never. */
  readonly everyMs: number | undefined;
}

/** After so many drops the store is to give their space back. */
const flushAtDrops = 1000;

/** Forgets. */
export class Forgetting {
  readonly answers: ForgettingAnswers;
  readonly #core: Core;
  readonly #driver: RoundDriver | undefined;
  readonly #taker: FloorTaker;
  #stopped = false;
  #droppedAtFlush = 0;
  /** Objects that went, or lost a part, since the start. */
  #dropped = 0;

  constructor(parts: ForgettingParts) {
    const { core, everyMs } = parts;
    this.#core = core;
    this.answers = new ForgettingAnswers(parts);
    this.#driver =
      everyMs === undefined ? undefined : new RoundDriver({ core, answers: this.answers, everyMs, isStopped: () => this.#stopped });
    this.#taker = new FloorTaker({ ...parts, answers: this.answers });
  }

  /** Drives the round that is due. */
  async drive(): Promise<void> {
    if (this.#driver === undefined || this.#stopped) return;
    await prepareList(this.#core);
    if (this.#core.hazards.reapsAlone) this.#dropped += await reapAlone(this.#core);
    else await this.#driver.step();
  }

  /** Learns of floors, and drops what is dead below those that hold here. */
  async follow(): Promise<void> {
    const { floors, buckets } = this.#core;
    await floors.discard(({ bucket, generation }) => buckets.get(bucket).generation > generation);
    await this.#drop();
    if (!this.#stopped) await this.#taker.step();
  }

  /** Stops vouching for what this store owns no more: what it has of it may go. Before anything out of place is cleared. */
  async letGo(): Promise<void> {
    if (!this.#core.floors.isEmpty) await this.#core.floors.doubt((kept) => !this.answers.owns(kept));
  }

  /** Ends after the page in work. */
  stop(): void {
    this.#stopped = true;
  }

  get report(): ForgettingReport {
    const { floors, environment } = this.#core;
    const driver = this.#driver;
    const oldestMs = driver?.outstanding.oldestMs;
    return {
      rounds: driver?.rounds ?? 0,
      dropped: this.#dropped,
      tombstones: driver?.outstanding.deleted ?? 0,
      expiring: driver?.outstanding.expiring ?? 0,
      expired: driver?.outstanding.expired ?? 0,
      ...(oldestMs === undefined ? {} : { oldestTombstoneMs: Math.max(0, environment.clock.now() - oldestMs) }),
      floors: floors.size,
      waitingFor: driver?.waitingFor ?? [],
    };
  }

  async #drop(): Promise<void> {
    const { floors, cluster, store } = this.#core;
    if (floors.unsettled.size === 0 || cluster.state.changes.length > 0) return;
    const due = new Map<number, KeptFloor[]>();
    for (const kept of floors.all) {
      if (kept.state === 'to be dropped' && !cluster.isRecovering(kept.partition))
        due.set(kept.partition, [...(due.get(kept.partition) ?? []), kept]);
    }
    for (const [partition, kept] of due) {
      if (this.#stopped) return;
      this.#dropped += await dropBelow(this.#core, partition, kept);
      for (const one of kept) await floors.settled(one);
    }
    // Only from tables do deletes take away what they delete.
    if (this.#dropped - this.#droppedAtFlush < flushAtDrops) return;
    this.#droppedAtFlush = this.#dropped;
    await store.flush?.();
  }
}
