/**
 * Range reads. The sync form walks with a callback. The async form hands out pages: each is filled within one turn from
 * blocks in memory; a missing block is read off the thread, and the page is sought again from the last key.
 *
 * An iteration sees one sequence from beginning to end, kept by a snapshot of its own.
 */
import { compareBytes } from '@coterie/bytes';
import { CoterieError, isCoterieError, type Timers } from '@coterie/env';
import { BlockHold, BlockMissing } from '@coterie/sstable';
import { checkKey } from './check.ts';
import type { Copies } from './copies.ts';
import { LossWatch } from './losses.ts';
import type { ReadView } from './read-view.ts';
import type { Snapshots } from './snapshots.ts';
import type { StoreState } from './store-state.ts';
import type { ViewCursor } from './view-cursor.ts';

/** A key and its value; both are the caller's to keep. */
export type Entry = [key: Uint8Array, value: Uint8Array];

/** Which keys, in which order, and how many. */
export interface RangeOptions {
  readonly gte?: Uint8Array;
  readonly gt?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly lte?: Uint8Array;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** Called with each entry; `false` ends the scan. */
export type ScanCallback = (key: Uint8Array, value: Uint8Array) => unknown;

/** Called with views that are good only during the call. */
export type RawScanCallback = (
  keyBytes: Uint8Array,
  keyStart: number,
  keyEnd: number,
  valueBytes: Uint8Array,
  valueStart: number,
  valueEnd: number,
) => unknown;

/** A page of an async range: at most so many entries or bytes. */
const pageEntries = 256;
const pageBytes: number = 256 * 1024;
/** Entries that a page walks over, deleted ones included: those before it may be any number, and a page is filled within one turn. */
const pageWalk = 4096;
/** Pages handed out before other work gets a turn. */
const pagesPerTurn = 4;
/** Scans of at least so many entries read ahead and leave the cache alone. */
const longScan = 1000;
const readAheadBytes: number = 256 * 1024;
/** What an async range reads ahead when it misses a block for the second time; from there on it doubles. */
const firstAheadBytes: number = 16 * 1024;

/** What scans are made of. */
export interface ScannerParts {
  readonly state: StoreState;
  readonly copies: Copies;
  readonly snapshots: Snapshots;
  readonly timers: Timers;
  /** The sequence that a read without snapshot sees. */
  readonly newest: () => number;
}

/** Bounds as the cursor needs them: inclusive start, exclusive end. */
interface Bounds {
  readonly from: Uint8Array | undefined;
  readonly before: Uint8Array | undefined;
}

interface SyncScan {
  readonly from: Uint8Array | undefined;
  readonly limit: number;
  readonly sequence: number | undefined;
  readonly ownBlocks: boolean;
}

/** Reads ranges. */
export class Scanner {
  readonly #parts: ScannerParts;
  /** The cursor of the last short sync scan, used again while the view is the same and nobody stands on it. */
  #spare: { readonly view: ReadView; readonly cursor: ViewCursor; readonly ownBlocks: boolean } | undefined;

  constructor(parts: ScannerParts) {
    this.#parts = parts;
  }

  /** Calls back with own copies from `from` on, at most `limit` entries; returns how many. */
  scanSync(from: Uint8Array | undefined, limit: number, callback: ScanCallback, sequence?: number): number {
    const { copies } = this.#parts;
    return this.#walk({ from, limit, sequence, ownBlocks: true }, (cursor) => {
      return callback(copies.copy(cursor.keyBytes, 0, cursor.keyEnd), this.#valueOf(cursor)) !== false;
    });
  }

