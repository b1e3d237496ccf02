/**
 * An open table: point reads, cursors, loads. Filter, index and range deletes are in memory; blocks come through the
 * cache; the file is opened for the time of a read.
 *
 * ```
 *  find: filter ─no─▶ false
 *          └─▶ index ─▶ block ─▶ slots[block] ≥ 0 ─▶ tags ─▶ row
 *                                     └─ -1: hold · read (sync) · throw BlockMissing (cached)
 * ```
 *
 * All methods belong to one thread. A cached lookup allocates nothing.
 */
import type { RangeDelete } from '@coterie/bytes';
import { type BlockCache } from './block-cache.ts';
import { type BlockPlace } from './block-check.ts';
import type { BlockIndex } from './block-index.ts';
import { BlockReader, Span } from './block-reader.ts';
import { BlockView } from './block-view.ts';
import { type CursorOptions, TableCursor } from './cursor.ts';
import type { Filter } from './filter.ts';
import type { HandleCache } from './handle-cache.ts';
import { type BlockHold, blockMissing, type Lookup } from './lookup.ts';
import type { TableProperties } from './properties.ts';
import { readParts, readPartsSync, type TableContext, type TableParts } from './table-parts.ts';
import { type Verified, verifyTable } from './verify.ts';

/** A table. */
export class Table {
  readonly path: string;
  readonly properties: TableProperties;
  /** By start, then newest first. */
  readonly rangeDeletes: readonly RangeDelete[];
  /** Bytes of filter and index, which the block cache does not count. */
  readonly memoryBytes: number;
  /** For each block the cache's id; negative if it is not cached. The cache writes it. */
  slots: Int32Array;
  /** For this package's own parts. */
  readonly index: BlockIndex;
  readonly blocks: BlockCache;
  readonly reader: BlockReader;
  readonly parts: TableParts;
  readonly #handles: HandleCache;
  readonly #filter: Filter;
  readonly #view = new BlockView();
  #retired = false;

  /** Opens the table at `path` off the main thread. @throws CoterieError `CORRUPTION`, `UNSUPPORTED_FORMAT`, `DISK_IO` */
  static async open(context: TableContext, path: string): Promise<Table> {
    return new Table(context, await readParts(context, path));
  }

  /** Opens the table at `path`. @throws CoterieError as `open` */
  static openSync(context: TableContext, path: string): Table {
    return new Table(context, readPartsSync(context, path));
  }

  private constructor({ handles, blocks }: TableContext, parts: TableParts) {
    const { path, properties, rangeDeletes, index, sealer, filter, memoryBytes } = parts;
    this.path = path;
    this.properties = properties;
    this.rangeDeletes = rangeDeletes;
    this.memoryBytes = memoryBytes;
    this.slots = new Int32Array(index.blocks).fill(-1);
    this.index = index;
    this.blocks = blocks;
    this.reader = new BlockReader({ handles, path, index, sealer });
    this.parts = parts;
    this.#handles = handles;
    this.#filter = filter;
  }

  /** Whether the filter allows a key with this hash: false means that no entry has it. */
  mayContain(keyHash: number): boolean {
    return this.index.blocks > 0 && this.#filter.mayContain(keyHash);
  }

