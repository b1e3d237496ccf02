/**
 * What a store consists of at this moment: memtables, current version, and the view that reads use. Replaced as a whole
 * when a memtable freezes or a version is installed, so that a reader that took the view sees one consistent state.
 */
import { CoterieError, isCoterieError } from '@coterie/env';
import { isUnreadable } from '@coterie/sstable';
import type { ArenaPool, MemtableSlot } from './arena-pool.ts';
import type { LiveVersion } from './live-version.ts';
import { ReadView } from './read-view.ts';

/** Memtables and version; the failure that ended writes, if any. */
export class StoreState {
  readonly pool: ArenaPool;
  readonly directory: string;
  view: ReadView;
  /** Whether writes are taken: not closed, not failed, disk not full. One field, because every write asks. */
  writable = true;
  closed = false;
  /**
   * Why the store takes no more writes, and installs nothing any more; set once. A failed log counts: what the log could not
   * make durable, a flush must not, because reads have stopped at what is durable, and a flush drops what the undurable hides.
   */
  failure: CoterieError | undefined;
  /** While set, flushes wait for space on disk, and so do writes. */
  diskFull: CoterieError | undefined;
  /** Told of damage that a read met. */
  onDamage: (error: CoterieError) => void = () => {};
  /** Told of a place that the disk did not read: perhaps this once, perhaps for good. */
  onUnreadable: (error: CoterieError) => void = () => {};
  /** Told once that writes have ended for good: whoever waits for room or for background work waits in vain. */
  onFailed: () => void = () => {};

  constructor(directory: string, pool: ArenaPool, live: LiveVersion) {
    this.directory = directory;
    this.pool = pool;
    this.view = new ReadView([pool.take(0)], live);
  }

  get active(): MemtableSlot {
    return this.view.slots[0];
  }

  /** Frozen memtables, newest first. */
  get frozen(): readonly MemtableSlot[] {
    return this.view.slots.slice(1);
  }

  get frozenCount(): number {
    return this.view.slots.length - 1;
  }

  get live(): LiveVersion {
    return this.view.live;
  }

  /** Freezes the active memtable; the new one has room for `bytesNeeded`. */
  freeze(bytesNeeded: number): void {
    this.active.memtable.freeze();
    this.view = new ReadView([this.pool.take(bytesNeeded), ...this.view.slots], this.view.live);
  }

  /** Puts an empty larger memtable in the place of an empty active one. */
  replaceActive(bytesNeeded: number): void {
    const old = this.active;
    this.view = new ReadView([this.pool.take(bytesNeeded), ...this.view.slots.slice(1)], this.view.live);
    this.pool.retire(old);
  }

  /** Makes `live` current; `flushed`, if given, is now in its tables. */
  install(live: LiveVersion, flushed?: MemtableSlot): void {
    const old = this.view.live;
    this.view = new ReadView(
      this.view.slots.filter((slot) => slot !== flushed),
      live,
    );
    if (flushed !== undefined) this.pool.retire(flushed);
    old.release();
  }

  /** Keeps a view's memtables and files in place until `unpin`. */
  pin(): ReadView {
    const view = this.view;
    for (const slot of view.slots) slot.pins++;
    view.live.retain();
    return view;
  }

  unpin(view: ReadView): void {
    for (const slot of view.slots) this.pool.unpin(slot);
    view.live.release();
  }

  /** Ends writes for good; the first reason stays. */
  fail(error: CoterieError): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    this.writable = false;
    this.onFailed();
  }

  /** Stops writes while `error` is given, and lets them go on without. */
  setDiskFull(error: CoterieError | undefined): void {
    this.diskFull = error;
    this.writable = !this.closed && this.failure === undefined && error === undefined;
  }

  /** Ends everything. */
  close(): void {
    this.closed = true;
    this.writable = false;
  }

  /** `error`, which a read threw, after telling of it if it is damage or may be. */
  noted(error: unknown): unknown {
    if (isUnreadable(error)) this.onUnreadable(error);
    if (isCoterieError(error, 'CORRUPTION') && error.details['lost'] !== true) this.onDamage(error);
    return error;
  }

  /** @throws CoterieError `CLOSED` */
  checkOpen(): void {
    if (this.closed) throw new CoterieError('CLOSED', 'the store is closed');
  }
}
