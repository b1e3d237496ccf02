/**
 * The buckets that somebody wrote, set or dropped: all in memory, each change durable before it holds. They are kept in
 * the store until there is a ring log to keep them.
 *
 * ```
 *  record = JSON: {"format":1,"generation":2,"used":true,"exists":true,"given":{"siblingsMax":10}}
 * ```
 *
 * `used` says that the generation was written to: from then on `conflict` and `token` are fixed. The first write of a
 * generation puts the record into its own batch. Changes take turns; a generation only grows.
 */
import { CoterieError } from '@coterie/env';
import type { Bucket } from './api.ts';
import { checkFixed, checkProperties, type GivenProperties, resolveProperties } from './bucket-properties.ts';
import { afterPrefix, droppedKey, namedKey, space } from './layout.ts';
import type { Store, StoreBatch } from './store.ts';

/** A bucket as this node knows it. Immutable. */
export interface KnownBucket extends Bucket {
  readonly nameBytes: Uint8Array;
  readonly used: boolean;
  readonly given: GivenProperties;
}

/** A generation whose keys are still to be removed. */
export interface DroppedGeneration {
  readonly nameBytes: Uint8Array;
  readonly generation: number;
}

/** Longest bucket name in bytes. */
export const bucketBytesMax = 128;

const recordFormat = 1;

/** All buckets of a node. */
export class Buckets {
  readonly #store: Store;
  readonly #bucketsMax: number;
  readonly #known = new Map<string, KnownBucket>();
  /** Names whose first write has not settled. */
  readonly #unsettled = new Set<string>();
  #changes: Promise<unknown> = Promise.resolve();

  private constructor(store: Store, bucketsMax: number) {
    this.#store = store;
    this.#bucketsMax = bucketsMax;
  }

  /** Reads all bucket records. */
  static async load(store: Store, bucketsMax: number): Promise<Buckets> {
    const buckets = new Buckets(store, bucketsMax);
    const prefix = Uint8Array.of(space.bucket);
    for await (const [key, value] of store.range({ gte: prefix, lt: afterPrefix(prefix), limit: 2 ** 31 })) {
      const bucket = decodeBucket(key.slice(1), value);
      buckets.#known.set(bucket.name, bucket);
    }
    return buckets;
  }

  /** The bucket of that name, as it stands or with the defaults. @throws `INVALID_ARGUMENT` for an impossible name */
  get(name: string): KnownBucket {
    return this.#known.get(name) ?? unknownBucket(name);
  }

  /** All that exist, sorted by name. */
  list(): readonly KnownBucket[] {
    const existing = [...this.#known.values()].filter((bucket) => bucket.exists);
    return existing.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Adds to `batch` that the bucket is written to. @throws `STALE_RING` if it was dropped since `bucket` was read, `OVERLOADED` past the limit */
  use(batch: StoreBatch, bucket: KnownBucket): void {
    const current = this.get(bucket.name);
    if (current.generation !== bucket.generation) {
      throw new CoterieError('STALE_RING', `bucket ${bucket.name} was dropped while the write was on its way; try again`, {
        details: { mayHaveTakenEffect: false },
      });
    }
    if (!current.used) {
      this.#checkRoom(current);
      this.#known.set(current.name, { ...current, used: true, exists: true });
      this.#unsettled.add(current.name);
    }
    // In every batch until one of them has settled: any of them may be the first that survives.
    if (this.#unsettled.has(current.name)) this.#put(batch, this.get(current.name));
  }

  /** A batch that `use` added to is durable. */
  used(bucket: KnownBucket): void {
    if (this.get(bucket.name).generation === bucket.generation) this.#unsettled.delete(bucket.name);
  }

  /** Sets properties beside those said before. */
  set(name: string, given: GivenProperties): Promise<KnownBucket> {
    return this.#change(async () => {
      const before = this.get(name);
      const all = checkProperties({ ...before.given, ...given });
      const after: KnownBucket = { ...before, given: all, properties: resolveProperties(all), exists: true };
      if (before.used) checkFixed(before.properties, after.properties);
      this.#checkRoom(before);
      await this.#write(after, this.#store.batch());
      return after;
    });
  }

  /** Raises the generation and forgets the properties. Resolves to the dropped generation, undefined if nothing was there. */
  drop(name: string): Promise<DroppedGeneration | undefined> {
    return this.#change(async () => {
      const { nameBytes, generation, exists } = this.get(name);
      if (!exists) return undefined;
      const after: KnownBucket = { ...unknownBucket(name), generation: generation + 1 };
      const batch = this.#store.batch();
      batch.put(droppedKey(nameBytes, generation), new Uint8Array());
      this.#unsettled.delete(name);
      await this.#write(after, batch);
      return { nameBytes, generation };
    });
  }

  /** The change holds from the turn in which it is handed to the log, so what is committed later builds on it. */
  async #write(bucket: KnownBucket, batch: StoreBatch): Promise<void> {
    this.#put(batch, bucket);
    this.#known.set(bucket.name, bucket);
    await batch.commit({ durable: true });
  }

  #put(batch: StoreBatch, bucket: KnownBucket): void {
    batch.put(namedKey(space.bucket, bucket.nameBytes), encodeBucket(bucket));
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(change);
    this.#changes = result.catch(() => undefined);
    return result;
  }

  #checkRoom(bucket: KnownBucket): void {
    if (bucket.exists || this.#known.has(bucket.name) || this.#known.size < this.#bucketsMax) return;
    throw new CoterieError('OVERLOADED', `there are ${this.#known.size} buckets, the most that this node keeps`, {
      retryable: false,
      details: { mayHaveTakenEffect: false },
    });
  }
}

function unknownBucket(name: string): KnownBucket {
  return { name, nameBytes: checkName(name), generation: 1, properties: resolveProperties({}), exists: false, used: false, given: {} };
}

function checkName(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  // Dots alone would vanish from a URL; control characters have no business in a name; a lone surrogate is no text.
  const fits = bytes.length >= 1 && bytes.length <= bucketBytesMax && !/\p{Surrogate}/u.test(name);
  if (fits && !/[\u0000-\u001f\u007f]/.test(name) && name !== '.' && name !== '..') return bytes;
  throw new CoterieError(
    'INVALID_ARGUMENT',
    `bucket names have 1 to ${bucketBytesMax} bytes of UTF-8 without control characters, and are not . or ..`,
    {
      details: { mayHaveTakenEffect: false },
    },
  );
}

function encodeBucket(bucket: KnownBucket): Uint8Array {
  const { generation, used, given, exists } = bucket;
  return new TextEncoder().encode(JSON.stringify({ format: recordFormat, generation, used, exists, given }));
}

function decodeBucket(nameBytes: Uint8Array, record: Uint8Array): KnownBucket {
  const name = new TextDecoder().decode(nameBytes);
  const said = JSON.parse(new TextDecoder().decode(record)) as {
    readonly format: number;
    readonly generation: number;
    readonly used: boolean;
    readonly exists: boolean;
    readonly given: GivenProperties;
  };
  if (said.format !== recordFormat) throw new CoterieError('UNSUPPORTED_FORMAT', `the record of bucket ${name} has format ${said.format}`);
  const { generation, used, exists, given } = said;
  return { name, nameBytes, generation, used, exists, given, properties: resolveProperties(given) };
}
