/**
 * A cursor over one table. It is a block view that moves from block to block, with the current key in bytes of its own.
 *
 * ```
 *  block b ──next──▶ block b + 1: from the cache (pinned) · the hold · the span read ahead · the file, or BlockMissing
 * ```
 *
 * A block is acquired before the one it stands on is let go, so after `BlockMissing` from `next` or `previous` the cursor
 * is where it was, and the move can be tried again; a seek is simply repeated. After any other error it is invalid.
 *
 * Invariants: while it stands on a cached block, that block is pinned once; going forward within a block, the leading
 * `shared` bytes of the key need no copying, because what rows share with row 0 never grows.
 */
import { type EntryCursor, maxSequence } from '@coterie/bytes';
import type { BlockPlace } from './block-check.ts';
import { Span } from './block-reader.ts';
import { tailFixedBytes } from './block-writer.ts';
import { BlockView } from './block-view.ts';
import type { Access, BlockHold } from './lookup.ts';
import type { Table } from './table.ts';

/** How a cursor gets at blocks. */
export interface CursorOptions {
  readonly access: Access;
  /** Blocks to look into besides the cache. */
  readonly hold?: BlockHold | undefined;
  /** Whether blocks that it reads go into the cache; by default true. False for scans that should leave the cache alone. */
  readonly fillCache?: boolean | undefined;
  /** How much to read at once when a block is not in memory; by default one block. */
  readonly readAheadBytes?: number | undefined;
  /**
   * Whether each block it stands on is copied for good, so that views of values may be kept: a copy of a block costs less
   * than a copy of each of its values (10 against 100 ns an entry of 100 bytes). By default false.
   */
  readonly ownBlocks?: boolean | undefined;
}

/** Copied blocks are cut from chunks of this size, which live as long as any view of them. */
const ownChunkBytes: number = 64 * 1024;

const none = -1;

/** A position in a table. Release it, or the block it stands on stays in the cache. */
export class TableCursor extends BlockView implements EntryCursor {
  valid = false;
  keyBytes: Uint8Array = new Uint8Array(64);
  keyStart = 0;
  keyEnd = 0;
  /** Whether nobody ever writes to `valueBytes` again. */
  ownsValue = false;
  #table!: Table;
  #access: Access = 'read';
  #hold: BlockHold | undefined;
  #fillCache = true;
  #readAheadBytes = 0;
  /** The block it stands on, and its id in the cache if it is pinned there. */
  #block = none;
  #pinned = none;
  #row = 0;
  #span: Span | undefined;
  #chunk: Uint8Array = new Uint8Array(0);
  #chunkUsed = 0;

