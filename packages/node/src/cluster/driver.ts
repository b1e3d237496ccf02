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
 * One that is up may have a broken disk, or hear nobody: while a change stands, the second and the third in line come to
 * drive it as well. A holder that is down holds a change up until it is back, or an operator says that it is lost. `waitingFor` says so.
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

/** How long a change stands in its phase before one more drives it. */
const patienceMs = 10_000;
/** Who may drive a change at a time. */
const driversMax = 3;

/** How long a change has been in its phase, as seen here. */
interface Standstill {
  readonly phase: Change['phase'];
  readonly sinceMs: number;
}

/** Drives changes. */
export class Driver {
  readonly #parts: DriverParts;
  readonly #waiting = new Map<string, string>();
  readonly #standing = new Map<string, Standstill>();

  constructor(parts: DriverParts) {
    this.#parts = parts;
  }

  /** What a change waits for, in a clause; empty when nothing does, or others drive it and are to be asked. */
  waitingFor(change: string): string {
    return this.#waiting.get(change) ?? '';
  }

  /** Who drives a change first, as far as this member knows. */
  drivenBy(state: ClusterState, change: Change): string | undefined {
    return this.#inLine(state, change)[0];
  }

  /** Takes each change that is this member's to drive a phase further, if it is ready for that. */
  async step(): Promise<void> {
    const { core } = this.#parts;
    const { changes } = core.cluster.state;
    this.#lookAt(changes);
    for (const { id } of changes) {
      const { state } = core.cluster;
      const change = state.changes.find((one) => one.id === id);
      if (change === undefined) continue;
      if (this.#isMine(state, change)) await this.#drive(state, change);
      else this.#waiting.delete(id);
    }
  }

  #lookAt(changes: readonly Change[]): void {
    const nowMs = this.#parts.core.environment.clock.monotonic();
    const known = new Map(changes.map(({ id, phase }) => [id, phase]));
    for (const id of this.#waiting.keys()) if (!known.has(id)) this.#waiting.delete(id);
    for (const id of this.#standing.keys()) if (!known.has(id)) this.#standing.delete(id);
    for (const [id, phase] of known) {
      if (this.#standing.get(id)?.phase !== phase) this.#standing.set(id, { phase, sinceMs: nowMs });
    }
  }

  #isMine(state: ClusterState, change: Change): boolean {
    const { environment, selfId } = this.#parts.core;
    const place = this.#inLine(state, change).indexOf(selfId);
    const sinceMs = this.#standing.get(change.id)?.sinceMs ?? Infinity;
    return place === 0 || (place > 0 && environment.clock.monotonic() - sinceMs >= place * patienceMs);
  }

  #inLine(state: ClusterState, change: Change): string[] {
    return driversOf(state, change, (member) => this.#parts.core.cluster.standing(member) !== 'down');
  }

  async #drive(state: ClusterState, change: Change): Promise<void> {
    const late = await this.#firstNotReady(state, change);
    this.#waiting.set(change.id, late ?? '');
    if (late !== undefined) return;
    const id = `${change.id}-${change.phase}`;
    try {
      await this.#parts.core.cluster.propose({ kind: 'advance', id, change: change.id, from: change.phase });
    } catch (error) {
      this.#waiting.set(change.id, `the next step to be decided, which fails: ${messageOf(error)}`);
      throw error;
    }
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function whyNot(error: unknown): string {
  const reason = messageOf(error);
  return isCoterieError(error, 'CONNECTION_LOST') || isCoterieError(error, 'TIMEOUT') ? `does not answer (${reason})` : `says: ${reason}`;
}

/** Who drives a change, in line: those that are up of its newcomers, of who takes over, of all members. */
export function driversOf(state: ClusterState, change: Change, isUp: (member: string) => boolean): string[] {
  const inTurn = new Set([...newcomersOf(change), ...gainersOf(state, change), ...state.members.map(({ id }) => id)]);
  const able: string[] = [];
  for (const id of inTurn) {
    if (able.length === driversMax) break;
    if (!isBarred(state, id) && memberOf(state, id) !== undefined && isUp(id)) able.push(id);
  }
  return able;
}
