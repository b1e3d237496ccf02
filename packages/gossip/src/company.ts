/**
 * Whom a node heard lately: with how many others it could agree on a verdict. Members in the list say nothing about that;
 * behind a cut, a list of thousands is a list of people who cannot be asked.
 */

interface Heard {
  readonly id: string;
  readonly atMs: number;
}

/** The two members heard last: enough to tell whether anybody besides a suspect is there. */
export class Company {
  readonly #lastingMs: number;
  #latest: Heard | undefined;
  #other: Heard | undefined;

  /** `lastingMs`: how long somebody heard counts as there. */
  constructor(lastingMs: number) {
    this.#lastingMs = lastingMs;
  }

  /** A member was heard. */
  note(id: string, atMs: number): void {
    if (this.#latest !== undefined && this.#latest.id !== id) this.#other = this.#latest;
    this.#latest = { id, atMs };
  }

  /** Witnesses that a verdict about `suspect` needs: two, or one when nobody else is there to be the second. */
  witnessesNeeded(suspect: string, atMs: number): number {
    const someone = [this.#latest, this.#other].some(
      (heard) => heard !== undefined && heard.id !== suspect && atMs - heard.atMs <= this.#lastingMs,
    );
    return someone ? 2 : 1;
  }
}
