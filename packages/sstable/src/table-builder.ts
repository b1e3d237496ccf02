/**
 * Writes a table, front to back, with sync file writes: it runs in workers.
 *
 * ```
 *  add ─▶ row in the open block ─▶ full: tail, codec, seal ─▶ 256 KiB buffer ─▶ file
 *    └──▶ key hash, separator                finish ─▶ filter, index, range deletes, properties, footer, sync
 * ```
 *
 * Entries come in order: key ascending, and for one key sequence descending. A block is cut when the next row would not
 * fit; a row that no block of `blockBytes` can hold gets a block alone.
 */
import { deflateRawSync } from 'node:zlib';
import { entryType, hash32, type RangeDelete, compareBytes } from '@coterie/bytes';
import { assert, type FileHandle } from '@coterie/env';
import { BlockWriter, type EntryView } from './block-writer.ts';
import { FilterBuilder } from './filter-builder.ts';
import { encodeFooter, footerBytes, type SectionLengths } from './footer.ts';
import {
  blockBytesMax,
  blocksMax,
  codecs,
  type Compression,
  keyBytesMax,
  Sealer,
  sealBytes,
  tableIdBytes,
  valueBytesMax,
  writeU32,
} from './format.ts';
import { IndexWriter } from './index-writer.ts';
import { TableOutput } from './output.ts';
import { boundsOf, encodeProperties, encodeRangeDeletes, type TableProperties } from './properties.ts';

/** How a table is to be written. */
export interface TableBuilderOptions {
  /** Most bytes of a block's payload, if it has more than one entry: [1, 65536]; by default 4096. */
  readonly blockBytes?: number;
  /** Bits of Bloom filter per key: [0, 23]; by default 10, about 1 % false positives. 0: no filter. */
  readonly filterBitsPerKey?: number;
  /** By default `none`. */
  readonly compression?: Compression;
  /** 8 random bytes. */
  readonly tableId: Uint8Array;
  /** A guess, to size buffers. */
  readonly expectedEntries: number;
}

/** Deflate's fastest level: 126 MB/s against 40 at its default, for a few per cent of size. */
const deflateOptions = { level: 1 } as const;

/** Builds one table in a new, empty file. The caller closes the file, and syncs its directory. */
export class TableBuilder {
  readonly #options: Required<TableBuilderOptions>;
  readonly #output: TableOutput;
  readonly #block: BlockWriter;
  readonly #index = new IndexWriter();
  readonly #filter: FilterBuilder;
  readonly #sealer: Sealer;
  readonly #ranges: RangeDelete[] = [];
  #lastKey = new Uint8Array(256);
  #lastKeyEnd = 0;
  #lastSequence = 0;
  #smallestKey: Uint8Array | undefined;
  #smallestSequence = Number.POSITIVE_INFINITY;
  #largestSequence = 0;
  #deletes = 0;
  #keyBytes = 0;
  #valueBytes = 0;
  #finished = false;
  /** Entries added so far. */
  entries = 0;

  /** `file`: open for writing, and empty. */
  constructor(file: FileHandle, options: TableBuilderOptions) {
    const { blockBytes = 4096, filterBitsPerKey = 10, compression = 'none', tableId, expectedEntries } = options;
    assert(Number.isInteger(blockBytes) && blockBytes >= 1 && blockBytes <= blockBytesMax, 'blockBytes is in [1, 65536]');
    assert(filterBitsPerKey >= 0 && filterBitsPerKey <= 23, 'filterBitsPerKey is in [0, 23]');
    assert(tableId.length === tableIdBytes, 'a table id has 8 bytes');
    this.#options = { blockBytes, filterBitsPerKey, compression, tableId: tableId.slice(), expectedEntries };
    this.#output = new TableOutput(file);
    this.#block = new BlockWriter(this.#output, blockBytes);
    this.#filter = new FilterBuilder(filterBitsPerKey, expectedEntries);
    this.#sealer = new Sealer(tableId);
  }

  /** Bytes handed to the file so far. */
  get writtenBytes(): number {
    return this.#output.written;
  }

  /** About how long the file would be if it were finished now. */
  get estimatedBytes(): number {
    return this.#output.position + this.#filter.estimatedBytes + this.#index.estimatedBytes + footerBytes;
  }

