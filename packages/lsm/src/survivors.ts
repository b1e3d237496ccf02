/**
 * Which entries a flush or compaction keeps. Pure: sequences in, verdict out.
 *
 * The entries of a key arrive newest first. Snapshots are boundaries: an entry is needed exactly if somebody can still see
 * it, that is, if a boundary (a snapshot, or "now") lies at or above it and below whatever hides it.
 *
 * ```
 *   hidden by an entry or range delete at h:   [s ........... h)   needed only if a snapshot lies in here
 *   a tombstone at the lowest run:             [0 ........... s)   needed only if a snapshot lies in here
 * ```
 */
import { entryType } from '@coterie/bytes';

/** Remembers the key it is in. */
export class Survivors {
  readonly #snapshots: readonly number[];
  readonly #lowestRun: boolean;
  /** Sequence of the entry of this key seen last, which is the next newer one; Infinity before the first. */
  #newer = Number.POSITIVE_INFINITY;

  /** `snapshots`: ascending. `lowestRun`: no older entry of any of these keys exists outside of what is merged. */
  constructor(snapshots: readonly number[], lowestRun: boolean) {
    this.#snapshots = snapshots;
    this.#lowestRun = lowestRun;
  }

  /** The entries of another key follow. */
  startKey(): void {
    this.#newer = Number.POSITIVE_INFINITY;
  }

  /** Whether the next entry of the key is needed. `covered`: newest range delete over the key at each snapshot interval. */
  keeps(sequence: number, type: number, covering: (atMost: number) => number): boolean {
    const newer = this.#newer;
    this.#newer = sequence;
    if (newer !== Number.POSITIVE_INFINITY && !this.hasSnapshotIn(sequence, newer)) return false;
    if (this.#hiddenByRange(sequence, covering)) return false;
    return type !== entryType.delete || !this.dropsTombstone(sequence);
  }

  /** Whether a tombstone, point or range, of this sequence has done its work. */
  dropsTombstone(sequence: number): boolean {
    return this.#lowestRun && !this.hasSnapshotIn(0, sequence);
  }

  /** Whether some snapshot lies in [from, to). */
  hasSnapshotIn(from: number, to: number): boolean {
    for (const snapshot of this.#snapshots) {
      if (snapshot >= to) return false;
      if (snapshot >= from) return true;
    }
    return false;
  }

  /** The oldest range delete above the entry decides: if no snapshot sees the entry without it, none ever will. */
  #hiddenByRange(sequence: number, covering: (atMost: number) => number): boolean {
    const boundary = this.#firstSnapshotFrom(sequence);
    return covering(boundary) > sequence;
  }

  #firstSnapshotFrom(sequence: number): number {
    for (const snapshot of this.#snapshots) if (snapshot >= sequence) return snapshot;
    return Number.POSITIVE_INFINITY;
  }
}
