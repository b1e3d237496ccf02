/**
 * Reads stored blocks of one table from its file, singly or a run of neighbours at once, and checks them.
 *
 * A `Span` is a run of stored blocks in memory; blocks are decoded out of it one by one. Async loads share spans: one read
 * per block, however many wait for it.
 */
import { isCoterieError } from '@coterie/env';
import { type BlockPlace, decodeBlock } from './block-check.ts';
import type { BlockIndex } from './block-index.ts';
import { corruption, type Sealer } from './format.ts';
import type { HandleCache } from './handle-cache.ts';
import { readAgain } from './unreadable.ts';

/** Stored bytes of the blocks [first, end). */
export class Span {
  bytes: Uint8Array = new Uint8Array(0);
  first = 0;
  end = 0;

  has(block: number): boolean {
    return block >= this.first && block < this.end;
  }

  /** Makes it empty, with room for `length` bytes. */
  reset(length: number): void {
    this.end = this.first;
    if (this.bytes.length < length) this.bytes = new Uint8Array(length);
  }
}

/** What a reader reads. */
export interface BlockSource {
  readonly handles: HandleCache;
  readonly path: string;
  readonly index: BlockIndex;
  readonly sealer: Sealer;
}

/** The file side of a table. */
export class BlockReader {
  readonly #source: BlockSource;
  /** Loads under way, by block. */
  readonly #loading = new Map<number, Promise<Span>>();

  constructor(source: BlockSource) {
    this.#source = source;
  }

  /** The block after the last one of a run from `first` that is at most `bytes` long, but at least one block. */
  runEnd(first: number, bytes: number): number {
    const { offsets, blocks } = this.#source.index;
    let end = first + 1;
    while (end < blocks && offsets[end + 1] - offsets[first] <= bytes) end++;
    return end;
  }

  /** The first block of a run that ends after block `last` and is at most `bytes` long. */
  runStart(last: number, bytes: number): number {
    const { offsets } = this.#source.index;
    let first = last;
    while (first > 0 && offsets[last + 1] - offsets[first - 1] <= bytes) first--;
    return first;
  }

  /** Reads the stored blocks [first, end) into `span`. @throws CoterieError `DISK_IO`, `CORRUPTION` */
  readSync(span: Span, first: number, end: number): void {
    const { handles, path, index } = this.#source;
    const offset = index.offsets[first];
    const length = index.offsets[end] - offset;
    span.reset(length);
    const file = handles.acquireSync(path);
    try {
      this.#checkLength(file.handle.readSync(span.bytes, 0, length, offset), length, offset);
    } finally {
      handles.release(file);
    }
    span.first = first;
    span.end = end;
  }

  /** Reads one stored block, more than once if need be. @throws CoterieError `CORRUPTION` also when the disk cannot read it */
  *readStubbornly(span: Span, block: number): Generator<void, void> {
    const done = yield* readAgain(() => {
      this.readSync(span, block, block + 1);
      return true;
    });
    if (done === undefined) throw corruption(this.#source.path, this.#source.index.offsets[block], 'the disk cannot read it');
  }

  /** A span that holds `block` and what follows it, at most `bytes` long; a read under way is shared. */
  load(block: number, bytes: number): Promise<Span> {
    const underWay = this.#loading.get(block);
    if (underWay !== undefined) return underWay;
    let end = this.runEnd(block, bytes);
    for (let next = block + 1; next < end; next++) if (this.#loading.has(next)) end = next;
    const loading = this.#read(block, end);
    for (let next = block; next < end; next++) this.#loading.set(next, loading);
    return loading;
  }

  /** A checked block out of a span that has it. @throws CoterieError `CORRUPTION`, `UNSUPPORTED_FORMAT` */
  decode(span: Span, block: number): BlockPlace {
    const { path, index, sealer } = this.#source;
    const { offsets } = index;
    const base = offsets[span.first];
    const offset = offsets[block];
    const place = decodeBlock(sealer, { file: path, bytes: span.bytes, start: offset - base, end: offsets[block + 1] - base, offset });
    if (typeof place === 'string') throw corruption(path, offset, place);
    return place;
  }

  /** The same, or undefined if the block cannot be read: for blocks that nobody has asked for yet. */
  tryDecode(span: Span, block: number): BlockPlace | undefined {
    try {
      return this.decode(span, block);
    } catch (error) {
      if (isCoterieError(error)) return undefined;
      throw error;
    }
  }

  async #read(first: number, end: number): Promise<Span> {
    const { handles, path, index } = this.#source;
    const offset = index.offsets[first];
    const length = index.offsets[end] - offset;
    try {
      const file = await handles.acquire(path);
      try {
        const span = new Span();
        span.reset(length);
        this.#checkLength(await file.handle.read(span.bytes, 0, length, offset), length, offset);
        span.first = first;
        span.end = end;
        return span;
      } finally {
        handles.release(file);
      }
    } finally {
      for (let block = first; block < end; block++) this.#loading.delete(block);
    }
  }

  #checkLength(got: number, wanted: number, offset: number): void {
    if (got !== wanted) throw corruption(this.#source.path, offset + got, 'the file ends too early');
  }
}
