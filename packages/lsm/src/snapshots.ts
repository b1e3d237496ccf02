/** The sequences that open snapshots see; compactions keep what they need. */
import { CoterieError } from '@coterie/env';

/** A multiset of sequences, small: `snapshotsMax` bounds it. */
export class Snapshots {
  readonly #max: number;
  /** Ascending. */
  readonly #sequences: number[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  get count(): number {
    return this.#sequences.length;
  }

  /** Open sequences, ascending, as a copy. */
  sequences(): readonly number[] {
    return this.#sequences.slice();
  }

  /** @throws CoterieError `OVERLOADED` at the limit */
  open(sequence: number): void {
    if (this.#sequences.length >= this.#max) {
      throw new CoterieError('OVERLOADED', `${this.#max} snapshots and iterators are open already; close some, or raise snapshotsMax`);
    }
    let at = this.#sequences.length;
    while (at > 0 && this.#sequences[at - 1] > sequence) at--;
    this.#sequences.splice(at, 0, sequence);
  }

  close(sequence: number): void {
    const at = this.#sequences.indexOf(sequence);
    if (at >= 0) this.#sequences.splice(at, 1);
  }
}
