/**
 * Checked blocks in memory, under one budget of bytes. Blocks of up to `slotBytes` lie in a slab; longer ones apart, each
 * in bytes of its own.
 *
 * ```
 *  id      0 ───────────── slots │ slots ───────────── 2 × slots
 *          in the slab           │ apart
 *  table.slots[block] = id ≥ 0: cached · -1: not · ≤ -2: not, and when it was evicted (a ghost)
 * ```
 *
 * A table finds its blocks through an array of its own (`slots`), so a hit needs no map. What is counted is memory really
 * held: chunks of the slab and blocks apart. At least one slot exists, however small the budget.
 *
 * Invariants: `owner.slots[block] === id` for every cached block; pinned blocks neither move nor go.
 */
import type { BlockPlace } from './block-check.ts';
import type { BlockView } from './block-view.ts';
import { Replacement, usesMax } from './replacement.ts';
import { Slab } from './slab.ts';

/** Smallest slot: bounds the bookkeeping when blocks are tiny. */
const slotBytesMin = 512;
/** A block apart takes at most one part in so many of the budget. */
const apartShare = 2;
/** Ghost marks wrap here. */
const ghostClockMax: number = 2 ** 30;

/** Whose blocks are cached: for each block the cache's id for it, kept up to date by the cache. */
export interface BlockOwner {
  slots: Int32Array;
}

/** What the cache has done and holds. */
export interface BlockCacheStats {
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly blocks: number;
  /** Memory held, free slots included. */
  readonly usedBytes: number;
  readonly capacityBytes: number;
  /** Blocks that cursors stand on. */
  readonly pinned: number;
}

/** Shared by all tables of a store, or of several. */
export class BlockCache {
  readonly slab: Slab;
  readonly replacement: Replacement;
  /** Length of each cached block. */
  readonly lengths: Int32Array;
  readonly #budget: number;
  readonly #owners: (BlockOwner | undefined)[] = [];
  readonly #ownerBlocks: Int32Array;
  /** Blocks apart, by id - slots. */
  readonly #apart: (Uint8Array | undefined)[] = [];
  readonly #freeApart: number[] = [];
  #apartBytes = 0;
  #ghostClock = 0;
  #blocks = 0;
  #pinned = 0;
  #evictions = 0;
  /** Reads that found their block here, or did not. */
  hits = 0;
  misses = 0;