  /** Makes it a cursor over `table`. */
  attach(table: Table, { access, hold, fillCache = true, readAheadBytes = 0, ownBlocks = false }: CursorOptions): void {
    if (this.#block !== none) this.release();
    if (this.#table !== table) this.#span?.reset(0);
    this.#table = table;
    this.#access = access;
    this.#hold = hold;
    this.#fillCache = fillCache;
    this.#readAheadBytes = readAheadBytes;
    this.ownsValue = ownBlocks;
  }

  seekToFirst(): void {
    this.valid = false;
    if (this.#table.index.blocks === 0) return;
    this.#enter(0);
    this.#showRow(0);
  }

  seekToLast(): void {
    this.valid = false;
    const blocks = this.#table.index.blocks;
    if (blocks === 0) return;
    this.#enter(blocks - 1);
    this.#showRow(this.rows - 1);
  }

  seek(key: Uint8Array, sequence: number = maxSequence): void {
    this.valid = false;
    const index = this.#table.index;
    if (index.blocks === 0) return;
    for (let block = index.firstBlockOf(key); block < index.blocks; block++) {
      this.#enter(block);
      const row = this.lowerBound(key, sequence);
      if (row < this.rows) return this.#showRow(row);
    }
  }

  seekBefore(key: Uint8Array): void {
    this.valid = false;
    const index = this.#table.index;
    if (index.blocks === 0) return;
    const block = index.firstBlockOf(key);
    this.#enter(block);
    const row = this.lowerBound(key, maxSequence);
    if (row > 0) return this.#showRow(row - 1);
    if (block === 0) return;
    this.#enter(block - 1);
    this.#showRow(this.rows - 1);
  }

  next(): void {
    if (!this.valid) return;
    if (this.#row + 1 < this.rows) {
      this.#row++;
      this.readAt(this.valueEnd);
      this.#copySuffix();
    } else if (this.#block + 1 < this.#table.index.blocks) {
      this.#enter(this.#block + 1);
      this.#showRow(0);
    } else {
      this.valid = false;
    }
  }

  previous(): void {
    if (!this.valid) return;
    if (this.#row > 0) {
      this.#showRow(this.#row - 1);
    } else if (this.#block > 0) {
      this.#enter(this.#block - 1);
      this.#showRow(this.rows - 1);
    } else {
      this.valid = false;
    }
  }

  release(): void {
    this.valid = false;
    if (this.#pinned !== none) this.#table.blocks.unpin(this.#pinned);
    this.#pinned = none;
    this.#block = none;
  }

  /** Reads row `row` and puts its whole key together. */
  #showRow(row: number): void {
    this.read(row);
    this.#row = row;
    const shared = this.shared;
    if (shared > this.keyBytes.length) this.#growKey(shared, 0);
    const { keyBytes, valueBytes, firstStart } = this;
    for (let i = 0; i < shared; i++) keyBytes[i] = valueBytes[firstStart + i];
    this.#copySuffix();
    this.valid = true;
  }

  #copySuffix(): void {
    const { shared, suffixStart } = this;
    const length = this.suffixEnd - suffixStart;
    const keyEnd = shared + length;
    if (keyEnd > this.keyBytes.length) this.#growKey(keyEnd, shared);
    const keyBytes = this.keyBytes;
    const valueBytes = this.valueBytes;
    for (let i = 0; i < length; i++) keyBytes[shared + i] = valueBytes[suffixStart + i];
    this.keyEnd = keyEnd;
  }

  #growKey(length: number, kept: number): void {
    const grown = new Uint8Array(Math.max(length, this.keyBytes.length * 2));
    grown.set(this.keyBytes.subarray(0, kept));
    this.keyBytes = grown;
  }

  /** Stands on `block`; the row is yet to be read. If it throws `BlockMissing`, nothing has changed. */
  #enter(block: number): void {
    if (block === this.#block) return;
    const { slots, blocks } = this.#table;
    const id = slots[block];
    if (id < 0) return this.#enterMissing(block);
    blocks.pin(id);
    this.#leave();
    blocks.show(id, this);
    this.#pinned = id;
    this.#block = block;
    if (this.ownsValue) this.#ownBlock();
  }

  /** Stands on a block that is not in the cache: there is one now, or the cursor looks at bytes of its own. */
  #enterMissing(block: number): void {
    const table = this.#table;
    const place = this.#acquire(block);
    const id = this.#fillCache ? table.cache(block, place) : none;
    if (id >= 0) table.blocks.pin(id);
    this.#leave();
    if (id >= 0) table.blocks.open(id, this);
    else this.open(place.bytes, place.start, place.end);
    this.#pinned = id;
    this.#block = block;
    if (this.ownsValue) this.#ownBlock();
  }

  /** Moves over to a copy of the block; the original need not be pinned any more. */
  #ownBlock(): void {
    const { valueBytes, blockStart } = this;
    const length = this.firstEnd + tailFixedBytes - blockStart;
    if (this.#chunkUsed + length > this.#chunk.length) {
      // Chunks double: a short scan over many tables should not pay for a long one.
      this.#chunk = new Uint8Array(Math.max(length, Math.min(ownChunkBytes, Math.max(4 * length, 2 * this.#chunk.length))));
      this.#chunkUsed = 0;
    }
    const at = this.#chunkUsed;
    this.#chunkUsed = at + length;
    this.#chunk.set(new Uint8Array(valueBytes.buffer, valueBytes.byteOffset + blockStart, length), at);
    this.open(this.#chunk, at, at + length);
    this.#leave();
  }

  #leave(): void {
    if (this.#pinned !== none) this.#table.blocks.unpin(this.#pinned);
    this.#pinned = none;
  }

  /** A block that is not in the cache. */
  #acquire(block: number): BlockPlace {
    const table = this.#table;
    table.blocks.misses++;
    const held = this.#hold?.get(table, block);
    if (held !== undefined) return held;
    if (this.#access === 'cached') throw table.missing(block, this.#readAheadBytes);
    this.#span ??= new Span();
    if (!this.#span.has(block)) this.#readSpan(this.#span, block);
    return table.reader.decode(this.#span, block);
  }

  /** Reads ahead in the direction of travel. */
  #readSpan(span: Span, block: number): void {
    const { reader } = this.#table;
    const isBackward = this.#block === block + 1;
    const first = isBackward ? reader.runStart(block, this.#readAheadBytes) : block;
    const end = isBackward ? block + 1 : reader.runEnd(block, this.#readAheadBytes);
    // The bytes that it stands on, unless pinned, may be the span's: if the read fails, there is no way back.
    if (this.#pinned === none) this.#standNowhere();
    reader.readSync(span, first, end);
  }

  #standNowhere(): void {
    this.valid = false;
    this.#block = none;
  }
}
