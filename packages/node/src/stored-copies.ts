/** Reads this store's copies, as objects or only as the hash of what they are, and tells its life when one is damaged. */
import { isCoterieError } from '@coterie/env';
import type { Hash64 } from '@coterie/ring';
import { type Address, latin1 } from './layout.ts';
import type { Life } from './life.ts';
import { addressSeed, type CausalObject, emptyObject, hashOf } from './object.ts';
import type { Store } from './store.ts';
import { type Copy, decodeCopy, hashOfRecord } from './stored-copy.ts';

/** An object, and the hash of its header. */
export interface HashedObject {
  readonly object: CausalObject;
  readonly hash: Hash64;
}

const noCopy: Copy = { object: emptyObject, own: undefined };
const nothing: HashedObject = { object: emptyObject, hash: hashOf(emptyObject) };

/** The copies in a store. */
export class StoredCopies {
  readonly #store: Pick<Store, 'get'>;
  readonly #life: Pick<Life, 'damaged'>;

  constructor(parts: { readonly store: Pick<Store, 'get'>; readonly life: Pick<Life, 'damaged'> }) {
    this.#store = parts.store;
    this.#life = parts.life;
  }

  /** The copy in the record under `key`, which is the object's own key or that of a hint. @throws `CORRUPTION` */
  async load(key: Uint8Array, { objectKey, id }: Pick<Address, 'objectKey' | 'id'>): Promise<Copy> {
    try {
      const record = await this.#store.get(key);
      return record === undefined ? noCopy : decodeCopy(record, addressSeed(objectKey));
    } catch (error) {
      throw this.#noted(error, id);
    }
  }

  /** The object here, and the hash that others tell theirs by. @throws `CORRUPTION` */
  async hashed({ objectKey, id }: Pick<Address, 'objectKey' | 'id'>): Promise<HashedObject> {
    try {
      const record = await this.#store.get(objectKey);
      if (record === undefined) return nothing;
      const seed = addressSeed(objectKey);
      return { object: decodeCopy(record, seed).object, hash: hashOfRecord(record, seed) };
    } catch (error) {
      throw this.#noted(error, id);
    }
  }

  /** The hash of the object under `objectKey`, which is verified and not decoded. @throws `CORRUPTION` */
  async hash(objectKey: Uint8Array): Promise<Hash64> {
    try {
      const record = await this.#store.get(objectKey);
      return record === undefined ? nothing.hash : hashOfRecord(record, addressSeed(objectKey));
    } catch (error) {
      throw this.#noted(error, latin1(objectKey));
    }
  }

  #noted(error: unknown, where: string): unknown {
    // An older state of the key may come to light where the damage is: this life's dots may be lost there.
    if (isCoterieError(error, 'CORRUPTION')) this.#life.damaged(error.details.file ?? where);
    return error;
  }
}
