/** Reads this store's copies, as objects or only as the hash of what they are, and tells its life when one is damaged. */
import { isCoterieError } from '@coterie/env';
import type { Hash64 } from '@coterie/ring';
import { type Address, latin1 } from '../store/layout.ts';
import type { Life } from '../store/life.ts';
import { addressSeed, emptyObject, type HashedObject, hashOf } from '../objects/object.ts';
import type { Store } from '../store/store.ts';
import { type Copy, decodeCopy, hashOfRecord } from './stored-copy.ts';

const noCopy: Copy = { object: emptyObject, own: undefined };
const nothing: HashedObject = { object: emptyObject, hash: hashOf(emptyObject) };

const noRecord = Promise.resolve(undefined);
const unreadable = null;
/** A record, none, or one that cannot be read. */
type MaybeRecord = Uint8Array | undefined | null;

/** The copies in a store. */
export class StoredCopies {
  readonly #store: Pick<Store, 'get' | 'getNow'>;
  readonly #life: Pick<Life, 'damaged'>;

  constructor(parts: { readonly store: Pick<Store, 'get' | 'getNow'>; readonly life: Pick<Life, 'damaged'> }) {
    this.#store = parts.store;
    this.#life = parts.life;
  }

  /**
   * The copy in the record under `key`, which is the object's own key or that of a hint; at once if the store has it in memory.
   * @throws `CORRUPTION`, or rejects with it
   */
  load(key: Uint8Array, { objectKey }: Pick<Address, 'objectKey'>): Copy | Promise<Copy> {
    const record = this.#find(key, objectKey);
    return record instanceof Promise ? record.then((read) => this.#decode(read, objectKey)) : this.#decode(record, objectKey);
  }

  #find(key: Uint8Array, objectKey: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const failed = (error: unknown): never => {
      throw this.#noted(error, objectKey);
    };
    try {
      const record = this.#store.getNow === undefined ? this.#store.get(key) : this.#store.getNow(key);
      return record instanceof Promise ? record.catch(failed) : record;
    } catch (error) {
      return failed(error);
    }
  }

  #decode(record: Uint8Array | undefined, objectKey: Uint8Array): Copy {
    try {
      return record === undefined ? noCopy : decodeCopy(record, addressSeed(objectKey));
    } catch (error) {
      throw this.#noted(error, objectKey);
    }
  }

  /** The object under `objectKey`, and the hash that others tell theirs by; undefined when it cannot be read. */
  async hashed(objectKey: Uint8Array): Promise<HashedObject | undefined> {
    try {
      const record = await this.#store.get(objectKey);
      if (record === undefined) return nothing;
      return decodeCopy(record, addressSeed(objectKey));
    } catch (error) {
      this.#noted(error, objectKey);
      return undefined;
    }
  }

  /** The hashes of the objects under these keys, read at once, in order; undefined where there is no key, and for one that is damaged. */
  async hashes(objectKeys: readonly (Uint8Array | undefined)[]): Promise<(Hash64 | undefined)[]> {
    const records = await this.#records(objectKeys);
    const hashes: (Hash64 | undefined)[] = [];
    for (let at = 0; at < records.length; at++) hashes.push(this.#hashOf(objectKeys[at], records[at]));
    return hashes;
  }

  #hashOf(objectKey: Uint8Array | undefined, record: MaybeRecord): Hash64 | undefined {
    if (objectKey === undefined || record === unreadable) return undefined;
    if (record === undefined) return nothing.hash;
    try {
      return hashOfRecord(record, addressSeed(objectKey));
    } catch (error) {
      this.#noted(error, objectKey);
      return undefined;
    }
  }

  // One promise for all but the store's own: a promise more for each key costs as much as its hash.
  async #records(objectKeys: readonly (Uint8Array | undefined)[]): Promise<MaybeRecord[]> {
    const reading = objectKeys.map((key) => (key === undefined ? noRecord : this.#store.get(key)));
    try {
      return await Promise.all(reading);
    } catch {
      return Promise.all(reading.map((one, at) => one.catch((error: unknown) => this.#unreadable(error, objectKeys[at]))));
    }
  }

  #unreadable(error: unknown, objectKey: Uint8Array | undefined): null {
    if (objectKey !== undefined) this.#noted(error, objectKey);
    return unreadable;
  }

  #noted(error: unknown, objectKey: Uint8Array): unknown {
    // An older state of the key may come to light where the damage is: this life's dots may be lost there.
    if (isCoterieError(error, 'CORRUPTION')) this.#life.damaged(error.details.file ?? latin1(objectKey));
    return error;
  }
}
