/**
 * Which cached block goes next: S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023).
 *
 * ```
 *           used again? ──yes─▶ ┌────────── main, 90 % ──────────┐
 *  new ─▶ [ small, 10 % ] ──────│ head: used since? back to tail │─▶ out
 *                │ no           └────────────────────────────────┘
 *                ▼                           ▲
 *               out, remembered as a ghost ──┘ comes back soon: straight into main
 * ```
 *
 * A scan touches each block once, so it passes through the small queue and leaves the main one alone. A hit costs one
 * increment of a byte. Queues are linked lists in typed arrays; ghosts live where the table keeps its slot numbers.
 *
 * Invariants: an id is in at most one queue; a pinned id is never a victim.
 */

/** Hits are counted up to here. */
export const usesMax = 3;
/** A block used more often than this leaves the small queue for the main one. */
const promoteAbove = 1;
/** The small queue's share of the bytes is one in so many. */
const smallShare = 10;

const notQueued = 0;
const inSmall = 1;
const inMain = 2;

/** Queues over ids in [0, capacity). */
export class Replacement {
  /** Hits of each id since it was added or passed over, at most `usesMax`. Bumped by readers in place. */
  readonly uses: Uint8Array;
  /** Readers standing on each id. */
  readonly pins: Int32Array;
  readonly #cost: Int32Array;
  readonly #queue: Uint8Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #capacity: number;
  readonly #smallTarget: number;
  #smallBytes = 0;
  #count = 0;

  /** `budgetBytes`: what all ids together may cost. */
  constructor(capacity: number, budgetBytes: number) {
    this.#capacity = capacity;
    this.#smallTarget = Math.floor(budgetBytes / smallShare);
    this.uses = new Uint8Array(capacity);
    this.pins = new Int32Array(capacity);
    this.#cost = new Int32Array(capacity);
    this.#queue = new Uint8Array(capacity);
    // Two more elements are the queues' heads: small at `capacity`, main after it.
    this.#next = new Int32Array(capacity + 2);
    this.#previous = new Int32Array(capacity + 2);
    for (const head of [capacity, capacity + 1]) {
      this.#next[head] = head;
      this.#previous[head] = head;
    }
  }

  /** Adds an id that costs `bytes`. `seenBefore`: it was evicted a short while ago. */
  add(id: number, bytes: number, from: { readonly seenBefore: boolean }): void {
    this.uses[id] = 0;
    this.#cost[id] = bytes;
    this.#count++;
    this.#append(id, from.seenBefore ? inMain : inSmall);
  }

  /** Takes an id out of its queue. */
  remove(id: number): void {
    if (this.#queue[id] === notQueued) return;
    this.#unlink(id);
    this.#count--;
  }

  /** Takes the id out that should go next and returns it; -1 if there is none that is not pinned. */
  victim(): number {
    // Each step passes over a pin, uses up a hit or promotes: so many are enough to come round to everything unpinned.
    for (let steps = this.#count * (usesMax + 2); steps > 0; steps--) {
      const small = this.#next[this.#capacity];
      const main = this.#next[this.#capacity + 1];
      const takeSmall = small !== this.#capacity && (this.#smallBytes > this.#smallTarget || main === this.#capacity + 1);
      const id = takeSmall ? small : main;
      if (this.#passesOver(id)) continue;
      this.remove(id);
      return id;
    }
    return -1;
  }

  /** Gives the id at the head of a queue another round, if it has earned one. */
  #passesOver(id: number): boolean {
    const uses = this.uses[id];
    const isSmall = this.#queue[id] === inSmall;
    if (this.pins[id] === 0 && (isSmall ? uses <= promoteAbove : uses === 0)) return false;
    this.uses[id] = isSmall || uses === 0 ? 0 : uses - 1;
    this.#unlink(id);
    this.#append(id, inMain);
    return true;
  }

  #append(id: number, queue: number): void {
    const head = queue === inSmall ? this.#capacity : this.#capacity + 1;
    const last = this.#previous[head];
    this.#next[last] = id;
    this.#previous[id] = last;
    this.#next[id] = head;
    this.#previous[head] = id;
    this.#queue[id] = queue;
    if (queue === inSmall) this.#smallBytes += this.#cost[id];
  }

  #unlink(id: number): void {
    const next = this.#next[id];
    const previous = this.#previous[id];
    this.#next[previous] = next;
    this.#previous[next] = previous;
    if (this.#queue[id] === inSmall) this.#smallBytes -= this.#cost[id];
    this.#queue[id] = notQueued;
  }
}
