/**
 * Many sorted cursors as one: a binary heap by entry order, in either direction. The current entry is the current
 * child's; nothing is copied. Ties in key are broken by sequence, so the newest entry of a key always comes first going
 * forward and last going back.
 *
 * One valid child, the case of a settled store, costs no comparison at all.
 */
import { compareRanges, type EntryCursor } from '@coterie/bytes';

/** A movable position over the union of its children. */
export class MergingCursor {
  readonly #children: readonly EntryCursor[];
  /** Valid children; the root is the current one. */
  readonly #heap: EntryCursor[] = [];
  #forward = true;

  constructor(children: readonly EntryCursor[]) {
    this.#children = children;
  }

  /** The child that stands on the current entry; `undefined` at the end. */
  get current(): EntryCursor | undefined {
    return this.#heap[0];
  }

  seekToFirst(): void {
    for (const child of this.#children) child.seekToFirst();
    this.#rebuild(true);
  }

  seekToLast(): void {
    for (const child of this.#children) child.seekToLast();
    this.#rebuild(false);
  }

  /** Moves to the first entry at or after `key`. */
  seek(key: Uint8Array): void {
    for (const child of this.#children) child.seek(key);
    this.#rebuild(true);
  }

  /** Moves to the last entry whose key sorts before `key`. */
  seekBefore(key: Uint8Array): void {
    for (const child of this.#children) child.seekBefore(key);
    this.#rebuild(false);
  }

  /** Forward after `seek` or `seekToFirst`, backward after the other two. */
  advance(): void {
    const root = this.#heap[0];
    if (this.#forward) root.next();
    else root.previous();
    if (!root.valid) this.#dropRoot();
    if (this.#heap.length > 1) this.#siftDown(0);
  }

  /** Gives up what the children pin. */
  release(): void {
    this.#heap.length = 0;
    for (const child of this.#children) child.release();
  }

  #rebuild(forward: boolean): void {
    this.#forward = forward;
    const heap = this.#heap;
    heap.length = 0;
    for (const child of this.#children) if (child.valid) heap.push(child);
    for (let i = (heap.length >>> 1) - 1; i >= 0; i--) this.#siftDown(i);
  }

  #dropRoot(): void {
    const last = this.#heap.pop() as EntryCursor;
    if (this.#heap.length > 0) this.#heap[0] = last;
  }

  #siftDown(start: number): void {
    const heap = this.#heap;
    const item = heap[start];
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1], heap[child])) child++;
      if (!this.#before(heap[child], item)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = item;
  }

  #before(a: EntryCursor, b: EntryCursor): boolean {
    const order = compareRanges(a.keyBytes, a.keyStart, a.keyEnd, b.keyBytes, b.keyStart, b.keyEnd);
    const position = order === 0 ? b.sequence - a.sequence : order;
    return this.#forward ? position < 0 : position > 0;
  }
}
