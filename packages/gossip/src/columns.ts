/**
 * The facts of a membership list, one column each, indexed by the catalogue's slots. A row costs about 30 bytes, so ten
 * thousand lists of ten thousand members fit in one process.
 */
import type { Profile } from './profile.ts';
import { type MemberState, memberStates, rankOf } from './standing.ts';

const absent = 255;

/** Rows of a membership list. */
export class Columns {
  /** Highest incarnation that the member is known under. */
  incarnation: Float64Array = new Float64Array(0);
  heartbeat: Uint32Array = new Uint32Array(0);
  epoch: Uint32Array = new Uint32Array(0);
  /** Waking time at which the state was entered, in whole seconds. */
  sinceSeconds: Uint32Array = new Uint32Array(0);
  readonly profiles: (Profile | undefined)[] = [];
  #rank: Uint8Array = new Uint8Array(0);

  /** Makes room for `rows` rows. */
  reserve(rows: number): void {
    const old = this.#rank.length;
    if (rows <= old) return;
    const length = Math.max(rows, 16, Math.ceil(old * 1.5));
    this.incarnation = widened(this.incarnation, new Float64Array(length));
    this.heartbeat = widened(this.heartbeat, new Uint32Array(length));
    this.epoch = widened(this.epoch, new Uint32Array(length));
    this.sinceSeconds = widened(this.sinceSeconds, new Uint32Array(length));
    this.#rank = widened(this.#rank, new Uint8Array(length).fill(absent, old));
  }

  /** The state in a row; undefined for a row that is not used. */
  state(slot: number): MemberState | undefined {
    const rank = this.#rank[slot] ?? absent;
    return rank === absent ? undefined : memberStates[rank];
  }

  /** Sets the state in a row; undefined frees it. */
  setState(slot: number, state: MemberState | undefined): void {
    this.#rank[slot] = state === undefined ? absent : rankOf(state);
  }

  /** Forgets a row. */
  clear(slot: number): void {
    this.setState(slot, undefined);
    this.incarnation[slot] = 0;
    this.heartbeat[slot] = 0;
    this.epoch[slot] = 0;
    this.profiles[slot] = undefined;
  }
}

function widened<T extends Float64Array | Uint32Array | Uint8Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
