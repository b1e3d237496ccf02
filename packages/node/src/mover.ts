/**
 * Carries a change of the ring through, from this member's side: takes over what it is to hold, and, if the change is
 * about this member, has the next phase decided when everybody is ready for it.
 *
 * ```
 *   dual-write   every gainer takes over from every old holder ──▶ all have ──▶ propose read-new
 *   read-new     every old and new holder has left the older ring ──────────▶ propose done
 * ```
 *
 * Each step can be done again: after a failure or a restart the next tick goes on. A holder that is down holds the change
 * up; `waitingFor` says so.
 */
import type { Change, ClusterState } from './cluster/state.ts';
import { concernedBy, errandsOf, gainersOf } from './cluster/moves.ts';
import type { Core } from './core.ts';
import { takeOver, type TransferProgress } from './transfer.ts';

/** Drives changes. */
export class Mover {
  readonly #core: Core;
  readonly #ownBarrier: (epoch: number) => Promise<void>;
  /** Sources that are done with, for the change they belong to. */
  #taken: { readonly change: string; readonly sources: Set<string> } = { change: '', sources: new Set() };
  #complete: string | undefined;
  /** This process took over everything that its member holds: the whole of its join. */
  hasJoined = false;
  readonly progress: TransferProgress = { objects: 0, bytes: 0 };
  /** What the change under way waits for, in a sentence; empty when nothing. */
  waitingFor = '';

  /** `ownBarrier` is the barrier on this side of the door. */
  constructor(core: Core, ownBarrier: (epoch: number) => Promise<void>) {
    this.#core = core;
    this.#ownBarrier = ownBarrier;
  }

  /** Whether this member has all that it is to hold after the change with this id. */
  hasTakenOver(change: string): boolean {
    return this.#complete === change;
  }

  /** Does what can be done about the change under way. */
  async step(): Promise<void> {
    const { state } = this.#core.cluster;
    const { change } = state;
    this.waitingFor = '';
    if (change === undefined) return;
    if (change.phase === 'dual-write') await this.#takeOver(state, change);
    if (change.member === this.#core.selfId) await this.#advance(state, change);
  }

  async #takeOver(state: ClusterState, change: Change): Promise<void> {
    if (this.#complete === change.id) return;
    if (this.#taken.change !== change.id) this.#taken = { change: change.id, sources: new Set() };
    for (const errand of errandsOf(state, change, this.#core.selfId)) {
      if (this.#taken.sources.has(errand.source)) continue;
      try {
        await takeOver(this.#core, errand, this.progress);
      } catch (error) {
        this.waitingFor = `data of ${errand.source}: ${String(error)}`;
        throw error;
      }
      this.#taken.sources.add(errand.source);
    }
    this.#complete = change.id;
    if (change.member === this.#core.selfId) this.hasJoined = true;
  }

  async #advance(state: ClusterState, change: Change): Promise<void> {
    const late = await this.#firstNotReady(state, change);
    if (late !== undefined) {
      this.waitingFor = late;
      return;
    }
    const { cluster } = this.#core;
    await cluster.propose({ kind: 'advance', id: `${change.id}-${change.phase}`, change: change.id, from: change.phase });
  }

  async #firstNotReady(state: ClusterState, change: Change): Promise<string | undefined> {
    const members = change.phase === 'dual-write' ? gainersOf(state, change) : concernedBy(state, change);
    for (const member of members) {
      try {
        if (!(await this.#isReady(member, state, change))) return `${member} is still taking over`;
      } catch (error) {
        return `${member}: ${error instanceof Error ? error.message : String(error)}`;
      }
    }
    return undefined;
  }

  async #isReady(member: string, state: ClusterState, change: Change): Promise<boolean> {
    const { cluster, selfId } = this.#core;
    if (change.phase === 'dual-write') {
      return member === selfId ? this.hasTakenOver(change.id) : cluster.peers.hasTakenOver(member, change.id);
    }
    await (member === selfId ? this.#ownBarrier(state.ringEpoch) : cluster.peers.barrier(member, state.ringEpoch));
    return true;
  }
}
