/**
 * A position in entry order: keys ascending, and of one key the newest version first. The key comes from the order of
 * keys, the version from the key's chain.
 *
 * Invariants: while `valid`, `#place.key` is the current key's record and `#version` one of its versions. Records do not
 * move, so the position survives any number of adds; entries added behind it are met or not as their place has it.
 */
import { maxSequence, type EntryCursor } from '@coterie/bytes';
import { noPlace, type KeyOrder, type KeyPlace } from './key-order.ts';
import type { Records } from './records.ts';
import { newerVersion, versionAt } from './versions.ts';

/** Moves over the entries of a memtable. A move from where there is no entry does nothing. */
export class MemtableCursor implements EntryCursor {
  valid = false;
  keyBytes: Uint8Array;
  keyStart = 0;
  keyEnd = 0;
  sequence = 0;
  type = 0;
  valueBytes: Uint8Array;
  valueStart = 0;
  valueEnd = 0;
  readonly #records: Records;
  readonly #order: KeyOrder;
  readonly #place: KeyPlace = noPlace();
  #version = 0;

  constructor(records: Records, order: KeyOrder) {
    this.#records = records;
    this.#order = order;
    this.keyBytes = records.bytes;
    this.valueBytes = records.bytes;
  }

  seekToFirst(): void {
    this.#order.first(this.#place);
    this.#showNewest();
  }

  seekToLast(): void {
    this.#order.last(this.#place);
    this.#showOldest();
  }

  seek(key: Uint8Array, sequence: number = maxSequence): void {
    this.#order.seek(this.#place, key);
    const found = this.#place.key;
    if (sequence < maxSequence && found !== 0 && this.#records.compareKey(key, 0, key.length, found, 0) === 0) {
      const version = versionAt(this.#records, found, sequence);
      if (version !== 0) {
        this.#show(version);
        return;
      }
      this.#order.next(this.#place);
    }
    this.#showNewest();
  }

  seekBefore(key: Uint8Array): void {
    this.#order.seekBefore(this.#place, key);
    this.#showOldest();
  }

  next(): void {
    if (!this.valid) return;
    if (this.#version !== this.#place.key) {
      this.#show(this.#records.linkAt(this.#version));
      return;
    }
    this.#order.next(this.#place);
    this.#showNewest();
  }

  previous(): void {
    if (!this.valid) return;
    const newer = newerVersion(this.#records, this.#place.key, this.#version);
    if (newer !== 0) {
      this.#show(newer);
      return;
    }
    this.#order.previous(this.#place);
    this.#showOldest();
  }

  release(): void {
    this.valid = false;
  }

  #showNewest(): void {
    const key = this.#place.key;
    this.#show(key === 0 ? 0 : this.#records.linkAt(key));
  }

  /** A key's record is its oldest version. */
  #showOldest(): void {
    this.#show(this.#place.key);
  }

  #show(version: number): void {
    this.valid = version !== 0;
    if (version === 0) return;
    const records = this.#records;
    const key = this.#place.key;
    this.#version = version;
    this.keyStart = records.keyStartAt(key);
    this.keyEnd = this.keyStart + records.keyLengthAt(key);
    this.sequence = records.sequenceAt(version);
    this.type = records.typeAt(version);
    this.valueStart = records.bodyStartAt(version);
    this.valueEnd = this.valueStart + records.bodyLengthAt(version);
  }
}
