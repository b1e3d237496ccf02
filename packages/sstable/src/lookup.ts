/**
 * What callers and tables hand each other: the question and answer of a point read, the signal that a block is not in
 * memory, and the blocks that a caller holds on to while it tries again.
 *
 * ```
 *  find or cursor, access 'cached' ─▶ throws BlockMissing { table, block }
 *        ▲                                     │ await table.load(block, hold)
 *        └───────────── try again ─────────────┘  finds the block in the cache, or in `hold` if the cache let it go
 * ```
 */
import type { BlockPlace } from './block-check.ts';
import type { Table } from './table.ts';

/** How a read may get at blocks: `read` reads the file at once, `cached` throws `BlockMissing`. */
export type Access = 'read' | 'cached';

/** A point read: reused from call to call. */
export interface Lookup {
  key: Uint8Array;
  /** `hash32` of `key`. */
  keyHash: number;
  /** Entries with a higher sequence are passed over. */
  maxSequence: number;
  access: Access;
  /** Blocks to look into besides the cache. */
  hold?: BlockHold | undefined;
  /** The answer: sequence and type of the entry found; its value is `valueBytes[valueStart, valueEnd)`, good until the next call into any table. */
  sequence: number;
  type: number;
  valueBytes: Uint8Array;
  valueStart: number;
  valueEnd: number;
}

/** A new lookup with every field there, so that all lookups have one shape. */
export function createLookup(): Lookup {
  const none = new Uint8Array(0);
  return {
    key: none,
    keyHash: 0,
    maxSequence: 0,
    access: 'read',
    hold: undefined,
    sequence: 0,
    type: 0,
    valueBytes: none,
    valueStart: 0,
    valueEnd: 0,
  };
}

/** Thrown by `cached` reads: load `block` of `table` and try again. There is one, used over and over: take the fields at once. */
export class BlockMissing extends Error {
  table!: Table;
  block = 0;
  /** How much the read would like to be read at once, from this block on. */
  readAheadBytes = 0;
}

/** The one that is thrown: making an error with a stack trace costs more than the lookup. */
export const blockMissing: BlockMissing = new BlockMissing('a block is not in memory');
blockMissing.name = 'BlockMissing';
blockMissing.stack = 'BlockMissing';

/** Blocks that a caller keeps for the time of one operation, so that a retry gets further however small the cache. */
export class BlockHold {
  readonly #tables = new Map<Table, Map<number, BlockPlace>>();

  get(table: Table, block: number): BlockPlace | undefined {
    return this.#tables.get(table)?.get(block);
  }

  add(table: Table, block: number, place: BlockPlace): void {
    let blocks = this.#tables.get(table);
    if (blocks === undefined) {
      blocks = new Map();
      this.#tables.set(table, blocks);
    }
    blocks.set(block, place);
  }
}
