/**
 * The current version on disk and in memory. Installing an edit opens its new tables, appends the edit to the manifest,
 * syncs it, and only then makes the new version current. Installs happen one after the other, in the order asked for.
 *
 * ```
 *  install ─▶ queue ─▶ open tables ─▶ append ─▶ sync ─▶ current          off the main thread, turn by turn
 *                        └── finishSync(): the same at once, for a sync writer that has to wait
 * ```
 * If the sync form overtakes an async one under way, the async one finds the install done and lets go.
 *
 * A change that failed may be on disk all the same if the failure ended the store: then its tables must stay.
 */
import { assert, type CoterieError, type Files, isCoterieError } from '@coterie/env';
import { Table, type TableContext } from '@coterie/sstable';
import type { MemtableSlot } from './arena-pool.ts';
import { endOfWrites, isFinal } from './final.ts';
import { LiveVersion, type LiveTables } from './live-version.ts';
import type { Manifest } from './manifest.ts';
import { tablePath } from './names.ts';
import type { StoreState } from './store-state.ts';
import type { Loss } from './losses.ts';
import { applyEdit, flawOf, type TableMeta, type VersionEdit, wholeOf } from './version.ts';

/** A change to install. */
export interface InstallRequest {
  readonly removed: readonly number[];
  readonly added: readonly { readonly level: number; readonly table: TableMeta }[];
  /** The memtable that the added tables hold. */
  readonly flushed?: MemtableSlot;
  readonly flushedSequence?: number;
  /** What is lost from then on, given what is lost before. */
  readonly losses?: (known: readonly Loss[]) => readonly Loss[];
  /** Called once: without an error when the change is durable and current. */
  readonly settled: (error?: CoterieError) => void;
}

interface Install {
  readonly request: InstallRequest;
  readonly opened: Map<number, Table>;
  started: boolean;
  appended: boolean;
  done: boolean;
}

/** What a version set is made of. */
export interface VersionSetParts {
  readonly files: Files;
  readonly directory: string;
  readonly manifest: Manifest;
  readonly tables: LiveTables;
  readonly tableContext: TableContext;
  readonly state: StoreState;
  readonly nextFileNumber: number;
  readonly flushedSequence: number;
}

/** Installs edits; hands out file numbers. */
export class VersionSet {
  readonly #parts: VersionSetParts;
  readonly #queue: Install[] = [];
  #nextFileNumber: number;
  #flushedSequence: number;

  constructor(parts: VersionSetParts) {
    this.#parts = parts;
    this.#nextFileNumber = parts.nextFileNumber;
    this.#flushedSequence = parts.flushedSequence;
  }

  get flushedSequence(): number {
    return this.#flushedSequence;
  }

  get installing(): boolean {
    return this.#queue.length > 0;
  }

  /** The first of `count` file numbers that nobody else gets. */
  reserveFileNumbers(count: number): number {
    const first = this.#nextFileNumber;
    this.#nextFileNumber += count;
    return first;
  }

  /** Queues a change. */
  install(request: InstallRequest): void {
    this.#queue.push({ request, opened: new Map(), started: false, appended: false, done: false });
    this.#startHead();
  }

  /** Carries out every queued change now. */
  finishSync(): void {
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) this.#runSync(head);
  }

  async #runAsync(install: Install): Promise<void> {
    try {
      for (const { table } of this.#unopened(install)) {
        const opened = await Table.open(this.#parts.tableContext, this.#path(table));
        if (install.done) return opened.retire();
        install.opened.set(table.number, opened);
      }
      this.#append(install);
      await this.#parts.manifest.sync();
      if (!install.done) this.#complete(install);
    } catch (error) {
      this.#failed(install, error);
    }
  }

  #runSync(install: Install): void {
    try {
      for (const { table } of this.#unopened(install)) {
        install.opened.set(table.number, Table.openSync(this.#parts.tableContext, this.#path(table)));
      }
      if (!install.appended) this.#append(install);
      this.#parts.manifest.syncSync();
      this.#complete(install);
    } catch (error) {
      this.#failed(install, error);
    }
  }

  /** A sync that fails although another overtook it ends the store too. */
  #failed(install: Install, error: unknown): void {
    if (!isCoterieError(error)) throw error;
    if (isFinal(error)) this.#parts.state.fail(endOfWrites('the manifest failed', error));
    if (!install.done) this.#end(install, error);
  }

  #append(install: Install): void {
    this.#checkGoesOn();
    const edit = this.#editOf(install.request);
    assert(flawOf(applyEdit(this.#parts.state.live.version, edit)) === undefined, 'an edit makes a sound version');
    if (this.#parts.manifest.isLarge) this.#replaceManifest(edit);
    else this.#parts.manifest.append(edit);
    install.appended = true;
  }

  #editOf({ removed, added, flushedSequence, losses }: InstallRequest): VersionEdit {
    const flushed = flushedSequence === undefined ? {} : { flushedSequence };
    const lost = losses === undefined ? {} : { losses: losses(this.#parts.state.live.version.losses) };
    return { removed, added, ...flushed, ...lost, nextFileNumber: this.#nextFileNumber };
  }

  #replaceManifest(edit: VersionEdit): void {
    const number = this.reserveFileNumbers(1);
    const version = applyEdit(this.#parts.state.live.version, edit);
    const flushedSequence = edit.flushedSequence ?? this.#flushedSequence;
    this.#parts.manifest.replace({ number, ...wholeOf(version), flushedSequence, nextFileNumber: this.#nextFileNumber });
  }

  #complete(install: Install): void {
    const { request, opened } = install;
    const { manifest, tables, state } = this.#parts;
    this.#checkGoesOn();
    manifest.confirm();
    for (const { table } of request.added) {
      const file = opened.get(table.number);
      if (file !== undefined) tables.add(table, file);
    }
    this.#flushedSequence = request.flushedSequence ?? this.#flushedSequence;
    const version = applyEdit(state.live.version, this.#editOf(request));
    state.install(new LiveVersion(version, tables), request.flushed);
    opened.clear();
    this.#end(install);
  }

  /** @throws CoterieError why the store has ended */
  #checkGoesOn(): void {
    const { failure } = this.#parts.state;
    if (failure !== undefined) throw failure;
  }

  #end(install: Install, error?: CoterieError): void {
    install.done = true;
    for (const table of install.opened.values()) table.retire();
    this.#queue.shift();
    install.request.settled(error);
    this.#startHead();
  }

  /** Starts the first change in line, once: whoever hears that one has settled may have asked for the next already. */
  #startHead(): void {
    const head = this.#queue[0];
    if (head === undefined || head.started) return;
    head.started = true;
    void this.#runAsync(head);
  }

  /** Added tables that nobody has opened yet: one that only moves to another level is open already. */
  #unopened(install: Install): InstallRequest['added'] {
    return install.request.added.filter(
      ({ table }) => !install.opened.has(table.number) && this.#parts.tables.get(table.number) === undefined,
    );
  }

  #path(table: TableMeta): string {
    return tablePath(this.#parts.directory, table.number);
  }
}