  /**
   * Fills the answer of `lookup` with the newest entry of its key (put or tombstone) not above `maxSequence`; false if
   * there is none. Range deletes are the caller's.
   * @throws BlockMissing if `access` is `cached` and the block is not in memory
   * @throws CoterieError `CORRUPTION`, `DISK_IO`
   */
  find(lookup: Lookup): boolean {
    if (!this.#filter.mayContain(lookup.keyHash)) return false;
    const index = this.index;
    if (index.anyContinued) return this.#findContinued(lookup);
    return index.blocks > 0 && this.#findIn(index.blockOf(lookup.key), lookup);
  }

  /**
   * Brings a block into the cache, and into `hold`, with one read off the main thread, however many wait for it.
   * `readAheadBytes`: also what follows it, up to so many bytes.
   * @throws CoterieError `CORRUPTION`, `DISK_IO`, `OVERLOADED`, `CLOSED`
   */
  async load(block: number, hold?: BlockHold, readAheadBytes = 0): Promise<void> {
    const id = this.slots[block];
    if (id >= 0) {
      hold?.add(this, block, this.blocks.copyOf(id));
      return;
    }
    const span = await this.reader.load(block, readAheadBytes);
    for (let next = block; next < span.end; next++) {
      const place = next === block ? this.reader.decode(span, next) : this.reader.tryDecode(span, next);
      if (place === undefined) break;
      hold?.add(this, next, place);
      if (this.slots[next] < 0) this.cache(next, place);
    }
  }

  /** A cursor, not yet positioned. `reuse`: one that is no longer needed, of whatever table, to be had back instead of a new one. */
  cursor(options: CursorOptions, reuse?: TableCursor): TableCursor {
    const cursor = reuse ?? new TableCursor();
    cursor.attach(this, options);
    return cursor;
  }

  /** Reads and checks the whole file, in slices; yields how far it is. @throws CoterieError `CORRUPTION`, naming file and offset; `DISK_IO` */
  verify(): Generator<void, Verified> {
    return verifyTable(this);
  }

  /** Drops the table's blocks from the cache and its file from the handles; reads under way may finish. */
  retire(): void {
    this.#retired = true;
    this.blocks.dropAll(this);
    this.#handles.forget(this.path);
  }

  /** The same as `retire`. */
  close(): void {
    this.retire();
  }

  /** Puts a checked block into the cache; its id, or -1 when there is no room. */
  cache(block: number, place: BlockPlace): number {
    return this.#retired ? -1 : this.blocks.insert(this, block, place);
  }

  #findIn(block: number, lookup: Lookup): boolean {
    const view = this.#view;
    const id = this.slots[block];
    if (id >= 0) this.blocks.show(id, view);
    else this.#bring(block, lookup);
    if (!view.findNewest(lookup.key, this.index.agreed[block], lookup.keyHash & 0xff, lookup.maxSequence)) return false;
    lookup.sequence = view.sequence;
    lookup.type = view.type;
    lookup.valueBytes = view.valueBytes;
    lookup.valueStart = view.valueStart;
    lookup.valueEnd = view.valueEnd;
    return true;
  }

  /** Versions of the key may run over several blocks, newest first. */
  #findContinued(lookup: Lookup): boolean {
    const index = this.index;
    let block = index.firstBlockOf(lookup.key);
    while (!this.#findIn(block, lookup)) {
      block++;
      if (block === index.blocks || !index.continuesKey(block, lookup.key)) return false;
    }
    return true;
  }

  /** Shows a block that is not in the cache to the view. */
  #bring(block: number, { access, hold }: Lookup): void {
    this.blocks.misses++;
    const held = hold?.get(this, block);
    if (held !== undefined) {
      this.#view.open(held.bytes, held.start, held.end);
      return;
    }
    if (access === 'cached') throw this.missing(block, 0);
    this.reader.readSync(scratch, block, block + 1);
    const place = this.reader.decode(scratch, block);
    this.cache(block, place);
    // From the scratch bytes, cached or not: they are good until the next read, which is what a lookup promises.
    this.#view.open(place.bytes, place.start, place.end);
    if (scratch.bytes.length > scratchBytesMax) scratch = new Span();
  }

  /** The signal that `block` is not in memory. */
  missing(block: number, readAheadBytes: number): typeof blockMissing {
    blockMissing.table = this;
    blockMissing.block = block;
    blockMissing.readAheadBytes = readAheadBytes;
    return blockMissing;
  }
}

/** Scratch bytes longer than this are not kept. */
const scratchBytesMax = 256 * 1024;
/** Where sync lookups read to, all tables of a thread: nothing in it outlives a lookup's answer. */
let scratch = new Span();
