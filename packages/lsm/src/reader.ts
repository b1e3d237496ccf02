/**
 * Point reads. The sync form always answers: on a miss it reads the file. The async form looks in memory first; for a
 * block that is not there it reads off the thread and tries again, holding what it has loaded, so that a retry always
 * gets further, however small the cache.
 */
import { hash32 } from '@coterie/bytes';
import { BlockHold, BlockMissing, createLookup, type Lookup } from '@coterie/sstable';
import { checkKey } from './check.ts';
import type { Copies } from './copies.ts';
import { lossAt, lossError } from './losses.ts';
import type { Found } from './read-view.ts';
import type { StoreState } from './store-state.ts';

/** Reads values. */
export class Reader {
  readonly #state: StoreState;
  readonly #copies: Copies;
  readonly #newest: () => number;
  readonly #lookup = createLookup();
  readonly #found: Found = { bytes: new Uint8Array(0), start: 0, end: 0 };
  readonly counters = { gets: 0 };

  /** `newest`: the sequence that a read without snapshot sees. */
  constructor(state: StoreState, copies: Copies, newest: () => number) {
    this.#state = state;
    this.#copies = copies;
    this.#newest = newest;
  }

  /** The value, as the caller's own copy; `sequence`: as of when. */
  getSync(key: Uint8Array, sequence: number = this.#newest()): Uint8Array | undefined {
    checkKey(key);
    this.#state.checkOpen();
    return this.#find(key, sequence, 'read');
  }

  get(key: Uint8Array, sequence?: number): Promise<Uint8Array | undefined> {
    try {
      const value = this.getNow(key, sequence);
      return value instanceof Promise ? value : Promise.resolve(value);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** `get` without a promise where nothing has to be read from a file. Throws what is known at once. */
  getNow(key: Uint8Array, sequence?: number): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    checkKey(key);
    this.#state.checkOpen();
    try {
      return this.#find(key, sequence ?? this.#newest(), 'cached');
    } catch (error) {
      if (error instanceof BlockMissing) return this.#getSlowly(key, sequence, { table: error.table, block: error.block });
      throw error;
    }
  }

  getManySync(keys: readonly Uint8Array[], sequence: number = this.#newest()): (Uint8Array | undefined)[] {
    this.#state.checkOpen();
    const values = new Array<Uint8Array | undefined>(keys.length);
    for (let i = 0; i < keys.length; i++) {
      checkKey(keys[i]);
      values[i] = this.#find(keys[i], sequence, 'read');
    }
    return values;
  }

  /** Values as of one sequence; blocks that are missing are read at the same time. */
  async getMany(keys: readonly Uint8Array[], sequence?: number): Promise<(Uint8Array | undefined)[]> {
    for (const key of keys) checkKey(key);
    this.#state.checkOpen();
    const view = this.#state.pin();
    try {
      return await Promise.all(keys.map((key) => this.get(key, sequence)));
    } finally {
      this.#state.unpin(view);
    }
  }

  #find(key: Uint8Array, sequence: number, access: 'read' | 'cached'): Uint8Array | undefined {
    const lookup = this.#lookup;
    lookup.key = key;
    lookup.keyHash = hash32(key, 0, key.length);
    lookup.maxSequence = sequence;
    lookup.access = access;
    this.counters.gets++;
    const found = this.#found;
    try {
      if (this.#state.live.version.losses.length > 0) this.#checkLosses(lookup);
      if (!this.#state.view.find(lookup, found)) return undefined;
    } catch (error) {
      throw error instanceof BlockMissing ? error : this.#state.noted(error);
    }
    return this.#copies.copy(found.bytes, found.start, found.end);
  }

  /** @throws CoterieError `CORRUPTION` when what was lost may be newer than anything there is */
  #checkLosses(lookup: Lookup): void {
    const { view, live, directory } = this.#state;
    const loss = lossAt(live.version.losses, lookup.key);
    if (loss !== undefined && view.newestOf(lookup) <= loss.sequence) throw lossError(loss, directory);
  }

  /** Each turn loads the block that the last try missed. Without a snapshot a later try may see a later state: it is the answer then. */
  async #getSlowly(key: Uint8Array, sequence: number | undefined, missing: Missing): Promise<Uint8Array | undefined> {
    const ownKey = key.slice();
    const hold = new BlockHold();
    const lookup = this.#lookup;
    for (let next: Missing | undefined = missing; next !== undefined; ) {
      const view = this.#state.pin();
      try {
        await next.table.load(next.block, hold);
      } catch (error) {
        throw this.#state.noted(error);
      } finally {
        this.#state.unpin(view);
      }
      this.#state.checkOpen();
      lookup.hold = hold;
      try {
        return this.#find(ownKey, sequence ?? this.#newest(), 'cached');
      } catch (error) {
        if (!(error instanceof BlockMissing)) throw error;
        next = { table: error.table, block: error.block };
      } finally {
        lookup.hold = undefined;
      }
    }
    return undefined;
  }
}

/** A block to load, taken out of the shared `BlockMissing`. */
export type Missing = Pick<BlockMissing, 'table' | 'block'>;
