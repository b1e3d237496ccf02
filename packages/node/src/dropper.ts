/**
 * Removes the keys of dropped bucket generations in the background, a page at a time. They are out of sight from the
 * moment of the drop; this gives the space back.
 *
 * ```
 *   work item in the store ──▶ page of the index ──▶ one batch: delete objects and sums, delete the index range ──▶ … ──▶ item gone ──▶ flush
 * ```
 *
 * What is done is gone from the index, so a crash loses at most one page of work and a start goes on from the items.
 */
import type { Log, Timers } from '@coterie/env';
import type { Trees } from './anti-entropy/trees.ts';
import type { DroppedGeneration } from './buckets.ts';
import { listKey } from './forgetting/forgettable.ts';
import { addressOf, afterPrefix, droppedKey, indexKey, indexPrefixLength, space, successor } from './layout.ts';
import type { Store } from './store.ts';

const pageKeys = 256;

/** What the dropper needs. */
export interface DropperParts {
  readonly store: Store;
  readonly trees: Pick<Trees, 'recordKey'>;
  readonly timers: Timers;
  readonly log: Log;
}

/** Works off dropped generations, one after the other. */
export class Dropper {
  readonly #parts: DropperParts;
  #work: Promise<void> = Promise.resolve();
  #stopped = false;
  #pending = 0;

  constructor(parts: DropperParts) {
    this.#parts = parts;
  }

  /** Generations still to be removed. */
  get pending(): number {
    return this.#pending;
  }

  /** Takes up what an earlier run left. */
  async resume(): Promise<void> {
    const prefix = Uint8Array.of(space.dropped);
    for await (const [key] of this.#parts.store.range({ gte: prefix, lt: afterPrefix(prefix), limit: 2 ** 31 })) {
      const generation = new DataView(key.buffer, key.byteOffset).getUint32(1);
      this.add({ nameBytes: key.slice(5), generation });
    }
  }

  /** Removes this generation's keys when those before it are done. */
  add(dropped: DroppedGeneration): void {
    this.#pending += 1;
    this.#work = this.#work
      .then(() => this.#clear(dropped))
      .catch((error: unknown) => {
        this.#parts.log.error('a dropped bucket could not be cleared; the next start tries again', { reason: String(error) });
      });
  }

  /** Resolves when nothing is left to do. */
  idle(): Promise<void> {
    return this.#work;
  }

  /** Ends after the page in work. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#work;
  }

  async #clear(dropped: DroppedGeneration): Promise<void> {
    while (!this.#stopped && (await this.#clearPage(dropped))) await this.#parts.timers.turn();
    if (this.#stopped) return;
    const batch = this.#parts.store.batch();
    batch.delete(droppedKey(dropped.nameBytes, dropped.generation));
    await batch.commit({ durable: false });
    // Only from tables do deletes take away what they delete.
    await this.#parts.store.flush?.();
    this.#pending -= 1;
  }

  /** Whether there may be more. */
  async #clearPage({ nameBytes, generation }: DroppedGeneration): Promise<boolean> {
    const bucket = new TextDecoder().decode(nameBytes);
    const scope = { bucket, bucketBytes: nameBytes, generation };
    const first = indexKey({ ...scope, key: new Uint8Array() });
    const keyAt = indexPrefixLength(nameBytes);
    const batch = this.#parts.store.batch();
    let last: Uint8Array | undefined;
    let count = 0;
    for await (const [entryKey] of this.#parts.store.range({ gte: first, lt: afterPrefix(first), limit: pageKeys })) {
      const address = addressOf({ ...scope, key: entryKey.slice(keyAt) });
      batch.delete(address.objectKey);
      batch.delete(listKey(address.objectKey));
      // Once for each key: it says the same for all keys of a leaf.
      batch.delete(this.#parts.trees.recordKey(address.token.high, { nameBytes, generation }));
      last = entryKey;
      count += 1;
    }
    if (last === undefined) return false;
    batch.deleteRange(first, successor(last));
    await batch.commit({ durable: false });
    return count === pageKeys;
  }
}
