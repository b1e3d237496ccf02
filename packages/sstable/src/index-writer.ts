/**
 * Writes the index section: for each block its stored length and a separator.
 *
 * ```
 *  section := blocks varint │ prefix (varint length, bytes) │ entry × blocks
 *  entry   := stored length varint │ rest length × 2 + continued, varint │ rest
 * ```
 *
 * A block's separator is the shortest prefix of its first key that sorts after the last key of the block before it;
 * block 0 has none and stands for everything below. `prefix` is what all separators begin with, `rest` what follows.
 * When versions of one key run over the border, the separator is that whole key and the block is `continued`: a search
 * for the key begins in an earlier block.
 */
import { ByteWriter } from '@coterie/bytes';

/** Collects blocks in order. */
export class IndexWriter {
  readonly #lengths: number[] = [];
  readonly #continued: boolean[] = [];
  /** Where each separator ends in `#separators`. */
  readonly #ends: number[] = [];
  readonly #separators = new ByteWriter(4096);

  get blocks(): number {
    return this.#lengths.length;
  }

  /** Bytes of the section so far. */
  get estimatedBytes(): number {
    return this.#separators.length + this.blocks * 4;
  }

  /** Begins a block whose first key is `firstKey`; `sharedWithLast`: how many bytes that has in common with the last key before it. */
  begin(firstKey: Uint8Array, sharedWithLast: number): void {
    const isFirst = this.#ends.length === 0;
    const isContinued = !isFirst && sharedWithLast === firstKey.length;
    if (!isFirst) this.#separators.raw(firstKey.subarray(0, Math.min(sharedWithLast + 1, firstKey.length)));
    this.#ends.push(this.#separators.length);
    this.#continued.push(isContinued);
  }

  /** Ends the block begun last; it takes `storedBytes` of the file. */
  end(storedBytes: number): void {
    this.#lengths.push(storedBytes);
  }

  /** The payload of the index section. */
  finish(): Uint8Array {
    const bytes = this.#separators.bytes;
    const prefixLength = this.#commonLength();
    const writer = new ByteWriter(this.estimatedBytes + 64);
    writer.varint(this.blocks).byteString(bytes.subarray(0, prefixLength));
    for (let block = 0; block < this.blocks; block++) {
      const start = block === 0 ? 0 : this.#ends[block - 1] + prefixLength;
      const end = block === 0 ? 0 : this.#ends[block];
      writer.varint(this.#lengths[block]);
      writer.varint((end - start) * 2 + (this.#continued[block] ? 1 : 0));
      writer.raw(bytes.subarray(start, end));
    }
    return writer.finish();
  }

  /** How many bytes all separators have in common: as they are sorted, what the first and the last have. */
  #commonLength(): number {
    const ends = this.#ends;
    const last = ends.length - 1;
    if (last < 1) return 0;
    const bytes = this.#separators.bytes;
    const lastStart = ends[last - 1];
    const limit = Math.min(ends[1], ends[last] - lastStart);
    let length = 0;
    while (length < limit && bytes[length] === bytes[lastStart + length]) length++;
    return length;
  }
}
