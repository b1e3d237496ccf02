/** The dumb twin of an ordered store: a sorted map whose batches take virtual time, in order, all or nothing. */
import { compareBytes } from '@coterie/bytes';
import { CoterieError, type Timers } from '@coterie/env';
import type { OpenStore, Store, StoreBatch, StoreRange } from '../src/index.ts';

type Operation = (entries: Map<string, Uint8Array>) => void;

/** What survives a store: give it to the next one. Batches that were not settled when it was opened again are lost. */
export class MemoryDisk {
  readonly entries: Map<string, Uint8Array> = new Map();
  /** How long a batch takes to be durable. */
  commitMs = 0;
  /** How long a read takes. */
  readMs = 0;
  /** Makes the next commits fail so. */
  failWith: CoterieError | undefined;
  life = 0;
  commits = 0;

  readonly open: OpenStore = async (_directory, { environment }) => new MemoryStore(this, environment.timers);

  /** A copy, as a backup of a stopped store makes it. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk();
    for (const [key, value] of this.entries) copy.entries.set(key, value);
    return copy;
  }
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

class MemoryStore implements Store {
  readonly #disk: MemoryDisk;
  readonly #timers: Timers;
  readonly #life: number;
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(disk: MemoryDisk, timers: Timers) {
    this.#disk = disk;
    this.#timers = timers;
    this.#life = ++disk.life;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    if (this.#disk.readMs > 0) await new Promise<void>((resolve) => void this.#timers.after(this.#disk.readMs, resolve));
    this.#check();
    return this.#disk.entries.get(textOf(key))?.slice();
  }

  batch(): StoreBatch {
    const operations: Operation[] = [];
    return {
      put(key, value) {
        const [name, copy] = [textOf(key), value.slice()];
        operations.push((entries) => void entries.set(name, copy));
      },
      delete(key) {
        const name = textOf(key);
        operations.push((entries) => void entries.delete(name));
      },
      deleteRange(from, to) {
        operations.push((entries) => {
          for (const name of entries.keys()) {
            const key = bytesOf(name);
            if (compareBytes(key, from) >= 0 && compareBytes(key, to) < 0) entries.delete(name);
          }
        });
      },
      commit: () => this.#commit(operations),
    };
  }

  async *range({ gte, lt, limit }: StoreRange): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    const keys = [...this.#disk.entries.keys()].map(bytesOf).filter((key) => compareBytes(key, gte) >= 0 && compareBytes(key, lt) < 0);
    for (const key of keys.sort(compareBytes).slice(0, limit)) {
      const value = this.#disk.entries.get(textOf(key));
      if (value !== undefined) yield [key, value.slice()];
    }
  }

  async close(): Promise<void> {
    await this.#queue;
    this.#closed = true;
  }

  #commit(operations: readonly Operation[]): Promise<void> {
    this.#check();
    const { failWith } = this.#disk;
    this.#disk.commits += 1;
    if (failWith !== undefined) return Promise.reject(failWith);
    if (this.#disk.commitMs === 0) {
      for (const operation of operations) operation(this.#disk.entries);
      return Promise.resolve();
    }
    const due = new Promise<void>((resolve) => void this.#timers.after(this.#disk.commitMs, resolve));
    const done = this.#queue
      .then(() => due)
      .then(() => {
        this.#check();
        for (const operation of operations) operation(this.#disk.entries);
      });
    this.#queue = done.catch(() => undefined);
    return done;
  }

  #check(): void {
    if (this.#closed || this.#life !== this.#disk.life) throw new CoterieError('CLOSED', 'the store is closed');
  }
}