  /** The same with views. */
  scanRawSync(from: Uint8Array | undefined, limit: number, callback: RawScanCallback, sequence?: number): number {
    return this.#walk({ from, limit, sequence, ownBlocks: false }, (cursor) => {
      return callback(cursor.keyBytes, 0, cursor.keyEnd, cursor.valueBytes, cursor.valueStart, cursor.valueEnd) !== false;
    });
  }

  /** The value, the caller's to keep: a view where the cursor owns its blocks, else a copy. */
  #valueOf({ valueBytes, valueStart, valueEnd, ownsValue }: ViewCursor): Uint8Array {
    if (!ownsValue) return this.#parts.copies.copy(valueBytes, valueStart, valueEnd);
    return new Uint8Array(valueBytes.buffer as ArrayBuffer, valueBytes.byteOffset + valueStart, valueEnd - valueStart);
  }

  #walk(scan: SyncScan, visit: (cursor: ViewCursor) => boolean): number {
    const { state, newest } = this.#parts;
    state.checkOpen();
    if (scan.from !== undefined) checkKey(scan.from);
    checkLimit(scan.limit);
    const view = state.pin();
    const cursor = this.#cursorFor(view, scan);
    const losses = watchLosses(state, view, { from: scan.from, reverse: false });
    try {
      let count = 0;
      if (scan.limit > 0) cursor.startForward(scan.from, scan.sequence ?? newest());
      while (count < scan.limit && cursor.next()) {
        losses?.at(cursor.keyBytes, cursor.keyEnd);
        count++;
        if (!visit(cursor)) return count;
      }
      if (count < scan.limit) losses?.atEnd(undefined);
      return count;
    } catch (error) {
      throw state.noted(error);
    } finally {
      cursor.release();
      if (scan.limit < longScan) this.#spare = { view, cursor, ownBlocks: scan.ownBlocks };
      state.unpin(view);
    }
  }

  #cursorFor(view: ReadView, { limit, ownBlocks }: SyncScan): ViewCursor {
    if (limit >= longScan) return view.cursor({ access: 'read', readAheadBytes, ownBlocks });
    const spare = this.#spare;
    this.#spare = undefined;
    return spare !== undefined && spare.view === view && spare.ownBlocks === ownBlocks
      ? spare.cursor
      : view.cursor({ access: 'read', ownBlocks });
  }

  /** Entries of a range, one after the other. Not started until the first is asked for; then `sequence` says as of when. */
  async *range(options: RangeOptions, sequence: () => number = this.#parts.newest): AsyncGenerator<Entry, void, void> {
    const { snapshots, timers, state } = this.#parts;
    const { reverse = false, limit = Number.POSITIVE_INFINITY } = options;
    let bounds = boundsOf(options);
    checkLimit(limit);
    state.checkOpen();
    const asOf = sequence();
    snapshots.open(asOf);
    const ahead = new ReadAhead(reverse);
    try {
      let left = limit;
      for (let pages = 0; left > 0; ) {
        if (++pages % pagesPerTurn === 0) await timers.turn();
        const page = await this.#page({ bounds, reverse, limit: Math.min(left, pageEntries), asOf, ahead });
        yield* page.entries;
        left -= page.entries.length;
        const last = page.pausedAt ?? page.entries[page.entries.length - 1]?.[0];
        if (page.ended || last === undefined) return;
        bounds = reverse ? { from: bounds.from, before: last } : { from: after(last), before: bounds.before };
        if (page.pausedAt !== undefined) await timers.turn();
      }
    } finally {
      snapshots.close(asOf);
    }
  }

  /** One page. Tries until all blocks it needs are in memory; what it loads is held for the time of the page. */
  async #page(request: PageRequest): Promise<Page> {
    const { state } = this.#parts;
    const hold = new BlockHold();
    const view = state.pin();
    try {
      for (;;) {
        state.checkOpen();
        const page: Page = { entries: [], ended: false, pausedAt: undefined };
        try {
          this.#fillPage(view, request, page, hold);
          return page;
        } catch (error) {
          if (page.entries.length > 0 && (error instanceof BlockMissing || isCoterieError(error, 'CORRUPTION'))) return page;
          if (!(error instanceof BlockMissing)) throw error;
          await error.table.load(error.block, hold, request.ahead.next());
        }
      }
    } catch (error) {
      throw state.noted(error);
    } finally {
      state.unpin(view);
    }
  }

  /** Four parameters: the page is filled in place, so that what was read before a block was missing is kept. */
  #fillPage(view: ReadView, request: PageRequest, page: Page, hold: BlockHold): void {
    const { copies } = this.#parts;
    const { bounds, reverse, limit, asOf } = request;
    const cursor = view.cursor({ access: 'cached', hold, ownBlocks: true });
    const losses = watchLosses(this.#parts.state, view, { ...bounds, reverse });
    try {
      if (reverse) cursor.startBackward(bounds.before, asOf, { edge: bounds.from, entriesMax: pageWalk });
      else cursor.startForward(bounds.from, asOf, { edge: bounds.before, entriesMax: pageWalk });
      for (let bytes = 0; page.entries.length < limit && bytes < pageBytes; ) {
        const isAtEntry = reverse ? cursor.previous() : cursor.next();
        if (cursor.paused) {
          losses?.at(cursor.keyBytes, cursor.keyEnd);
          page.pausedAt = copies.copy(cursor.keyBytes, 0, cursor.keyEnd);
          return;
        }
        if (!isAtEntry || isOutside(cursor, bounds, reverse)) {
          losses?.atEnd(reverse ? bounds.from : bounds.before);
          page.ended = true;
          return;
        }
        losses?.at(cursor.keyBytes, cursor.keyEnd);
        const key = copies.copy(cursor.keyBytes, 0, cursor.keyEnd);
        const value = this.#valueOf(cursor);
        page.entries.push([key, value]);
        bytes += key.length + value.length;
      }
    } finally {
      cursor.release();
    }
  }
}

