/**
 * From records of the commit log to entries of the active memtable: on the way of a write, and when the log is replayed.
 * Keys that are left unread are added loose, which a flush puts in order; replayed they are like all others.
 */
import { compareRanges, hash32 } from '@coterie/bytes';
import { type EntryFields, Memtable } from '@coterie/memtable';
import { type Operation, operationType, readOperation } from './record.ts';
import type { StoreState } from './store-state.ts';

/** Keys in [from, to). */
export interface KeyRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

/** Puts records of the log into the active memtable: on the way of a write, and when the log is replayed. */
export class Applier {
  readonly #state: StoreState;
  readonly #operation: Operation = { type: 0, keyStart: 0, keyEnd: 0, valueStart: 0, valueEnd: 0 };
  readonly #entry: EntryFields = {
    keyBytes: new Uint8Array(0),
    keyStart: 0,
    keyEnd: 0,
    keyHash: 0,
    sequence: 0,
    type: 0,
    valueBytes: new Uint8Array(0),
    valueStart: 0,
    valueEnd: 0,
  };

  /** Keys that nobody reads from memory: their entries need not be found there. */
  unread: KeyRange | undefined;

  constructor(state: StoreState) {
    this.#state = state;
  }

  /** Applies the record `bytes[start, end)`; its operations take sequences from `firstSequence` on. */
  apply(bytes: Uint8Array, start: number, end: number, firstSequence: number): void {
    const operation = this.#operation;
    const memtable = this.#state.active.memtable;
    let sequence = firstSequence;
    for (let at = start; at < end; sequence++) {
      at = readOperation(bytes, at, end, operation);
      if (operation.type === operationType.rangeDelete) {
        memtable.addRangeDelete({
          from: bytes.slice(operation.keyStart, operation.keyEnd),
          to: bytes.slice(operation.valueStart, operation.valueEnd),
          sequence,
        });
      } else this.#add(memtable, bytes, sequence);
    }
  }

  /** The same for a record read back from the log: freezes memtables as they fill, however many. */
  replay(bytes: Uint8Array, start: number, end: number, firstSequence: number): void {
    const needed = this.#bytesNeeded(bytes, start, end);
    const { memtable } = this.#state.active;
    if (!memtable.fits(needed)) {
      if (isEmpty(memtable)) this.#state.replaceActive(needed);
      else this.#state.freeze(needed);
    }
    this.apply(bytes, start, end, firstSequence);
  }

  /** Memtable bytes that the record needs at most. */
  #bytesNeeded(bytes: Uint8Array, start: number, end: number): number {
    const operation = this.#operation;
    let needed = 0;
    for (let at = start; at < end; ) {
      at = readOperation(bytes, at, end, operation);
      const first = operation.keyEnd - operation.keyStart;
      const second = operation.valueEnd - operation.valueStart;
      needed +=
        operation.type === operationType.rangeDelete ? Memtable.rangeDeleteBytesMax(first, second) : Memtable.entryBytesMax(first, second);
    }
    return needed;
  }

  #add(memtable: Memtable, bytes: Uint8Array, sequence: number): void {
    const { keyStart, keyEnd, valueStart, valueEnd, type } = this.#operation;
    const entry = this.#entry;
    entry.keyBytes = bytes;
    entry.keyStart = keyStart;
    entry.keyEnd = keyEnd;
    entry.sequence = sequence;
    entry.type = type;
    entry.valueBytes = bytes;
    entry.valueStart = valueStart;
    entry.valueEnd = valueEnd;
    if (this.unread !== undefined && isIn(this.unread, entry)) return memtable.addLoose(entry);
    entry.keyHash = hash32(bytes, keyStart, keyEnd);
    memtable.add(entry);
  }
}

function isIn({ from, to }: KeyRange, { keyBytes, keyStart, keyEnd }: EntryFields): boolean {
  return (
    compareRanges(keyBytes, keyStart, keyEnd, to, 0, to.length) < 0 && compareRanges(keyBytes, keyStart, keyEnd, from, 0, from.length) >= 0
  );
}

/** Whether nothing was added to it. */
export function isEmpty(memtable: Memtable): boolean {
  return memtable.entries === 0 && memtable.rangeDeletes.length === 0;
}
