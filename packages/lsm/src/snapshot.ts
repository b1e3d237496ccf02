/**
 * The store as it was at one sequence, for as long as the snapshot is open. It pins a sequence, not memory: a memtable
 * it began to read can be flushed and reused, because compactions keep what an open snapshot sees.
 */
import { CoterieError } from '@coterie/env';
import type { Reader } from './reader.ts';
import type { Entry, RangeOptions, ScanCallback, Scanner } from './scanner.ts';
import type { Snapshots } from './snapshots.ts';

/** What a snapshot reads through. */
export interface SnapshotParts {
  readonly reader: Reader;
  readonly scanner: Scanner;
  readonly snapshots: Snapshots;
  readonly sequence: number;
}

/** A read-only view. Close it: compaction keeps old entries as long as it is open. */
export class Snapshot {
  readonly #parts: SnapshotParts;
  #closed = false;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
  }

  /** The sequence that it sees. */
  get sequence(): number {
    return this.#parts.sequence;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#checked().reader.get(key, this.sequence);
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    return this.#checked().reader.getSync(key, this.sequence);
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#checked().reader.getMany(keys, this.sequence);
  }

  getManySync(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return this.#checked().reader.getManySync(keys, this.sequence);
  }

  range(options: RangeOptions = {}): AsyncGenerator<Entry, void, void> {
    // Asked again when the range starts: what a snapshot sees is kept only while it is open.
    return this.#checked().scanner.range(options, () => this.#checked().sequence);
  }

  scanSync(from: Uint8Array | undefined, limit: number, callback: ScanCallback): number {
    return this.#checked().scanner.scanSync(from, limit, callback, this.sequence);
  }

  /** Harmless when closed already. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.snapshots.close(this.sequence);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #checked(): SnapshotParts {
    if (this.#closed) throw new CoterieError('CLOSED', 'the snapshot is closed');
    return this.#parts;
  }
}