interface PageRequest {
  readonly bounds: Bounds;
  readonly reverse: boolean;
  readonly limit: number;
  readonly asOf: number;
  readonly ahead: ReadAhead;
}

/**
 * How much a range reads at once: nothing ahead at first, and more with each block that it misses. A page begins anew after
 * every miss and walks over what is deleted again, so misses have to become few. Backwards nothing lies ahead.
 */
class ReadAhead {
  readonly #mostBytes: number;
  #bytes = 0;

  constructor(reverse: boolean) {
    this.#mostBytes = reverse ? 0 : readAheadBytes;
  }

  /** Bytes to read ahead with the block that is missing now. */
  next(): number {
    const bytes = Math.min(this.#bytes, this.#mostBytes);
    this.#bytes = bytes === 0 ? firstAheadBytes : 2 * bytes;
    return bytes;
  }
}

interface Page {
  readonly entries: Entry[];
  /** Nothing follows. */
  ended: boolean;
  /** The deleted key at which the walk paused. */
  pausedAt: Uint8Array | undefined;
}

function isOutside(cursor: ViewCursor, bounds: Bounds, reverse: boolean): boolean {
  const edge = reverse ? bounds.from : bounds.before;
  if (edge === undefined) return false;
  const order = compareBytes(cursor.keyBytes.subarray(0, cursor.keyEnd), edge);
  return reverse ? order < 0 : order >= 0;
}

function boundsOf({ gte, gt, lt, lte }: RangeOptions): Bounds {
  for (const bound of [gte, gt, lt, lte]) if (bound !== undefined) checkBound(bound);
  return { from: later(gte, gt && after(gt)), before: earlier(lt, lte && after(lte)) };
}

/** A bound may be empty: it is before every key. */
function checkBound(bound: Uint8Array): void {
  if (!(bound instanceof Uint8Array)) throw new CoterieError('INVALID_ARGUMENT', 'bounds of a range must be Uint8Arrays');
}

/** The smallest byte string after `key`. */
function after(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

function later(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareBytes(a, b) > 0 ? a : b;
}

function earlier(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareBytes(a, b) < 0 ? a : b;
}

/** What keeps a walk from passing over what is lost; undefined where nothing is. */
function watchLosses(
  { directory }: StoreState,
  { live }: ReadView,
  walk: { readonly from?: Uint8Array | undefined; readonly before?: Uint8Array | undefined; readonly reverse: boolean },
): LossWatch | undefined {
  const { losses } = live.version;
  return losses.length === 0 ? undefined : new LossWatch(losses, walk, directory);
}

function checkLimit(limit: number): void {
  if (limit === Number.POSITIVE_INFINITY || (Number.isInteger(limit) && limit >= 0)) return;
  throw new CoterieError('INVALID_ARGUMENT', 'limit must be a non-negative integer');
}
