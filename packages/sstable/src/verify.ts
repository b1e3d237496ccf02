/**
 * Reads a whole table and holds every part against the others: seals and rows of all blocks, their order, separators,
 * tags, filter, and the counts, bounds and sequences in the properties. Yields after each slice of a quarter of a MiB.
 */
import { compareBytes, hash32 } from '@coterie/bytes';
import { type BlockReader, Span } from './block-reader.ts';
import { BlockView } from './block-view.ts';
import { corruption } from './format.ts';
import { keyOf } from './salvage.ts';
import type { Table } from './table.ts';
import { isUnreadable } from './unreadable.ts';

const sliceBytes = 256 * 1024;

/** What was read and found whole. */
export interface Verified {
  readonly blocks: number;
  readonly bytes: number;
}

/** Checks `table`. @throws CoterieError `CORRUPTION`, `DISK_IO` */
export function* verifyTable(table: Table): Generator<void, Verified> {
  const { index, path, properties, reader } = table;
  const span = new Span();
  const check = new BlockCheck(table);
  for (let first = 0; first < index.blocks; ) {
    const end = yield* readRun(reader, span, first);
    for (let block = first; block < end; block++) check.block(span, block);
    first = end;
    yield;
  }
  const problem = check.problemOfTotals();
  if (problem !== undefined) throw corruption(path, index.offsets[index.blocks], problem);
  return { blocks: index.blocks, bytes: properties.fileBytes };
}

/** Reads a run of blocks from `first`, or that one alone if the disk cannot read all; returns the block after. */
function* readRun(reader: BlockReader, span: Span, first: number): Generator<void, number> {
  const end = reader.runEnd(first, sliceBytes);
  try {
    reader.readSync(span, first, end);
    return end;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    yield* reader.readStubbornly(span, first);
    return first + 1;
  }
}

interface Row {
  readonly key: Uint8Array;
  readonly sequence: number;
  readonly tag: number;
}

/** Walks a table's blocks, one after the other. */
class BlockCheck {
  readonly #table: Table;
  readonly #view = new BlockView();
  readonly #totals = { entries: 0, deletes: 0, keyBytes: 0, valueBytes: 0 };
  #last: Row | undefined;

  constructor(table: Table) {
    this.#table = table;
  }

  /** @throws CoterieError `CORRUPTION` */
  block(span: Span, block: number): void {
    const { reader, index, path } = this.#table;
    const { bytes, start, end } = reader.decode(span, block);
    this.#view.open(bytes, start, end);
    for (let number = 0; number < this.#view.rows; number++) {
      const row = this.#row(number);
      const problem = (number === 0 ? this.#problemOfBorder(block, row) : undefined) ?? this.#problemOf(row);
      if (problem !== undefined) throw corruption(path, index.offsets[block], `row ${number}: ${problem}`);
      this.#last = row;
    }
  }

  /** What is wrong with counts and bounds once all blocks have been seen. */
  problemOfTotals(): string | undefined {
    const { properties } = this.#table;
    for (const name of ['entries', 'deletes', 'keyBytes', 'valueBytes'] as const) {
      if (this.#totals[name] !== properties[name]) return `${this.#totals[name]} ${name}, the properties say ${properties[name]}`;
    }
    const { largestKey } = properties;
    const isLast =
      this.#last === undefined || largestKey === undefined ? this.#last === largestKey : compareBytes(this.#last.key, largestKey) === 0;
    return isLast ? undefined : 'the last key is not the one that the properties name';
  }

  #row(number: number): Row {
    const view = this.#view;
    view.read(number);
    const key = keyOf(view);
    this.#totals.entries++;
    if (view.type === 0) this.#totals.deletes++;
    this.#totals.keyBytes += key.length;
    this.#totals.valueBytes += view.valueEnd - view.valueStart;
    return { key, sequence: view.sequence, tag: view.valueBytes[view.tagsAt + number] };
  }

  #problemOf({ key, sequence, tag }: Row): string | undefined {
    const { properties } = this.#table;
    const last = this.#last;
    const order = last === undefined ? -1 : compareBytes(last.key, key);
    if (order > 0) return 'its key sorts before the one before it';
    if (last !== undefined && order === 0 && last.sequence <= sequence) return 'versions of its key are out of order';
    if (last === undefined && (properties.smallestKey === undefined || compareBytes(properties.smallestKey, key) !== 0))
      return 'the properties name another first key';
    if (sequence < properties.smallestSequence || sequence > properties.largestSequence)
      return `sequence ${sequence} is outside of what the properties say`;
    const hash = hash32(key, 0, key.length);
    if ((hash & 0xff) !== tag) return 'its tag is not that of its key';
    return this.#table.mayContain(hash) ? undefined : 'the filter does not know its key';
  }

  /** What is wrong with the separator between the last row and the first one of `block`. */
  #problemOfBorder(block: number, { key }: Row): string | undefined {
    if (this.#last === undefined) return undefined;
    const { index } = this.#table;
    const separator = index.separator(block);
    const isContinued = compareBytes(this.#last.key, key) === 0;
    if (isContinued !== index.isContinued(block)) return 'the index is wrong about where its key begins';
    if (compareBytes(separator, key) > 0) return 'its key sorts before the separator of its block';
    if (!isContinued && compareBytes(this.#last.key, separator) >= 0) return 'the block before holds keys of this one';
    return undefined;
  }
}
