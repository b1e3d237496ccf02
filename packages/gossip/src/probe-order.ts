/**
 * Members in shuffled order, walked round robin: every one is probed once in each round, so a dead one is found after
 * at most two rounds and after one period on average (SWIM, section 4.3). A newcomer takes a random place; at the end of a
 * round the order is shuffled anew.
 */
import type { Random } from '@coterie/env';
import { below } from './chance.ts';

/** A shuffled list with a cursor. */
export class ProbeOrder {
  readonly #random: Random;
  #slots: Int32Array = new Int32Array(0);
  #size = 0;
  #next = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Members in the list. */
  get size(): number {
    return this.#size;
  }

  /** Makes room for `size` members. */
  reserve(size: number): void {
    if (size <= this.#slots.length) return;
    const wider = new Int32Array(Math.max(size, 16, Math.ceil(this.#slots.length * 1.5)));
    wider.set(this.#slots);
    this.#slots = wider;
  }

  /** Puts a member at a random place. It must not be in the list. */
  add(slot: number): void {
    this.reserve(this.#size + 1);
    const at = below(this.#random, this.#size + 1);
    this.#slots[this.#size++] = this.#slots[at];
    this.#slots[at] = slot;
  }

  /** Takes a member out, if it is in the list. */
  remove(slot: number): void {
    const at = this.#slots.subarray(0, this.#size).indexOf(slot);
    if (at >= 0) this.#slots[at] = this.#slots[--this.#size];
  }

  /** The next member of the round; undefined when there is none. */
  next(): number | undefined {
    if (this.#size === 0) return undefined;
    if (this.#next >= this.#size) this.#shuffle();
    return this.#slots[this.#next++];
  }

  /** Up to `count` different members at random, none of which `skip` holds for. */
  sample(count: number, skip: (slot: number) => boolean): number[] {
    const chosen: number[] = [];
    const tries = Math.min(this.#size * 3, 8 * count + 8);
    for (let i = 0; i < tries && chosen.length < count; i++) {
      const slot = this.#slots[below(this.#random, this.#size)];
      if (!chosen.includes(slot) && !skip(slot)) chosen.push(slot);
    }
    return chosen;
  }

  #shuffle(): void {
    this.#next = 0;
    const slots = this.#slots;
    for (let i = this.#size - 1; i > 0; i--) {
      const other = below(this.#random, i + 1);
      const slot = slots[i];
      slots[i] = slots[other];
      slots[other] = slot;
    }
  }
}
