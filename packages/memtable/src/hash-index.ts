/**
 * Finds a key's record by the key's hash: what point reads go through, and how `add` learns whether a key is new.
 * Open addressing with linear probing, one word a slot, so that a probe run lies in one or two cache lines. It stands
 * beside the arena, because only the thread that writes needs it.
 *
 *     slot   0                       empty
 *            tag << 25 | reference   tag: the top 7 bits of the hash, so that one miss in 128 looks at a record
 *
 * When slots run out, twice as many are made, and the keys move over a few at a time with each insertion: all at once
 * would hold up one put by 10 to 30 ms. Until all have moved, a key is in the new slots, in the old ones, or in both.
 *
 * Invariants: at most 7 in 10 slots are taken; hashes are `hash32` of the key, because moving computes them again.
 */
import { hash32 } from '@coterie/bytes';
import { headerWords, recordKind, referenceBits } from './layout.ts';
import type { Records } from './records.ts';

const referenceMask = 2 ** referenceBits - 1;

/** Slots before the first growth, so that an arena for one great value costs next to nothing. */
const slotsAtFirst = 16;

/** Arena bytes for a slot at the first growth: entries of 116 bytes and their overhead then half fill the slots. */
const arenaBytesPerSlot = 64;

/** Keys moved with an insertion, and records (most may be versions) looked at for that. */
const keysPerMove = 4;
const recordsPerMove = 64;

/** No old slots: nothing has to be moved. */
const none: Int32Array = new Int32Array(0);

/** A hash table of the key records of one arena. */
export class HashIndex {
  readonly #records: Records;
  #slots: Int32Array = new Int32Array(slotsAtFirst);
  #countMax: number = countMaxOf(slotsAtFirst);
  #count = 0;
  /** Slots whose keys move, in the order of their records: those from `#nextToMove` on have yet to. */
  #old: Int32Array = none;
  #nextToMove = 0;
  /** Where the last search that found nothing ended: the slot for `insert`. */
  #vacant = 0;

  constructor(records: Records) {
    this.#records = records;
  }

  /** Bytes held beside the arena. */
  get byteLength(): number {
    return this.#slots.byteLength + this.#old.byteLength;
  }

  /** Forgets every key. */
  clear(): void {
    if (this.#count > 0) this.#slots.fill(0);
    this.#count = 0;
    this.#old = none;
  }

  /** The record of the key `bytes[start, end)`, or 0. `hash` is its `hash32`. */
  // Hot path: a record for four parameters would cost as much as the search.
  find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    if (this.#old.length > 0) {
      const found = this.#search(this.#old, bytes, start, end, hash);
      if (found !== 0) return found;
    }
    return this.#search(this.#slots, bytes, start, end, hash);
  }

  /** Adds the key that the last `find` did not find, whose record is `key` by now. */
  insert(hash: number, key: number): void {
    this.#slots[this.#vacant] = slotOf(hash, key);
    this.#count++;
    if (this.#old.length > 0) this.#move();
    if (this.#count > this.#countMax) this.#grow();
  }

  // Hot path, as `find`.
  #search(slots: Int32Array, bytes: Uint8Array, start: number, end: number, hash: number): number {
    const mask = slots.length - 1;
    const tag = hash >>> referenceBits;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = slots[at];
      if (slot === 0) {
        this.#vacant = at;
        return 0;
      }
      const key = slot & referenceMask;
      if (slot >>> referenceBits === tag && this.#records.keyEquals(key, bytes, start, end)) return key;
    }
  }

  /** Makes more slots: as many as expected at first, then twice as many. */
  #grow(): void {
    while (this.#old.length > 0) this.#move();
    const expected = 2 ** Math.round(Math.log2(this.#records.arena.byteLength / arenaBytesPerSlot));
    this.#old = this.#slots;
    this.#nextToMove = headerWords;
    this.#slots = new Int32Array(Math.max(this.#old.length * 2, expected));
    this.#countMax = countMaxOf(this.#slots.length);
  }

  /** Moves the next few keys to the new slots. */
  #move(): void {
    const records = this.#records;
    let at = this.#nextToMove;
    let keys = 0;
    for (let looked = 0; looked < recordsPerMove && keys < keysPerMove && at < records.top; looked++) {
      if (records.kindAt(at) === recordKind.key) {
        this.#putAgain(at);
        keys++;
      }
      at = records.following(at);
    }
    this.#nextToMove = at;
    if (at >= records.top) this.#old = none;
  }

  #putAgain(key: number): void {
    const slots = this.#slots;
    const start = this.#records.keyStartAt(key);
    const hash = hash32(this.#records.bytes, start, start + this.#records.keyLengthAt(key));
    const slot = slotOf(hash, key);
    let at = hash & (slots.length - 1);
    // The keys added since growing are there already.
    while (slots[at] !== 0 && slots[at] !== slot) at = (at + 1) & (slots.length - 1);
    slots[at] = slot;
  }
}

function slotOf(hash: number, key: number): number {
  return ((hash >>> referenceBits) << referenceBits) | key;
}

function countMaxOf(slots: number): number {
  return Math.floor(slots * 0.7);
}
