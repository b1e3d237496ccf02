/**
 * What a read looks at: the active memtable, the frozen ones and a version. Point reads go from newest to oldest and
 * stop at the first entry of the key; cursors merge everything.
 *
 * ```
 *  active ─▶ frozen (newest first) ─▶ level 0 (newest first) ─▶ level 1 ─▶ level 2 …
 * ```
 * A newer place never holds an older entry of a key than an older place, so a range delete met on the way down hides
 * whatever is found below it and no more needs to be looked at.
 */
import { type EntryCursor, entryType } from '@coterie/bytes';
import type { BlockHold, Lookup } from '@coterie/sstable';
import type { MemtableSlot } from './arena-pool.ts';
import { LevelCursor } from './level-cursor.ts';
import type { LiveTable, LiveVersion } from './live-version.ts';
import { MergingCursor } from './merging-cursor.ts';
import { tableForKey } from './bounds.ts';
import { ViewCursor } from './view-cursor.ts';

/** How a cursor may get at blocks, and how greedily. */
export interface CursorAccess {
  /** `read`: a missing block is read at once. `cached`: it throws `BlockMissing`. */
  readonly access: 'read' | 'cached';
  readonly hold?: BlockHold;
  /** Bytes read ahead when a scan leaves the cache. */
  readonly readAheadBytes?: number;
  /** Whether values of tables may be kept as they are: each block is copied once. */
  readonly ownBlocks?: boolean;
}

/** Where the value of a point read lies; meaningful when `find` returned true, until the next read. */
export interface Found {
  bytes: Uint8Array;
  start: number;
  end: number;
}

/** A consistent set of places to read from. Immutable; replaced when a memtable freezes or a version is installed. */
export class ReadView {
  readonly slots: readonly MemtableSlot[];
  readonly live: LiveVersion;

  /** `slots`: active first, then frozen, newest first. */
  constructor(slots: readonly MemtableSlot[], live: LiveVersion) {
    this.slots = slots;
    this.live = live;
  }

  /** Finds the value of `lookup.key` as of `lookup.maxSequence`. May throw `BlockMissing` when access is `cached`. */
  find(lookup: Lookup, found: Found): boolean {
    const key = lookup.key;
    let covered = 0;
    for (const slot of this.slots) {
      if (slot.rangeDeletes.list.length > 0)
        covered = Math.max(covered, slot.rangeDeletes.covering(key, 0, key.length, lookup.maxSequence));
      const memtable = slot.memtable;
      const reference = memtable.find(key, lookup.keyHash, lookup.maxSequence);
      if (reference === 0) continue;
      if (memtable.typeAt(reference) !== entryType.put || memtable.sequenceAt(reference) < covered) return false;
      found.bytes = memtable.bytes;
      found.start = memtable.valueStartAt(reference);
      found.end = memtable.valueEndAt(reference);
      return true;
    }
    return this.#findInTables(lookup, found, covered);
  }

  #findInTables(lookup: Lookup, found: Found, coveredAbove: number): boolean {
    let covered = coveredAbove;
    const live = this.live;
    for (const table of live.levels[0]) {
      if (live.hasRangeDeletes) covered = Math.max(covered, coveringIn(table, lookup));
      if (table.table.find(lookup)) return take(lookup, found, covered);
    }
    for (let i = 0; i < live.runs.length; i++) {
      const run = live.runs[i];
      const index = run.length === 1 ? 0 : tableForKey(live.runMetas[i], lookup.key, 0, lookup.key.length);
      if (index === run.length) continue;
      if (live.hasRangeDeletes) covered = Math.max(covered, coveringIn(run[index], lookup));
      if (run[index].table.find(lookup)) return take(lookup, found, covered);
    }
    return false;
  }

  /** Sequence of the newest entry of the key, put or delete, as of `lookup.maxSequence`; 0 if there is none. For keys in a loss only: it looks everywhere. */
  newestOf(lookup: Lookup): number {
    const { key, keyHash, maxSequence } = lookup;
    let newest = this.covering(key, 0, key.length, maxSequence);
    for (const { memtable } of this.slots) {
      const reference = memtable.find(key, keyHash, maxSequence);
      if (reference !== 0) newest = Math.max(newest, memtable.sequenceAt(reference));
    }
    for (const { meta, table } of this.live.levels.flat()) {
      if (tableForKey([meta], key, 0, key.length) === 0 && table.find(lookup)) newest = Math.max(newest, lookup.sequence);
    }
    return newest;
  }

  /** Highest sequence, at most `maxSequence`, of any range delete that covers the key; 0 if none. */
  covering(key: Uint8Array, start: number, end: number, maxSequence: number): number {
    let covered = 0;
    for (const slot of this.slots) covered = Math.max(covered, slot.rangeDeletes.covering(key, start, end, maxSequence));
    if (!this.live.hasRangeDeletes) return covered;
    for (const table of this.live.levels[0]) covered = Math.max(covered, table.rangeDeletes.covering(key, start, end, maxSequence));
    for (let i = 0; i < this.live.runs.length; i++) {
      const index = tableForKey(this.live.runMetas[i], key, start, end);
      const table = this.live.runs[i][index];
      if (table !== undefined) covered = Math.max(covered, table.rangeDeletes.covering(key, start, end, maxSequence));
    }
    return covered;
  }

  get hasRangeDeletes(): boolean {
    return this.live.hasRangeDeletes || this.slots.some((slot) => slot.rangeDeletes.list.length > 0);
  }

  /** A cursor over user-visible entries; not yet positioned. */
  cursor(access: CursorAccess): ViewCursor {
    const open = (live: LiveTable): EntryCursor => live.table.cursor({ ...access, fillCache: access.readAheadBytes === undefined });
    const children: EntryCursor[] = this.slots
      .filter((slot) => slot.memtable.entries > 0 || slot === this.slots[0])
      .map((slot) => slot.memtable.cursor());
    for (const table of this.live.levels[0]) children.push(open(table));
    for (let i = 0; i < this.live.runs.length; i++) {
      const run = this.live.runs[i];
      children.push(
        run.length === 1
          ? open(run[0])
          : new LevelCursor(this.live.runMetas[i], (meta) => open(run[run.findIndex((live) => live.meta === meta)])),
      );
    }
    return new ViewCursor(new MergingCursor(children), this);
  }
}

function coveringIn(live: LiveTable, lookup: Lookup): number {
  if (live.meta.rangeDeletes === 0) return 0;
  return live.rangeDeletes.covering(lookup.key, 0, lookup.key.length, lookup.maxSequence);
}

function take(lookup: Lookup, found: Found, covered: number): boolean {
  if (lookup.type !== entryType.put || lookup.sequence < covered) return false;
  found.bytes = lookup.valueBytes;
  found.start = lookup.valueStart;
  found.end = lookup.valueEnd;
  return true;
}
