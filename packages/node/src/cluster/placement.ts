/**
 * Where one key is written and read at one epoch: the sets of primaries that a write must reach, the set that a read
 * asks, and who may stand in.
 *
 * ```
 *   no change        write {old}          read old
 *   dual-write       write {old, new}     read old        new may lack what came before
 *   read-new         write {old, new}     read new        some coordinators still read old
 *   undoing          write {old, new}     read old        some coordinators still read new
 * ```
 */
import { fallbacks, partitionOf, type Token } from '@coterie/ring';
import { changeOf, type ClusterState } from './state.ts';

/** The stores of one key. Ids, in order of preference. */
export interface KeyPlacement {
  readonly epoch: number;
  readonly partition: number;
  /** One set, or old and new while the partition moves. */
  readonly writeSets: readonly (readonly string[])[];
  readonly readSet: readonly string[];
  /** Every primary, each once. */
  readonly owners: readonly string[];
  /** Every other member that stays, in the order in which it may stand in; found as it is asked for. */
  readonly fallbacks: Iterable<string>;
}

/** Placements of one state, made when first asked for. */
export class Placements {
  readonly state: ClusterState;
  readonly #made = new Map<number, KeyPlacement>();

  constructor(state: ClusterState) {
    this.state = state;
  }

  /** The stores of the key with this token when `n` copies are wanted. */
  of(token: Token, n: number): KeyPlacement {
    const partition = partitionOf(token, this.state.ring.partitions);
    const slot = partition * 32 + n;
    const known = this.#made.get(slot);
    if (known !== undefined) return known;
    const made = placementOf(this.state, partition, n);
    this.#made.set(slot, made);
    return made;
  }
}

/** The stores of a partition. */
export function placementOf(state: ClusterState, partition: number, n: number): KeyPlacement {
  const { ring, leaving, lost } = state;
  const names = (positions: readonly number[]): string[] => positions.slice(0, n).map((position) => ring.members[position].id);
  const old = names(ring.replicas[partition]);
  const change = changeOf(state, partition);
  const move = change?.moves.get(partition);
  const next = move === undefined ? undefined : names(move);
  const sets = next === undefined ? [old] : [old, next];
  const owners = next === undefined ? old : [...new Set(sets.flat())];
  return {
    epoch: state.epoch,
    partition,
    writeSets: sets,
    readSet: next !== undefined && change?.phase === 'read-new' ? next : old,
    owners,
    fallbacks: {
      *[Symbol.iterator]() {
        for (const { id } of fallbacks(ring, partition, 0)) {
          // What is kept by who is going would have to be brought home before it may go.
          if (!owners.includes(id) && !leaving.includes(id) && !lost.includes(id)) yield id;
        }
      },
    },
  };
}
