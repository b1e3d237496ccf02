/**
 * Sorted memory: what the store has taken since the last flush. One thread adds; once frozen, other threads may attach
 * to the same arena and read.
 *
 *     empty --add, addRangeDelete--> active --freeze--> frozen --reset--> empty
 *                                                          |
 *                                            another thread: attach
 *
 * A key is looked up in the hash index (about one cache miss), and kept in order by the tree; both stand beside the
 * arena and are kept over `reset`. `layout.ts` draws the arena. An entry that nobody reads before it is in a file is added
 * *loose*: into the arena and nowhere else, and who writes the file puts such entries in order.
 *
 * Invariants: sequences rise from call to call. `remainingBytes` counts neither records nor the word that each key needs
 * in the list that `freeze` writes, so whatever was added can be frozen.
 */
import { assert } from '@coterie/env';
import { maxSequence, type EntryCursor, type RangeDelete } from '@coterie/bytes';
import { MemtableCursor } from './cursor.ts';
import { HashIndex } from './hash-index.ts';
import { KeyList } from './key-list.ts';
import { noPlace, type KeyOrder } from './key-order.ts';
import { KeyTree } from './key-tree.ts';
import * as layout from './layout.ts';
import { orderLoose } from './loose.ts';
import { readRangeDelete, readRangeDeletes, writeRangeDelete } from './range-deletes.ts';
import { kindAndType, Records } from './records.ts';
import { beginVersion, versionAt, versionKind } from './versions.ts';

/** One entry to add, as ranges of byte arrays; a reusable mutable record so that the hot path allocates nothing. */
export interface EntryFields {
  /** The key is `keyBytes[keyStart, keyEnd)`: 1 to 65,535 bytes. */
  keyBytes: Uint8Array;
  keyStart: number;
  keyEnd: number;
  /** `hash32` of the key. */
  keyHash: number;
  /** Above every sequence added before. */
  sequence: number;
  /** One of `entryType`. */
  type: number;
  /** The value is `valueBytes[valueStart, valueEnd)`: up to 32 MiB. A whole array is copied quickest. */
  valueBytes: Uint8Array;
  valueStart: number;
  valueEnd: number;
}

/** Sorted entries and range deletes in one arena. */
export class Memtable {
  readonly arena: SharedArrayBuffer;
  /** The arena's bytes: what references and cursors speak of. */
  readonly bytes: Uint8Array;
  /** Entries added, all versions and loose ones counted. */
  entries = 0;
  /** Lowest and highest sequence added, range deletes included; 0 if none. */
  firstSequence = 0;
  lastSequence = 0;
  readonly #records: Records;
  readonly #index: HashIndex;
  readonly #tree: KeyTree;
  /** The tree, or what `freeze` made of it in another thread. */
  #order: KeyOrder;
  #attached = false;
  #frozen = false;
  #keys = 0;
  #rangeDeletes: RangeDelete[] = [];
  #newestRangeDelete = 0;

  /** An empty memtable in `arena` (at most 128 MiB), whatever that holds. */
  constructor(arena: SharedArrayBuffer) {
    this.arena = arena;
    this.#records = new Records(arena);
    this.bytes = this.#records.bytes;
    this.#index = new HashIndex(this.#records);
    this.#tree = new KeyTree(this.#records);
    this.#order = this.#tree;
  }

  /** The memtable that another `Memtable` filled and froze in `arena`, to read only. Asserts that it is frozen. */
  static attach(arena: SharedArrayBuffer): Memtable {
    const table = new Memtable(arena);
    table.#readHeader();
    return table;
  }

  /** Upper bound of what `add` takes from `remainingBytes`. Exact for a new key. */
  static entryBytesMax(keyBytes: number, valueBytes: number): number {
    return layout.entryBytesMax(keyBytes, valueBytes);
  }

  /** What `addRangeDelete` takes from `remainingBytes`. */
  static rangeDeleteBytesMax(fromBytes: number, toBytes: number): number {
    return layout.rangeDeleteBytesMax(fromBytes, toBytes);
  }

  /** The smallest arena in which such an entry fits alone; with `from` and `to` in place of key and value, a range delete. */
  static arenaBytesFor(keyBytes: number, valueBytes: number): number {
    return 4 * layout.headerWords + layout.entryBytesMax(keyBytes, valueBytes);
  }

