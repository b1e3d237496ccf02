/**
 * A batch under construction: operations encoded as they come, in the format of a log record, so that committing is one
 * copy. All or nothing, in order: a later operation on the same key wins.
 */
import { allocate } from '@coterie/bytes';
import { Memtable } from '@coterie/memtable';
import { checkKey, checkRange, checkValue, tooLarge } from './check.ts';
import { batchBytesMax, type Durability } from './options.ts';
import { deleteBytes, putBytes, writeDelete, writePut, writeRangeDelete } from './record.ts';

/** What a batch needs of its store. */
export interface BatchTarget {
  commitBatch(batch: Batch, durable: Durability | undefined): Promise<void>;
  commitBatchSync(batch: Batch, durable: Durability | undefined): void;
}

/** Options of one write. */
export interface WriteOptions {
  /** Overrides the store's durability for this write. */
  readonly durable?: Durability;
}

const noBytes = new Uint8Array(0);
/** Room for what often follows the first operation. */
const smallBytes = 128;

/** Collects operations; `commit` applies them all at once. A batch can be committed once. */
export class Batch {
  /** Encoded operations, `bytes[0, length)`. */
  bytes: Uint8Array = noBytes;
  length = 0;
  operations = 0;
  /** Upper bound of what the operations take in a memtable. */
  memtableBytes = 0;
  /** Set by the store that took it. */
  committed = false;
  readonly #target: BatchTarget;

  constructor(target: BatchTarget) {
    this.#target = target;
  }

  /** Adds a put. The bytes are copied. @throws CoterieError `TOO_LARGE`, `INVALID_ARGUMENT` */
  put(key: Uint8Array, value: Uint8Array): this {
    checkKey(key);
    checkValue(value);
    const at = this.#grow(putBytes(key, value));
    writePut(this.bytes, at, [key, value]);
    this.memtableBytes += Memtable.entryBytesMax(key.length, value.length);
    return this;
  }

  /** Adds a delete. */
  delete(key: Uint8Array): this {
    checkKey(key);
    const at = this.#grow(deleteBytes(key));
    writeDelete(this.bytes, at, key);
    this.memtableBytes += Memtable.entryBytesMax(key.length, 0);
    return this;
  }

  /** Adds a delete of every key in [from, to). Nothing happens when the range is empty. */
  deleteRange(from: Uint8Array, to: Uint8Array): this {
    if (!checkRange(from, to)) return this;
    const at = this.#grow(putBytes(from, to));
    writeRangeDelete(this.bytes, at, [from, to]);
    this.memtableBytes += Memtable.rangeDeleteBytesMax(from.length, to.length);
    return this;
  }

  /** Applies the batch; resolves when it is as durable as asked. */
  commit(options?: WriteOptions): Promise<void> {
    return this.#target.commitBatch(this, options?.durable);
  }

  /** Applies the batch before it returns. */
  commitSync(options?: WriteOptions): void {
    this.#target.commitBatchSync(this, options?.durable);
  }

  #grow(bytes: number): number {
    const at = this.length;
    if (at + bytes > batchBytesMax + 16 * (this.operations + 1)) throw tooLarge('batch', at + bytes, batchBytesMax);
    this.length = at + bytes;
    this.operations++;
    if (this.length > this.bytes.length) {
      const grown = allocate(Math.max(this.length + smallBytes, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, at));
      this.bytes = grown;
    }
    return at;
  }
}
