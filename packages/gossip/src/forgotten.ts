/**
 * Members that were taken out of the list for good, and the incarnation they had, so that others who still list them do
 * not bring them back. The oldest is dropped past the limit. A higher incarnation is news and is let in.
 */

/** Ids and incarnations that are not listened to any more. */
export class Forgotten {
  readonly #incarnations = new Map<string, number>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** From now on nothing is heard about `id` up to this incarnation. */
  add(id: string, incarnation: number): void {
    this.#incarnations.delete(id);
    this.#incarnations.set(id, incarnation);
    if (this.#incarnations.size > this.#most) this.#incarnations.delete(this.#incarnations.keys().next().value as string);
  }

  /** Whether what is said of `id` at this incarnation is to be ignored. */
  covers(id: string, incarnation: number): boolean {
    const known = this.#incarnations.get(id);
    return known !== undefined && incarnation <= known;
  }

  get size(): number {
    return this.#incarnations.size;
  }

  /** All of them, oldest first. */
  entries(): readonly (readonly [string, number])[] {
    return [...this.#incarnations];
  }
}
