/**
 * Removes the keys of dropped bucket generations in the background, a page at a time. They are out of sight from the
 * moment of the drop; this gives the space back.
 *
 * ```
 *   work item in the store ──▶ page of the index ──▶ one batch: delete objects and sums, delete the index range ──▶ rest ──▶ … ──▶ item gone ──▶ flush
 * ```
 *
 * What is done is gone from the index, so a crash loses at most one page of work and a start goes on from the items. Each
 * page begins where the last one ended, and its range delete too: beginning at the front, a page would walk over all that
 * is deleted already, and ranges that cover each other cost their square. It rests as long as it works.
 */
import type { Clock, Log, Timers } from '@coterie/env';
import type { Trees } from '../anti-entropy/trees.ts';
import type { DroppedGeneration } from './buckets.ts';
import { listKey } from '../forgetting/forgettable.ts';
import { addressOf, afterPrefix, droppedKey, indexKey, indexPrefixLength, space, successor } from '../store/layout.ts';
import { restAfter } from '../transfer/pace.ts';
import type { Store } from '../store/store.ts';

const pageKeys = 256;

/** What the dropper needs. */
export interface DropperParts {
  readonly store: Store;
  readonly trees: Pick<Trees, 'recordKey'>;
  readonly environment: { readonly clock: Clock; readonly timers: Timers; readonly log: Log };
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
        this.#parts.environment.log.error('a dropped bucket could not be cleared; the next start tries again', { reason: String(error) });
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
    const { store } = this.#parts;
    // Once more after a pass that found something: a write that had begun may have come behind it.
    while (await this.#clearAll(dropped));
    if (this.#stopped) return;
    const batch = store.batch();
    batch.delete(droppedKey(dropped.nameBytes, dropped.generation));
    await batch.commit({ durable: false });
    // Only from tables do deletes take away what they delete.
    await store.flush?.();
    this.#pending -= 1;
  }

  /** One pass over the index; resolves to whether it found anything. */
  async #clearAll(dropped: DroppedGeneration): Promise<boolean> {
    const { environment } = this.#parts;
    const { nameBytes, generation } = dropped;
    const bucket = new TextDecoder().decode(nameBytes);
    const first = indexKey({ bucket, bucketBytes: nameBytes, generation, key: new Uint8Array() });
    const until = afterPrefix(first);
    for (let from = first; !this.#stopped; ) {
      const sinceMs = environment.clock.monotonic();
      const next = await this.#clearPage(dropped, { from, until });
      if (next === undefined) return from !== first;
      from = next;
      await environment.timers.turn();
      await restAfter(environment, sinceMs);
    }
    return false;
  }

  /** Clears the next keys of the index; resolves to where the rest begins, if it found any. */
  async #clearPage(
    { nameBytes, generation }: DroppedGeneration,
    { from, until }: { readonly from: Uint8Array; readonly until: Uint8Array },
  ): Promise<Uint8Array | undefined> {
    const scope = { bucket: new TextDecoder().decode(nameBytes), bucketBytes: nameBytes, generation };
    const keyAt = indexPrefixLength(nameBytes);
    const batch = this.#parts.store.batch();
    let end: Uint8Array | undefined;
    for await (const [entryKey] of this.#parts.store.range({ gte: from, lt: until, limit: pageKeys })) {
      const address = addressOf({ ...scope, key: entryKey.slice(keyAt) });
      batch.delete(address.objectKey);
      batch.delete(listKey(address.objectKey));
      // Once for each key: it says the same for all keys of a leaf.
      batch.delete(this.#parts.trees.recordKey(address.token.high, { nameBytes, generation }));
      end = successor(entryKey);
    }
    if (end === undefined) return undefined;
    batch.deleteRange(from, end);
    await batch.commit({ durable: false });
    return end;
  }
}
