/**
 * A cursor over a sorted run: the tables of one level, one after the other. Only the table it stands on is pinned, and a
 * table is opened when the cursor first comes to it.
 */
import type { EntryCursor } from '@coterie/bytes';
import { tableForKey } from './bounds.ts';
import type { TableMeta } from './version.ts';

const nothing = new Uint8Array(0);

/** Position over the tables of a run. Fields mirror the current table cursor's. */
export class LevelCursor implements EntryCursor {
  valid = false;
  keyBytes: Uint8Array = nothing;
  keyStart = 0;
  keyEnd = 0;
  sequence = 0;
  type = 0;
  valueBytes: Uint8Array = nothing;
  valueStart = 0;
  valueEnd = 0;
  ownsValue = false;
  readonly #run: readonly TableMeta[];
  readonly #open: (table: TableMeta) => EntryCursor;
  readonly #cursors: (EntryCursor | undefined)[];
  #index = -1;

  constructor(run: readonly TableMeta[], open: (table: TableMeta) => EntryCursor) {
    this.#run = run;
    this.#open = open;
    this.#cursors = new Array<EntryCursor | undefined>(run.length).fill(undefined);
  }

  seekToFirst(): void {
    this.#goTo(0)?.seekToFirst();
    this.#settleForward();
  }

  seekToLast(): void {
    this.#goTo(this.#run.length - 1)?.seekToLast();
    this.#settleBackward();
  }

  seek(key: Uint8Array, sequence?: number): void {
    this.#goTo(tableForKey(this.#run, key, 0, key.length))?.seek(key, sequence);
    this.#settleForward();
  }

  seekBefore(key: Uint8Array): void {
    const index = Math.min(tableForKey(this.#run, key, 0, key.length), this.#run.length - 1);
    this.#goTo(index)?.seekBefore(key);
    this.#settleBackward();
  }

  next(): void {
    const cursor = this.#cursors[this.#index] as EntryCursor;
    cursor.next();
    if (cursor.valid) this.#mirror(cursor);
    else this.#settleForward();
  }

  previous(): void {
    const cursor = this.#cursors[this.#index] as EntryCursor;
    cursor.previous();
    if (cursor.valid) this.#mirror(cursor);
    else this.#settleBackward();
  }

  release(): void {
    this.#cursors[this.#index]?.release();
    this.#index = -1;
    this.valid = false;
  }

  #goTo(index: number): EntryCursor | undefined {
    if (index !== this.#index) this.#cursors[this.#index]?.release();
    this.#index = index;
    if (index < 0 || index >= this.#run.length) return undefined;
    this.#cursors[index] ??= this.#open(this.#run[index]);
    return this.#cursors[index];
  }

  #settleForward(): void {
    let cursor = this.#cursors[this.#index];
    while (cursor !== undefined && !cursor.valid) {
      cursor = this.#goTo(this.#index + 1);
      cursor?.seekToFirst();
    }
    this.#settle(cursor);
  }

  #settleBackward(): void {
    let cursor = this.#cursors[this.#index];
    while (cursor !== undefined && !cursor.valid) {
      cursor = this.#goTo(this.#index - 1);
      cursor?.seekToLast();
    }
    this.#settle(cursor);
  }

  #settle(cursor: EntryCursor | undefined): void {
    this.valid = cursor !== undefined;
    if (cursor !== undefined) this.#mirror(cursor);
  }

  /** Copies ten fields; the entry's bytes stay where they are. */
  #mirror(cursor: EntryCursor): void {
    this.keyBytes = cursor.keyBytes;
    this.keyStart = cursor.keyStart;
    this.keyEnd = cursor.keyEnd;
    this.sequence = cursor.sequence;
    this.type = cursor.type;
    this.valueBytes = cursor.valueBytes;
    this.valueStart = cursor.valueStart;
    this.valueEnd = cursor.valueEnd;
    this.ownsValue = cursor.ownsValue === true;
  }
}
