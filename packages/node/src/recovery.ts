/**
 * A store that lost its data, or got an old copy of it back, cannot vouch for what it lacks until it has exchanged with
 * every other holder of what it holds (design section 7, loss scenario 21). Until then it takes writes, and its answers
 * count as a fallback's.
 *
 * ```
 *   no mark "whole" in the store, or a life that began with damage or a restored copy ──▶ recovering
 *     └── has taken over from every other holder ──▶ mark "whole" ──▶ vouches again
 * ```
 */
import { recoveryOf } from './cluster/moves.ts';
import type { Core } from './core.ts';
import { namedKey, space } from './layout.ts';
import type { Mover } from './mover.ts';
import type { Store } from './store.ts';
import { MoveNotes } from './move-notes.ts';
import type { Pace } from './pace.ts';
import { takeOver, type TransferProgress } from './transfer.ts';

const wholeKey: Uint8Array = namedKey(space.own, new TextEncoder().encode('whole'));

/** Whether the store can vouch for what it lacks. */
export class Recovery {
  readonly #store: Store;
  #isWhole: boolean;
  readonly #done = new Set<string>();
  /** The ring by which `#done` is done: by another one, members hold other things. */
  #doneAt = 0;
  /** How far each source is; a failure or a pause goes on from there. */
  readonly #progress = new Map<string, TransferProgress>();

  private constructor(store: Store, isWhole: boolean) {
    this.#store = store;
    this.#isWhole = isWhole;
  }

  /** Takes the mark away: data may be missing. Durable when it resolves. */
  static async doubt(store: Store): Promise<void> {
    await MoveNotes.forgetAll(store);
    if ((await store.get(wholeKey)) === undefined) return;
    const batch = store.batch();
    batch.delete(wholeKey);
    await batch.commit({ durable: true });
  }

  /** Reads the mark. */
  static async load(store: Store): Promise<Recovery> {
    return new Recovery(store, (await store.get(wholeKey)) !== undefined);
  }

  get isRecovering(): boolean {
    return !this.#isWhole;
  }

  /** The store has everything that it is to hold: it was just made, or has taken it all over. */
  async markWhole(): Promise<void> {
    if (this.#isWhole) return;
    const batch = this.#store.batch();
    batch.put(wholeKey, Uint8Array.of(1));
    await batch.commit({ durable: true });
    this.#isWhole = true;
  }

  /** Takes back what other holders have, unless a join just brought it all; what fails is tried again at the next step. */
  async step(core: Core, mover: Pick<Mover, 'hasJoined'>, pace: Pace): Promise<void> {
    const { state } = core.cluster;
    // While the ring changes, who holds what is in motion; a joining member vouches for nothing that is read.
    if (this.#isWhole || state.changes.length > 0) return;
    if (mover.hasJoined) return this.markWhole();
    if (this.#doneAt !== state.ringEpoch) {
      this.#done.clear();
      this.#progress.clear();
    }
    this.#doneAt = state.ringEpoch;
    for (const errand of recoveryOf(state, core.selfId)) {
      if (this.#done.has(errand.source)) continue;
      await takeOver(core, errand, { progress: this.#progressOf(errand.source), pace });
      this.#done.add(errand.source);
    }
    if (core.cluster.state.ringEpoch === state.ringEpoch) await this.markWhole();
  }

  #progressOf(source: string): TransferProgress {
    const progress = this.#progress.get(source) ?? { objects: 0, bytes: 0, cursor: undefined };
    this.#progress.set(source, progress);
    return progress;
  }
}
