/**
 * The keys of a frozen memtable: references in key order in the arena's last words. What a worker walks from end to end;
 * a seek is a binary search over the records themselves.
 */
import type { KeyOrder, KeyPlace } from './key-order.ts';
import { warmKeys, type Records } from './records.ts';

/** The order of a frozen arena. */
export class KeyList implements KeyOrder {
  readonly #records: Records;
  readonly #count: number;
  /** Word of the first reference. */
  readonly #base: number;

  constructor(records: Records, count: number) {
    this.#records = records;
    this.#count = count;
    this.#base = records.words.length - count;
  }

  first(place: KeyPlace): void {
    this.#move(place, 0);
  }

  last(place: KeyPlace): void {
    this.#move(place, this.#count - 1);
  }

  seek(place: KeyPlace, bytes: Uint8Array): void {
    this.#move(place, this.#countBefore(bytes));
  }

  seekBefore(place: KeyPlace, bytes: Uint8Array): void {
    this.#move(place, this.#countBefore(bytes) - 1);
  }

  next(place: KeyPlace): void {
    this.#move(place, place.slot + 1);
    if (place.slot % warmKeys === 0) this.#warm(place.slot);
  }

  previous(place: KeyPlace): void {
    this.#move(place, place.slot - 1);
    if (place.slot % warmKeys === warmKeys - 1) this.#warm(place.slot - warmKeys + 1);
  }

  /** Has the records of the keys from `slot` on read ahead. */
  #warm(slot: number): void {
    const end = Math.min(slot + warmKeys, this.#count);
    this.#records.warm(this.#records.words, this.#base + slot, this.#base + end);
  }

  #move(place: KeyPlace, slot: number): void {
    place.slot = slot;
    place.key = slot >= 0 && slot < this.#count ? this.#records.words[this.#base + slot] : 0;
  }

  /** How many keys sort before `bytes`. */
  #countBefore(bytes: Uint8Array): number {
    const words = this.#records.words;
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#records.compareKey(bytes, 0, bytes.length, words[this.#base + middle], 0) > 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
