/**
 * The buckets as this node knows them: what the ring log says of each (generation, properties), and whether this store
 * was written to. The first write of a generation puts a record of use into its own batch.
 *
 * ```
 *  record = JSON: {"format":2,"generation":2}       this generation of the bucket was written to here
 * ```
 *
 * A generation only grows. When the ring log raises it, what is below is to be cleared, also by a node that was away.
 * Format 1, from before there was a ring log, held the properties too; `readFormerBuckets` gives them to the first one.
 */
import { CoterieError } from '@coterie/env';
import type { Bucket } from '../api.ts';
import { type GivenProperties, resolveProperties } from './bucket-properties.ts';
import { unsaid } from '../cluster/decisions.ts';
import type { DecidedBucket } from '../cluster/state.ts';
import { afterPrefix, droppedKey, namedKey, space } from '../store/layout.ts';
import type { Store, StoreBatch } from '../store/store.ts';

/** A bucket as this node knows it. Immutable. */
export interface KnownBucket extends Bucket {
  readonly nameBytes: Uint8Array;
  /** Whether this store was written to: from then on `conflict` and `token` are fixed. */
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

const recordFormat = 2;

/** What the ring log says of buckets, by name. */
export type DecidedBuckets = ReadonlyMap<string, DecidedBucket>;

/** All buckets of a node. */
export class Buckets {
  readonly #store: Store;
  readonly #bucketsMax: number;
  #decided: DecidedBuckets;
  /** The generation of each bucket that was written to here. */
  readonly #used: Map<string, number>;
  /** Names whose first write has not settled. */
  readonly #unsettled = new Set<string>();
  /** Made when first asked for; forgotten when anything about the bucket changes. */
  readonly #known = new Map<string, KnownBucket>();

  private constructor(
    store: Store,
    parts: { readonly bucketsMax: number; readonly decided: DecidedBuckets; readonly used: Map<string, number> },
  ) {
    this.#store = store;
    this.#bucketsMax = parts.bucketsMax;
    this.#decided = parts.decided;
    this.#used = parts.used;
  }

  /** Reads the records of use. */
  static async load(store: Store, bucketsMax: number, decided: DecidedBuckets): Promise<Buckets> {
    const used = new Map<string, number>();
    for await (const { name, generation, used: isUsed } of bucketRecords(store)) if (isUsed) used.set(name, generation);
    return new Buckets(store, { bucketsMax, decided, used });
  }

  /** The bucket of that name, as it stands or with the defaults. @throws `INVALID_ARGUMENT` for an impossible name */
  get(name: string): KnownBucket {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const { generation, given, exists } = this.#decided.get(name) ?? unsaid;
    const used = this.#used.get(name) === generation;
    const nameBytes = checkName(name);
    const bucket = { name, nameBytes, generation, given, properties: resolveProperties(given), used, exists: exists || used };
    if (bucket.exists) this.#known.set(name, bucket);
    return bucket;
  }

  /** All that exist, sorted by name. */
  list(): readonly KnownBucket[] {
    const names = [...new Set([...this.#decided.keys(), ...this.#used.keys()])].sort();
    return names.map((name) => this.get(name)).filter((bucket) => bucket.exists);
  }

  /** Adds to `batch` that the bucket is written to. @throws `STALE_RING` if it was dropped since `bucket` was read, `OVERLOADED` past the limit */
  use(batch: StoreBatch, bucket: KnownBucket): void {
    const { name, generation } = bucket;
    const current = this.get(name);
    if (current.generation !== generation) {
      throw new CoterieError('STALE_RING', `bucket ${name} was dropped while the write was on its way; try again`, {
        details: { mayHaveTakenEffect: false },
      });
    }
    if (!current.used) {
      this.checkRoom(current);
      this.#used.set(name, generation);
      this.#known.delete(name);
      this.#unsettled.add(name);
    }
    // In every batch until one of them has settled: any of them may be the first that survives.
    if (this.#unsettled.has(name)) batch.put(namedKey(space.bucket, bucket.nameBytes), encodeUse(generation));
  }

  /** A batch that `use` added to is durable. */
  used(bucket: KnownBucket): void {
    if (this.#used.get(bucket.name) === bucket.generation) this.#unsettled.delete(bucket.name);
  }

  /**
   * Takes in what the ring log says now, from this turn on. Resolves to the generations that are to be cleared here,
   * once it is durable that they are.
   */
  async follow(decided: DecidedBuckets): Promise<readonly DroppedGeneration[]> {
    this.#decided = decided;
    this.#known.clear();
    const dropped: DroppedGeneration[] = [];
    const batch = this.#store.batch();
    for (const [name, generation] of this.#used) {
      if (generation >= (decided.get(name) ?? unsaid).generation) continue;
      const nameBytes = checkName(name);
      batch.put(droppedKey(nameBytes, generation), new Uint8Array());
      batch.delete(namedKey(space.bucket, nameBytes));
      this.#used.delete(name);
      this.#unsettled.delete(name);
      dropped.push({ nameBytes, generation });
    }
    if (dropped.length > 0) await batch.commit({ durable: true });
    return dropped;
  }

  /** Lets one more bucket be known. @throws `OVERLOADED` past the limit */
  checkRoom(bucket: KnownBucket): void {
    if (bucket.exists || this.#decided.size + this.#used.size < this.#bucketsMax) return;
    throw new CoterieError('OVERLOADED', `there are ${this.#bucketsMax} buckets, the most that this node keeps`, {
      retryable: false,
      details: { mayHaveTakenEffect: false },
    });
  }
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

function encodeUse(generation: number): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ format: recordFormat, generation }));
}

/** A bucket's record, of either format. */
interface BucketRecord {
  readonly name: string;
  readonly generation: number;
  readonly used: boolean;
  /** What format 1 knew of it. */
  readonly decided: DecidedBucket | undefined;
}

async function* bucketRecords(store: Store): AsyncGenerator<BucketRecord> {
  const prefix = Uint8Array.of(space.bucket);
  for await (const [key, value] of store.range({ gte: prefix, lt: afterPrefix(prefix), limit: 2 ** 31 })) {
    yield decodeRecord(new TextDecoder().decode(key.subarray(1)), value);
  }
}

function decodeRecord(name: string, record: Uint8Array): BucketRecord {
  const said = JSON.parse(new TextDecoder().decode(record)) as {
    readonly format: number;
    readonly generation: number;
    readonly used?: boolean;
    readonly exists?: boolean;
    readonly given?: GivenProperties;
  };
  const { format, generation, used = true, exists = false, given = {} } = said;
  if (format !== 1 && format !== recordFormat)
    throw new CoterieError('UNSUPPORTED_FORMAT', `the record of bucket ${name} has format ${format}`);
  return { name, generation, used, decided: format === 1 ? { generation, given, exists } : undefined };
}

/** What a store from before there was a ring log says of its buckets. */
export async function readFormerBuckets(store: Store): Promise<DecidedBuckets> {
  const found = new Map<string, DecidedBucket>();
  for await (const { name, decided } of bucketRecords(store)) if (decided !== undefined) found.set(name, decided);
  return found;
}
