/**
 * Finds a key's record by the key's hash: what point reads go through, and how `add` learns whether a key is new.
 * Open addressing with linear probing, one word a slot, so that a probe run lies in one or two cache lines. It stands
 * beside the arena, because only the thread that writes needs it.
 *
 *     slot   0                       empty
 *            tag << 25 | reference   tag: the top 7 bits of the hash, so that one miss in 128 looks at a record
 *
 * Invariants: at most 7 in 10 slots are taken; hashes are `hash32` of the key, because growing computes them again.
 */
import { hash32 } from '@coterie/bytes';
import { headerWords, recordKind, referenceBits } from './layout.ts';
import type { Records } from './records.ts';

const referenceMask = 2 ** referenceBits - 1;

/** Slots before the first growth, so that an arena for one great value costs next to nothing. */
const slotsAtFirst = 16;

/** Arena bytes for a slot at the first growth: entries of 116 bytes and their overhead then half fill the slots. */
const arenaBytesPerSlot = 64;

/** A hash table of the key records of one arena. */
export class HashIndex {
  readonly #records: Records;
  #slots: Int32Array = new Int32Array(0);
  #mask = 0;
  #countMax = 0;
  #count = 0;
  /** Where the last `find` that found nothing ended: the slot for `insert`. */
  #vacant = 0;

  constructor(records: Records) {
    this.#records = records;
    this.#allocate(slotsAtFirst);
  }

  /** Bytes held beside the arena. */
  get byteLength(): number {
    return this.#slots.byteLength;
  }

  /** Forgets every key. */
  clear(): void {
    if (this.#count > 0) this.#slots.fill(0);
    this.#count = 0;
  }

  /** The record of the key `bytes[start, end)`, or 0. `hash` is its `hash32`. */
  find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    const tag = hash >>> referenceBits;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = slots[at];
      if (slot === 0) {
        this.#vacant = at;
        return 0;
      }
      if (slot >>> referenceBits === tag && this.#records.keyEquals(slot & referenceMask, bytes, start, end)) return slot & referenceMask;
    }
  }

  /** Adds the key that the last `find` did not find, whose record is `key` by now. */
  insert(hash: number, key: number): void {
    this.#slots[this.#vacant] = ((hash >>> referenceBits) << referenceBits) | key;
    this.#count++;
    if (this.#count > this.#countMax) this.#grow();
  }

  #allocate(slots: number): void {
    this.#slots = new Int32Array(slots);
    this.#mask = slots - 1;
    this.#countMax = Math.floor(slots * 0.7);
  }

  /** Makes more slots: as many as expected at first, then twice as many. Walks the arena from its start: memory in order is read several times quicker than at random. */
  #grow(): void {
    const records = this.#records;
    const expected = 2 ** Math.round(Math.log2(records.arena.byteLength / arenaBytesPerSlot));
    this.#allocate(Math.max(this.#slots.length * 2, expected));
    for (let at = headerWords; at < records.top; at = records.following(at)) {
      if (records.kindAt(at) !== recordKind.key) continue;
      const start = records.keyStartAt(at);
      this.#put(hash32(records.bytes, start, start + records.keyLengthAt(at)), at);
    }
  }

  #put(hash: number, key: number): void {
    let at = hash & this.#mask;
    while (this.#slots[at] !== 0) at = (at + 1) & this.#mask;
    this.#slots[at] = ((hash >>> referenceBits) << referenceBits) | key;
  }
}
