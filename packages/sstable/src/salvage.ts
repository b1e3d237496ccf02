/**
 * Reads what is still whole in a damaged table, block by block: one that is damaged, or that the disk cannot read, is told
 * and passed over. Footer, index and
 * properties must be whole, or the table does not open at all.
 */
import { compareBytes } from '@coterie/bytes';
import { isCoterieError } from '@coterie/env';
import { Span } from './block-reader.ts';
import { BlockView } from './block-view.ts';
import type { EntryView } from './block-writer.ts';
import type { Table } from './table.ts';

/** Who hears of what is found. */
export interface SalvageVisitor {
  /** A whole entry, in entry order; a view, good during the call. */
  entry(entry: EntryView): void;
  /** A block that cannot be read. */
  lost(block: { readonly offset: number; readonly bytes: number; readonly detail: string }): void;
}

/** Blocks between two yields: a MiB of them at the usual size. */
const blocksPerSlice = 256;

/** Visits every whole block of `table`; yields after some of them. @throws CoterieError `DISK_IO` */
export function* salvage(table: Table, visitor: SalvageVisitor): Generator<void, void> {
  const { index, reader } = table;
  const span = new Span();
  const view = new BlockView();
  let lastKey: Uint8Array | undefined;
  for (let block = 0; block < index.blocks; block++) {
    try {
      yield* reader.readStubbornly(span, block);
      const { bytes, start, end } = reader.decode(span, block);
      view.open(bytes, start, end);
    } catch (error) {
      if (!isCoterieError(error, 'CORRUPTION')) throw error;
      visitor.lost({ offset: index.offsets[block], bytes: index.offsets[block + 1] - index.offsets[block], detail: error.message });
      continue;
    }
    lastKey = visitRows(view, lastKey, visitor);
    if (block % blocksPerSlice === blocksPerSlice - 1) yield;
  }
}

/** Visits the rows of a whole block that keep the order; returns the last key. */
function visitRows(view: BlockView, before: Uint8Array | undefined, visitor: SalvageVisitor): Uint8Array | undefined {
  let lastKey = before;
  for (let row = 0; row < view.rows; row++) {
    view.read(row);
    const key = keyOf(view);
    if (lastKey !== undefined && compareBytes(lastKey, key) > 0) continue;
    lastKey = key;
    const { sequence, type, valueBytes, valueStart, valueEnd } = view;
    visitor.entry({ keyBytes: key, keyStart: 0, keyEnd: key.length, sequence, type, valueBytes, valueStart, valueEnd });
  }
  return lastKey;
}

/** The key of the row read last, as an array of its own. */
export function keyOf(view: BlockView): Uint8Array {
  const key = new Uint8Array(view.shared + view.suffixEnd - view.suffixStart);
  key.set(view.valueBytes.subarray(view.firstStart, view.firstStart + view.shared));
  key.set(view.valueBytes.subarray(view.suffixStart, view.suffixEnd), view.shared);
  return key;
}