  constructor(options: { readonly bytes: number; readonly slotBytes: number }) {
    const slotBytes = Math.max(options.slotBytes, slotBytesMin);
    const slots = Math.max(1, Math.floor(options.bytes / slotBytes));
    this.#budget = Math.max(options.bytes, slotBytes);
    this.slab = new Slab(slots, slotBytes);
    this.replacement = new Replacement(slots * 2, this.#budget);
    this.lengths = new Int32Array(slots * 2);
    this.#ownerBlocks = new Int32Array(slots * 2);
  }

  get stats(): BlockCacheStats {
    const { hits, misses } = this;
    const usedBytes = this.slab.allocatedBytes + this.#apartBytes;
    return { hits, misses, evictions: this.#evictions, blocks: this.#blocks, usedBytes, capacityBytes: this.#budget, pinned: this.#pinned };
  }

  /** Counts a hit on a cached block and shows it to `view`. */
  show(id: number, view: BlockView): void {
    this.hits++;
    const uses = this.replacement.uses;
    const used = uses[id];
    if (used < usesMax) uses[id] = used + 1;
    this.open(id, view);
  }

  /** Shows a cached block to `view`. */
  open(id: number, view: BlockView): void {
    const slab = this.slab;
    if (id < slab.slots) {
      const start = (id & slab.slotMask) * slab.slotBytes;
      view.open(slab.chunks[id >>> slab.chunkShift], start, start + this.lengths[id]);
    } else {
      const bytes = this.#apart[id - slab.slots] as Uint8Array;
      view.open(bytes, 0, bytes.length);
    }
  }

  /** A copy of a cached block. */
  copyOf(id: number): BlockPlace {
    const { slots, slotMask, slotBytes, chunks, chunkShift } = this.slab;
    const length = this.lengths[id];
    if (id >= slots) return { bytes: (this.#apart[id - slots] as Uint8Array).slice(), start: 0, end: length };
    const start = (id & slotMask) * slotBytes;
    return { bytes: chunks[id >>> chunkShift].slice(start, start + length), start: 0, end: length };
  }

  /** Copies a checked block into the cache; returns its id, or -1 when there is no room because everything is pinned, or it is too long. */
  insert(owner: BlockOwner, block: number, place: BlockPlace): number {
    const length = place.end - place.start;
    const id = length <= this.slab.slotBytes ? this.#takeSlot() : this.#takeApart(length);
    if (id < 0) return -1;
    const isInSlab = id < this.slab.slots;
    const view = place.bytes.subarray(place.start, place.end);
    if (isInSlab) this.slab.chunks[id >>> this.slab.chunkShift].set(view, (id & this.slab.slotMask) * this.slab.slotBytes);
    else this.#apart[id - this.slab.slots] = view.slice();
    this.lengths[id] = length;
    this.#owners[id] = owner;
    this.#ownerBlocks[id] = block;
    this.replacement.add(id, isInSlab ? this.slab.slotBytes : length, { seenBefore: this.#isGhost(owner.slots[block]) });
    owner.slots[block] = id;
    this.#blocks++;
    return id;
  }

  /** Keeps a cached block where it is until `unpin`. */
  pin(id: number): void {
    if (this.replacement.pins[id]++ === 0) this.#pinned++;
  }

  unpin(id: number): void {
    if (--this.replacement.pins[id] > 0) return;
    this.#pinned--;
    if (this.#owners[id] === undefined) this.#free(id);
  }

  /** Drops all blocks of a table; those that are pinned when they no longer are. */
  dropAll(owner: BlockOwner): void {
    for (const [block, id] of owner.slots.entries()) {
      if (id < 0) continue;
      owner.slots[block] = -1;
      this.replacement.remove(id);
      this.#owners[id] = undefined;
      this.#blocks--;
      if (this.replacement.pins[id] === 0) this.#free(id);
    }
  }

  #takeSlot(): number {
    for (;;) {
      const id = this.slab.take();
      if (id >= 0) return id;
      const isGrown = this.slab.grow(this.#budget - this.slab.allocatedBytes - this.#apartBytes);
      if (!isGrown && this.#evictOne() < 0) return -1;
    }
  }

  #takeApart(length: number): number {
    if (length > this.#budget / apartShare) return -1;
    while (this.slab.allocatedBytes + this.#apartBytes + length > this.#budget) {
      const victim = this.#evictOne();
      if (victim < 0) return -1;
      if (victim < this.slab.slots) this.#dropChunk(victim >>> this.slab.chunkShift);
    }
    const index = this.#freeApart.pop() ?? this.#apart.length;
    if (index >= this.slab.slots) return -1;
    this.#apartBytes += length;
    return this.slab.slots + index;
  }

  /** Evicts the block that should go next; its id, or -1 if none can. */
  #evictOne(): number {
    const id = this.replacement.victim();
    if (id >= 0) this.#evict(id);
    return id;
  }

  /** Forgets a block that is in no queue any more, leaving a ghost. */
  #evict(id: number): void {
    const owner = this.#owners[id] as BlockOwner;
    this.#ghostClock = (this.#ghostClock + 1) % ghostClockMax;
    owner.slots[this.#ownerBlocks[id]] = -2 - this.#ghostClock;
    this.#evictions++;
    this.#blocks--;
    this.#free(id);
  }

  /** A ghost is remembered for as many evictions as there are blocks in the cache. */
  #isGhost(slot: number): boolean {
    if (slot > -2) return false;
    const age = (this.#ghostClock - (-2 - slot) + ghostClockMax) % ghostClockMax;
    return age <= this.#blocks;
  }

  /** Gives a whole chunk back, evicting its blocks, unless one is pinned. */
  #dropChunk(chunk: number): void {
    const { first, end } = this.slab.slotsOf(chunk);
    for (let id = first; id < end; id++) if (this.replacement.pins[id] > 0) return;
    for (let id = first; id < end; id++) {
      if (this.#owners[id] === undefined) continue;
      this.replacement.remove(id);
      this.#evict(id);
    }
    this.slab.drop(chunk);
  }

  #free(id: number): void {
    this.#owners[id] = undefined;
    if (id < this.slab.slots) {
      this.slab.free(id);
      return;
    }
    const index = id - this.slab.slots;
    this.#apartBytes -= this.lengths[id];
    this.#apart[index] = undefined;
    this.#freeApart.push(index);
  }
}