  /** Adds an entry; its bytes are copied. Asserts the order and the limits. */
  add(entry: EntryView): void {
    const { keyBytes, keyStart, keyEnd, sequence } = entry;
    const keyLength = keyEnd - keyStart;
    const valueLength = entry.valueEnd - entry.valueStart;
    assert(keyLength <= keyBytesMax && valueLength <= valueBytesMax && entry.type <= 1, 'key, value and type are within the limits');
    const shared = this.#sharedWithLast(entry);
    const isNewKey = this.entries === 0 || shared < this.#lastKeyEnd || keyLength > shared;
    if (this.entries > 0) this.#assertOrder(entry, { shared, isNewKey });
    const hash = hash32(keyBytes, keyStart, keyEnd);
    if (this.#block.rows === 0 || !this.#block.add(entry, hash & 0xff)) {
      this.#finishBlock();
      this.#index.begin(keyBytes.subarray(keyStart, keyEnd), shared);
      this.#block.add(entry, hash & 0xff);
    }
    if (isNewKey) {
      this.#filter.add(hash);
      this.#keepKey(entry, shared);
    }
    this.#lastSequence = sequence;
    if (sequence < this.#smallestSequence) this.#smallestSequence = sequence;
    if (sequence > this.#largestSequence) this.#largestSequence = sequence;
    if (entry.type === entryType.delete) this.#deletes++;
    this.#keyBytes += keyLength;
    this.#valueBytes += valueLength;
    this.entries++;
  }

  /** Adds a range delete, in any order. */
  addRangeDelete({ from, to, sequence }: RangeDelete): void {
    assert(compareBytes(from, to) < 0, 'a range delete covers something');
    this.#ranges.push({ from: from.slice(), to: to.slice(), sequence });
    this.#smallestSequence = Math.min(this.#smallestSequence, sequence);
    this.#largestSequence = Math.max(this.#largestSequence, sequence);
  }

  /** Completes the file: all of it survives a crash when this returns, once its directory is synced too. */
  finish(): TableProperties {
    assert(!this.#finished, 'a table is finished once');
    this.#finished = true;
    this.#finishBlock();
    const { tableId, blockBytes } = this.#options;
    const dataBytes = this.#output.position;
    const ranges = this.#ranges.sort((a, b) => compareBytes(a.from, b.from) || b.sequence - a.sequence);
    const stored = {
      entries: this.entries,
      deletes: this.#deletes,
      keyBytes: this.#keyBytes,
      valueBytes: this.#valueBytes,
      smallestSequence: this.#largestSequence === 0 ? 0 : this.#smallestSequence,
      largestSequence: this.#largestSequence,
      blockBytes,
      smallestKey: this.#smallestKey,
      largestKey: this.entries === 0 ? undefined : this.#lastKey.slice(0, this.#lastKeyEnd),
    };
    const sections: SectionLengths = {
      filter: this.#writeSection(this.#filter.finish()),
      index: this.#writeSection(this.#index.finish()),
      rangeDeletes: this.#writeSection(encodeRangeDeletes(ranges)),
      properties: this.#writeSection(encodeProperties(stored)),
    };
    const footer = encodeFooter({ tableId, dataBytes, sections }, this.#output.position);
    this.#output.copy(footer, 0, footer.length);
    this.#output.finish();
    const sizes = {
      fileBytes: this.#output.position,
      blockCount: this.#index.blocks,
      filterBytes: sections.filter,
      indexBytes: sections.index,
    };
    return { ...stored, ...sizes, ...boundsOf(stored, ranges), tableId, rangeDeletes: ranges.length };
  }

  /** How many leading bytes an entry's key shares with the last one's. */
  #sharedWithLast({ keyBytes, keyStart, keyEnd }: EntryView): number {
    const last = this.#lastKey;
    const limit = Math.min(keyEnd - keyStart, this.#lastKeyEnd);
    let shared = 0;
    while (shared < limit && last[shared] === keyBytes[keyStart + shared]) shared++;
    return shared;
  }

  #assertOrder({ keyBytes, keyStart, sequence }: EntryView, { shared, isNewKey }: { shared: number; isNewKey: boolean }): void {
    if (!isNewKey) assert(sequence < this.#lastSequence, 'versions of a key come newest first');
    else assert(shared === this.#lastKeyEnd || keyBytes[keyStart + shared] > this.#lastKey[shared], 'keys come in order');
  }

  #keepKey({ keyBytes, keyStart, keyEnd }: EntryView, shared: number): void {
    const length = keyEnd - keyStart;
    if (length > this.#lastKey.length) {
      const grown = new Uint8Array(Math.max(length, this.#lastKey.length * 2));
      grown.set(this.#lastKey.subarray(0, shared));
      this.#lastKey = grown;
    }
    for (let i = shared; i < length; i++) this.#lastKey[i] = keyBytes[keyStart + i];
    this.#lastKeyEnd = length;
    this.#smallestKey ??= this.#lastKey.slice(0, length);
  }

  #finishBlock(): void {
    if (this.#block.rows === 0) return;
    const output = this.#output;
    const start = this.#block.start;
    this.#block.finish();
    const codec = this.#options.compression === 'deflate' ? this.#deflate(start) : codecs.none;
    output.reserve(1 + sealBytes);
    output.bytes[output.length++] = codec;
    this.#seal(start);
    this.#index.end(output.length - start);
    assert(this.#index.blocks <= blocksMax, 'a table has at most 2^26 blocks');
    output.drain();
  }

  /** Puts the deflated form in the place of the block that begins at `start`, if it is shorter; returns the codec. */
  #deflate(start: number): number {
    const output = this.#output;
    const deflated = deflateRawSync(output.bytes.subarray(start, output.length), deflateOptions);
    if (deflated.length >= output.length - start) return codecs.none;
    output.length = start;
    output.copy(deflated, 0, deflated.length);
    return codecs.deflate;
  }

  /** Appends the seal of what lies in the buffer from `start` on. */
  #seal(start: number): void {
    const output = this.#output;
    output.reserve(sealBytes);
    const seal = this.#sealer.seal(output.bytes.subarray(start, output.length), output.written + start);
    writeU32(output.bytes, output.length, seal);
    output.length += sealBytes;
  }

  /** Writes a section unless it is empty; returns its length without the seal. */
  #writeSection(payload: Uint8Array): number {
    if (payload.length === 0) return 0;
    const start = this.#output.length;
    this.#output.copy(payload, 0, payload.length);
    this.#seal(start);
    return payload.length;
  }
}
