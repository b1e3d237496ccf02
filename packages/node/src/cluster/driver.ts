/**
 * Takes changes of the ring from phase to phase, when everybody whom that concerns is ready. One member drives a change:
 * a newcomer of it, else one that takes over, else anybody; the first of them that is up. So when a driver dies the next
 * one goes on, and two that drive at once do no harm: each step is decided once.
 *
 * ```
 *   dual-write   all who take over have everything from every old holder ──▶ propose read-new
 *   read-new     every old and new holder has left the older ring ─────────▶ propose done
 *   undoing      the same ─────────────────────────────────────────────────▶ propose the end
 * ```
 *
 * A holder that is down holds a change up until it is back, or an operator says that it is lost. `waitingFor` says so.
 */
import { isCoterieError } from '@coterie/env';
import type { Core } from '../core.ts';
import { concernedBy, gainersOf } from './moves.ts';
import { type Change, type ClusterState, isBarred, memberOf, newcomersOf } from './state.ts';

/** What the driver asks on this side of the door. */
export interface DriverParts {
  readonly core: Core;
  ownBarrier(epoch: number): Promise<void>;
  missing(change: string): string | undefined;
}

/** Drives changes. */
export class Driver {
  readonly #parts: DriverParts;
  readonly #waiting = new Map<string, string>();

  constructor(parts: DriverParts) {
    this.#parts = parts;
  }

  /** What a change waits for, in a sentence; empty when nothing does, or another member drives it. */
  waitingFor(change: string): string {
    return this.#waiting.get(change) ?? '';
  }

  /** Takes each change that is this member's to drive a phase further, if it is ready for that. */
  async step(): Promise<void> {
    const { core } = this.#parts;
    const { changes } = core.cluster.state;
    const known = new Set(changes.map(({ id }) => id));
    for (const id of this.#waiting.keys()) if (!known.has(id)) this.#waiting.delete(id);
    for (const { id } of changes) {
      const { state } = core.cluster;
      const change = state.changes.find((one) => one.id === id);
      if (change === undefined) continue;
      if (driverOf(state, change, (member) => core.cluster.standing(member) !== 'down') === core.selfId) await this.#drive(state, change);
      else this.#waiting.delete(id);
    }
  }

  async #drive(state: ClusterState, change: Change): Promise<void> {
    const late = await this.#firstNotReady(state, change);
    this.#waiting.set(change.id, late ?? '');
    if (late !== undefined) return;
    const id = `${change.id}-${change.phase}`;
    await this.#parts.core.cluster.propose({ kind: 'advance', id, change: change.id, from: change.phase });
  }

  async #firstNotReady(state: ClusterState, change: Change): Promise<string | undefined> {
    const members = change.phase === 'dual-write' ? gainersOf(state, change) : concernedBy(state, change);
    const late = await Promise.all(members.map((member) => this.#whyNotReady(member, state, change)));
    return late.find((reason) => reason !== undefined);
  }

  async #whyNotReady(member: string, state: ClusterState, change: Change): Promise<string | undefined> {
    const { core, missing, ownBarrier } = this.#parts;
    const { peers } = core.cluster;
    const isSelf = member === core.selfId;
    try {
      if (change.phase === 'dual-write') {
        const reason = isSelf ? missing(change.id) : await peers.missing(member, change.id);
        if (reason === undefined) return undefined;
        return reason === '' ? `${member} to take over what it is to hold` : `${member}, which says: ${reason}`;
      }
      await (isSelf ? ownBarrier(state.ringEpoch) : peers.barrier(member, state.ringEpoch));
      return undefined;
    } catch (error) {
      return `${member}, which ${whyNot(error)}`;
    }
  }
}

function whyNot(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  return isCoterieError(error, 'CONNECTION_LOST') || isCoterieError(error, 'TIMEOUT') ? `does not answer (${reason})` : `says: ${reason}`;
}

/** Who drives a change: the first that `isUp` of its newcomers, of who takes over, of all members. */
export function driverOf(state: ClusterState, change: Change, isUp: (member: string) => boolean): string | undefined {
  const inTurn = [...newcomersOf(change), ...gainersOf(state, change), ...state.members.map(({ id }) => id)];
  return inTurn.find((id) => !isBarred(state, id) && memberOf(state, id) !== undefined && isUp(id));
}
