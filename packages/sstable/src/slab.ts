/**
 * Memory for blocks: slots of one size in chunks that are allocated when first needed and can be given back. Slot `id`
 * lies at `(id & slotMask) * slotBytes` of `chunks[id >> chunkShift]`.
 *
 * Invariant: a free slot of an allocated chunk is in the free list; slots of chunks that are not allocated are not.
 */

/**
 * A chunk is at most so long, and one part in so many of all slots, so that memory is taken and given back little by
 * little. Not shorter, so that a system with huge pages can use them: lookups then take a tenth to a fifth less.
 */
const chunkBytesMax = 4 * 1024 * 1024;
const chunksMin = 16;

const noBytes = new Uint8Array(0);

/** Slots in chunks. */
export class Slab {
  readonly slotBytes: number;
  /** Number of slots that there can be. */
  readonly slots: number;
  readonly chunkShift: number;
  readonly slotMask: number;
  /** Empty arrays stand for chunks that are not allocated. */
  readonly chunks: Uint8Array[];
  /** Bytes of allocated chunks. */
  allocatedBytes = 0;
  #free: number[] = [];

  constructor(slots: number, slotBytes: number) {
    this.slots = slots;
    this.slotBytes = slotBytes;
    let shift = 0;
    while (slotBytes * 2 ** (shift + 1) <= chunkBytesMax && 2 ** (shift + 1) * chunksMin <= slots) shift++;
    this.chunkShift = shift;
    this.slotMask = 2 ** shift - 1;
    this.chunks = new Array<Uint8Array>(Math.ceil(slots / 2 ** shift)).fill(noBytes);
  }

  /** A free slot of an allocated chunk, now taken; -1 if there is none. */
  take(): number {
    return this.#free.pop() ?? -1;
  }

  /** Gives a taken slot back. */
  free(id: number): void {
    this.#free.push(id);
  }

  /** Allocates one more chunk if that takes at most `bytesLeft`; whether it did. */
  grow(bytesLeft: number): boolean {
    const chunk = this.chunks.indexOf(noBytes);
    if (chunk < 0) return false;
    const { first, end } = this.slotsOf(chunk);
    const bytes = (end - first) * this.slotBytes;
    if (bytes > bytesLeft) return false;
    this.chunks[chunk] = new Uint8Array(bytes);
    this.allocatedBytes += bytes;
    // The list is taken from its end: ascending, so that blocks that are read together lie side by side.
    for (let id = end - 1; id >= first; id--) this.#free.push(id);
    return true;
  }

  /** Gives the memory of a chunk back, whose slots are all free. */
  drop(chunk: number): void {
    const { first, end } = this.slotsOf(chunk);
    this.#free = this.#free.filter((id) => id < first || id >= end);
    this.allocatedBytes -= this.chunks[chunk].length;
    this.chunks[chunk] = noBytes;
  }

  /** The slots [first, end) of a chunk. */
  slotsOf(chunk: number): { first: number; end: number } {
    const first = chunk << this.chunkShift;
    return { first, end: Math.min(first + this.slotMask + 1, this.slots) };
  }
}
