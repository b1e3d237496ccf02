/**
 * The arenas of a store's memtables: a fixed pool, because V8 does not see the size of a SharedArrayBuffer and dropped
 * ones would cost gigabytes. An arena goes back when its memtable is flushed and no reader stands on it.
 *
 * ```
 *  pool ──take──▶ active ──freeze──▶ frozen ──retire (flush installed)──▶ pool, once pins are 0
 * ```
 * A batch larger than an arena gets one of its own size, which is dropped afterwards.
 */
import { Memtable } from '@coterie/memtable';
import { RangeDeleteIndex } from './range-deletes.ts';

/** A memtable with what readers of it need. */
export class MemtableSlot {
  readonly memtable: Memtable;
  readonly rangeDeletes: RangeDeleteIndex;
  /** Readers that stand on it. */
  pins = 0;
  retired = false;

  constructor(memtable: Memtable) {
    this.memtable = memtable;
    this.rangeDeletes = new RangeDeleteIndex(memtable.rangeDeletes);
  }
}

/** Spare arenas that are kept: active, two frozen and one being handed over. */
const poolMax = 4;

/** Hands out memtables. */
export class ArenaPool {
  readonly arenaBytes: number;
  readonly #spare: Memtable[] = [];

  constructor(arenaBytes: number) {
    this.arenaBytes = arenaBytes;
  }

  /** An empty memtable with room for `bytesNeeded`. */
  take(bytesNeeded: number): MemtableSlot {
    const empty = this.#spare.pop();
    if (empty !== undefined && empty.fits(bytesNeeded)) return new MemtableSlot(empty);
    if (empty !== undefined) this.#spare.push(empty);
    const usual = new SharedArrayBuffer(Math.max(this.arenaBytes, Memtable.arenaBytesFor(1, 0)));
    const memtable = new Memtable(usual);
    if (memtable.fits(bytesNeeded)) return new MemtableSlot(memtable);
    return new MemtableSlot(new Memtable(new SharedArrayBuffer(Memtable.arenaBytesFor(0, bytesNeeded))));
  }

  /** Says that a slot's memtable is flushed: its arena is used again as soon as nobody reads it. */
  retire(slot: MemtableSlot): void {
    slot.retired = true;
    if (slot.pins === 0) this.#reuse(slot);
  }

  /** Ends one reader's stay. */
  unpin(slot: MemtableSlot): void {
    slot.pins--;
    if (slot.retired && slot.pins === 0) this.#reuse(slot);
  }

  #reuse(slot: MemtableSlot): void {
    if (slot.memtable.arena.byteLength > this.arenaBytes || this.#spare.length >= poolMax) return;
    slot.memtable.reset();
    this.#spare.push(slot.memtable);
  }
}
