/**
 * The slice of an ordered byte store that a node needs. `@coterie/lsm` fits it; tests give a small twin. Keys and values
 * that a store returns are the node's to keep.
 */
import type { Environment } from '@coterie/env';

/** `true`: done when synced. `false`: when handed to the system. `everyMs`: handed, and synced that often. */
export type Durability = boolean | { readonly everyMs: number };

/** Operations that are applied together or not at all. Keys and values are copied in the call that adds them. */
export interface StoreBatch {
  put(key: Uint8Array, value: Uint8Array): unknown;
  delete(key: Uint8Array): unknown;
  /** Every key in [from, to). */
  deleteRange(from: Uint8Array, to: Uint8Array): unknown;
  /**
   * Resolves when the batch is visible and as durable as asked. Batches take effect in the order of their `commit`
   * calls. After a rejection the batch may have taken effect unless the error's `mayHaveTakenEffect` is false.
   */
  commit(options: { readonly durable: Durability }): Promise<void>;
}

/** Bounds of a scan: keys in [gte, lt), at most `limit`. */
export interface StoreRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
  readonly limit: number;
}

/** Keys at or after `lower`, up to `upper`. */
export interface LostStretch {
  readonly lower: Uint8Array;
  readonly upper: Uint8Array;
  readonly upperExclusive: boolean;
}

/** An ordered store of byte keys and values. */
export interface Store {
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** `get` that answers at once where it can, and may throw. A store that cannot need not have it. */
  getNow?(key: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  batch(): StoreBatch;
  range(range: StoreRange): AsyncIterable<readonly [Uint8Array, Uint8Array]>;
  /** Says that until the store is closed nobody reads what is written to the keys in [from, to) from now on. Harmless to do without. */
  leaveUnread?(from: Uint8Array, to: Uint8Array): void;
  /** Why the store takes no more writes; undefined while it does. */
  readonly failure?: Error | undefined;
  /** Stretches of keys that cannot be read because a file was damaged. A store that never says so need not have it. */
  readonly losses?: readonly LostStretch[];
  /** Takes what was lost of the keys in [from, to) for gone: reads answer with what is left. Durable when it resolves. */
  acceptLosses?(from?: Uint8Array, to?: Uint8Array): Promise<void>;
  /** Reads a file back and checks it, the one after `after`; undefined when there is none. A damaged one is set aside. */
  scrubNext?(after: number): Promise<{ readonly table: number; readonly bytes: number; readonly damage?: unknown } | undefined>;
  /** Writes a copy of the store as it is now into a directory that is empty or absent. */
  checkpoint?(directory: string): Promise<void>;
  /** Brings what is in memory into tables, so that what it deletes can give its space back. A store without tables need not have it. */
  flush?(): Promise<void>;
  statistics?(): Readonly<Record<string, number | string | boolean>>;
  close(): Promise<void>;
}

/** What a node says when it opens its store. */
export interface StoreOpening {
  readonly environment: Environment;
  readonly durable: Durability;
}

/** Opens, or makes, the store in a directory. */
export type OpenStore = (directory: string, opening: StoreOpening) => Promise<Store>;