  /** Bytes of the arena in use or promised: header, records, and a word for each key. */
  get usedBytes(): number {
    return 4 * (this.#records.top + this.#keys);
  }

  /** Bytes of the arena that further entries may take. */
  get remainingBytes(): number {
    return 4 * (this.#records.words.length - this.#records.top - this.#keys);
  }

  /** Bytes held beside the arena, by the tree and the hash index. Kept over `reset`. */
  get indexBytes(): number {
    return this.#index.byteLength + this.#tree.byteLength;
  }

  /** The range deletes added, oldest first. */
  get rangeDeletes(): readonly RangeDelete[] {
    return this.#rangeDeletes;
  }

  /** Whether `freeze` has been called, here or in the thread that filled the arena. */
  get frozen(): boolean {
    return this.#frozen;
  }

  /** Whether what needs `bytesNeeded` (one of the bounds above, or a sum of them) can be added. */
  fits(bytesNeeded: number): boolean {
    return bytesNeeded <= this.remainingBytes;
  }

  /** Empties the memtable for use from the start. References, cursors and attached readers must be done with. */
  reset(): void {
    assert(!this.#attached, 'an attached memtable is read only');
    this.#records.top = layout.headerWords;
    this.#records.words[layout.header.state] = layout.arenaState.active;
    this.#records.forgetSource();
    this.#index.clear();
    this.#tree.clear();
    this.entries = 0;
    this.firstSequence = 0;
    this.lastSequence = 0;
    this.#frozen = false;
    this.#keys = 0;
    this.#rangeDeletes = [];
    this.#newestRangeDelete = 0;
  }

  /** Adds an entry, copying its bytes. Asserts that it fits, that its sequence is the highest yet, and its limits. */
  add(entry: EntryFields): void {
    const keyLength = entry.keyEnd - entry.keyStart;
    const valueLength = entry.valueEnd - entry.valueStart;
    assert(keyLength > 0 && keyLength <= layout.keyBytesMax, 'a key has 1 to 65,535 bytes');
    assert(valueLength >= 0 && valueLength <= layout.valueBytesMax, 'a value has up to 32 MiB');
    assert(entry.type >= 0 && entry.type <= layout.typeMax, 'an entry type has four bits');
    this.#claim(entry.sequence, layout.entryBytesMax(keyLength, valueLength));
    this.entries++;
    const key = this.#index.find(entry.keyBytes, entry.keyStart, entry.keyEnd, entry.keyHash);
    if (key === 0) this.#addKey(entry);
    else this.#addVersion(key, entry);
  }

  /**
   * Adds an entry that is not read here: `find` and cursors do not meet it. `loose` has it, once attached. Costs a tenth of
   * what `add` does, which waits for memory. Asserts what `add` does.
   */
  addLoose(entry: EntryFields): void {
    const { keyBytes, keyStart, keyEnd, valueBytes, valueStart, valueEnd } = entry;
    const keyLength = keyEnd - keyStart;
    const valueLength = valueEnd - valueStart;
    assert(keyLength > 0 && keyLength <= layout.keyBytesMax, 'a key has 1 to 65,535 bytes');
    assert(valueLength >= 0 && valueLength <= layout.valueBytesMax, 'a value has up to 32 MiB');
    this.#claim(entry.sequence, layout.entryBytesMax(keyLength, valueLength));
    this.entries++;
    const records = this.#records;
    const at = records.begin(0, entry.sequence, keyLength);
    const value = records.write(at + layout.recordWords, keyBytes, keyStart, keyEnd);
    const after = records.write(value, valueBytes, valueStart, valueEnd);
    records.finish(at, kindAndType(layout.recordKind.loose, entry.type), valueLength, after);
  }

  /** The loose entries of an attached memtable, in one of their own that this thread alone has; undefined if there are none. */
  loose(): Memtable | undefined {
    assert(this.#attached, 'loose entries are put in order where the arena is read');
    return orderLoose(this.#records, (arena) => new Memtable(arena));
  }

  /** Adds a range delete, copying its bytes. Asserts that it fits and that its sequence is the highest yet. */
  addRangeDelete(range: RangeDelete): void {
    this.#claim(range.sequence, layout.rangeDeleteBytesMax(range.from.length, range.to.length));
    this.#newestRangeDelete = writeRangeDelete(this.#records, range, this.#newestRangeDelete);
    this.#rangeDeletes.push(readRangeDelete(this.#records, this.#newestRangeDelete));
  }

  /**
   * The newest entry of `key` with a sequence of at most `sequence`: a reference for the methods below, or 0 if there is
   * none. `keyHash` is the key's `hash32`. Range deletes are not looked at. Attached, it is a binary search.
   */
  find(key: Uint8Array, keyHash: number, sequence: number): number {
    const found = this.#attached ? this.#findInOrder(key) : this.#index.find(key, 0, key.length, keyHash);
    return found === 0 ? 0 : versionAt(this.#records, found, sequence);
  }

  /** The type of the entry at `reference`. */
  typeAt(reference: number): number {
    return this.#records.typeAt(reference);
  }

  /** The sequence of the entry at `reference`. */
  sequenceAt(reference: number): number {
    return this.#records.sequenceAt(reference);
  }

  /** Where in `bytes` the value of the entry at `reference` starts. */
  valueStartAt(reference: number): number {
    return this.#records.bodyStartAt(reference);
  }

  /** Where in `bytes` the value of the entry at `reference` ends. */
  valueEndAt(reference: number): number {
    return this.#records.bodyStartAt(reference) + this.#records.bodyLengthAt(reference);
  }

  /** A cursor over the entries, nowhere at first. It stays good while entries are added. */
  cursor(): EntryCursor {
    return new MemtableCursor(this.#records, this.#order);
  }

  /** Ends adding, and completes the arena so that other threads can attach to it once they are sent it. */
  freeze(): void {
    assert(!this.#frozen, 'a memtable is frozen once');
    this.#frozen = true;
    this.#records.forgetSource();
    this.#tree.list(this.#records.words, this.#records.words.length - this.#keys);
    this.#writeHeader();
  }

  /** Makes sure that something of this sequence and size may be added now. */
  #claim(sequence: number, bytesNeeded: number): void {
    assert(!this.#frozen, 'nothing is added to a frozen memtable');
    assert(sequence > this.lastSequence && sequence <= maxSequence, 'sequences rise and stay below 2^48');
    assert(bytesNeeded <= this.remainingBytes, 'what is added fits');
    if (this.firstSequence === 0) this.#begin(sequence);
    this.lastSequence = sequence;
  }

  /** The first thing added: from here on the arena is not the frozen one that it may have been. */
  #begin(sequence: number): void {
    this.firstSequence = sequence;
    this.#records.words[layout.header.state] = layout.arenaState.active;
  }

  #addKey(entry: EntryFields): void {
    const records = this.#records;
    const { valueBytes, valueStart, valueEnd } = entry;
    const key = records.begin(records.top, entry.sequence, entry.keyEnd - entry.keyStart);
    const value = records.write(key + layout.recordWords, entry.keyBytes, entry.keyStart, entry.keyEnd);
    const after = records.write(value, valueBytes, valueStart, valueEnd);
    records.finish(key, kindAndType(layout.recordKind.key, entry.type), valueEnd - valueStart, after);
    this.#keys++;
    this.#index.insert(entry.keyHash, key);
    this.#tree.insert(key);
  }

  #addVersion(key: number, entry: EntryFields): void {
    const records = this.#records;
    const { valueBytes, valueStart, valueEnd } = entry;
    const version = beginVersion(records, key, entry.sequence);
    const value = version + layout.recordWords + layout.versionExtensionWords;
    const after = records.write(value, valueBytes, valueStart, valueEnd);
    records.finish(version, versionKind(entry.type), valueEnd - valueStart, after);
    records.words[key] = version;
  }

  #findInOrder(key: Uint8Array): number {
    const place = noPlace();
    this.#order.seek(place, key);
    return place.key !== 0 && this.#records.keyEquals(place.key, key, 0, key.length) ? place.key : 0;
  }

  #writeHeader(): void {
    const { words, top } = this.#records;
    const { header } = layout;
    words[header.top] = top;
    words[header.entries] = this.entries;
    words[header.keys] = this.#keys;
    writeSequence(words, header.firstSequence, this.firstSequence);
    writeSequence(words, header.lastSequence, this.lastSequence);
    words[header.newestRangeDelete] = this.#newestRangeDelete;
    words[header.state] = layout.arenaState.frozen;
  }

  #readHeader(): void {
    const { words } = this.#records;
    const { header } = layout;
    assert(words[header.state] === layout.arenaState.frozen, 'only a frozen memtable is attached to');
    this.#records.top = words[header.top];
    this.entries = words[header.entries];
    this.#keys = words[header.keys];
    this.firstSequence = readSequence(words, header.firstSequence);
    this.lastSequence = readSequence(words, header.lastSequence);
    this.#newestRangeDelete = words[header.newestRangeDelete];
    this.#rangeDeletes = readRangeDeletes(this.#records, this.#newestRangeDelete);
    this.#frozen = true;
    this.#attached = true;
    this.#order = new KeyList(this.#records, this.#keys);
  }
}

function writeSequence(words: Int32Array, at: number, sequence: number): void {
  words[at] = sequence | 0;
  words[at + 1] = sequence / 2 ** 32;
}

function readSequence(words: Int32Array, at: number): number {
  return words[at + 1] * 2 ** 32 + (words[at] >>> 0);
}
