/**
 * The index in memory: which block may hold a key, and where blocks lie. The format is drawn in index-writer.ts.
 *
 * ```
 *  key ─▶ guide: code, hint, a step or two ─▶ block        nearly always
 *           └─ no good for this key ─▶ tree ─▶ block
 * ```
 */
import { ByteReader } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { blockTrailerBytes, blocksMax, payloadBytesMax } from './format.ts';
import { SeparatorGuide } from './separator-guide.ts';
import { SeparatorTree } from './separator-tree.ts';
import { Separators } from './separators.ts';

/** An index section, decoded. */
export class BlockIndex {
  readonly blocks: number;
  /** Block b lies at `[offsets[b], offsets[b + 1])` of the file. */
  readonly offsets: Float64Array;
  /**
   * How many leading bytes the separators on both sides of a block have in common, up to 255: all its keys have these,
   * and so does every key that a search sends to it.
   */
  readonly agreed: Uint8Array;
  /** Whether some block begins with the key that the one before it ends with. */
  readonly anyContinued: boolean;
  /** Bytes of memory. */
  readonly memoryBytes: number;
  readonly #separators: Separators;
  readonly #continued: Uint8Array;
  readonly #guide: SeparatorGuide;
  readonly #tree: SeparatorTree;

  /** `section`: the payload of an index section. @throws CoterieError `CORRUPTION` */
  constructor(section: Uint8Array) {
    const blocks = new ByteReader(section).varint();
    if (blocks > Math.min(blocksMax, section.length)) throw damaged(`${blocks} blocks`);
    this.blocks = blocks;
    this.offsets = new Float64Array(blocks + 1);
    this.#continued = new Uint8Array(blocks);
    this.#separators = this.#readEntries(section);
    this.anyContinued = this.#continued.includes(1);
    this.agreed = new Uint8Array(blocks);
    this.#compareNeighbours();
    this.#guide = new SeparatorGuide(this.#separators);
    this.#tree = new SeparatorTree(this.#separators);
    this.memoryBytes = this.#separators.bytes.length + blocks * 14 + this.#guide.memoryBytes + this.#tree.memoryBytes;
  }

  /** The last block whose separator is not above `key`: the only one that can hold `key`, unless it is continued. */
  blockOf(key: Uint8Array): number {
    if (this.blocks < 2) return 0;
    const block = this.#guide.blockOf(key);
    return block >= 0 ? block : this.#tree.blockOf(key);
  }

  /** The first block that may hold entries of `key`. */
  firstBlockOf(key: Uint8Array): number {
    let block = this.blockOf(key);
    if (this.anyContinued) while (block > 0 && this.continuesKey(block, key)) block--;
    return block;
  }

  /** Whether `block` begins with the key that the block before it ends with. */
  isContinued(block: number): boolean {
    return this.#continued[block] === 1;
  }

  /** Whether `block` begins with more versions of `key`, which the block before it ends with. */
  continuesKey(block: number, key: Uint8Array): boolean {
    return this.#continued[block] === 1 && this.#separators.compare(block, key) === 0;
  }

  /** A copy of a block's separator, for checks. */
  separator(block: number): Uint8Array {
    const { bytes, starts } = this.#separators;
    return bytes.slice(starts[block], starts[block + 1]);
  }

  #readEntries(section: Uint8Array): Separators {
    const reader = new ByteReader(section);
    const blocks = reader.varint();
    const prefix = reader.byteString();
    const bytes = new Uint8Array(section.length + blocks * prefix.length);
    const starts = new Uint32Array(blocks + 1);
    let end = 0;
    for (let block = 0; block < blocks; block++) {
      const stored = reader.varint();
      const lengthAndFlag = reader.varint();
      const restLength = Math.floor(lengthAndFlag / 2);
      const rest = reader.offset;
      if (restLength > reader.remaining) throw damaged('it ends too early');
      reader.offset += restLength;
      if (stored <= blockTrailerBytes || stored > payloadBytesMax + blockTrailerBytes) throw damaged(`block ${block} of ${stored} bytes`);
      if (block === 0 && lengthAndFlag > 0) throw damaged('block 0 has a separator');
      this.offsets[block + 1] = this.offsets[block] + stored;
      this.#continued[block] = lengthAndFlag % 2;
      if (block > 0) {
        // Loops: a view for each of a hundred thousand entries would cost more than all the rest.
        for (let i = 0; i < prefix.length; i++) bytes[end++] = prefix[i];
        for (let i = 0; i < restLength; i++) bytes[end++] = section[rest + i];
      }
      starts[block + 1] = end;
    }
    if (reader.remaining > 0) throw damaged('bytes follow the last entry');
    return new Separators(bytes.slice(0, end), starts);
  }

  #compareNeighbours(): void {
    const separators = this.#separators;
    const { bytes, starts } = separators;
    for (let block = 1; block < this.blocks; block++) {
      const common = separators.common(block - 1, block);
      const length = starts[block] - starts[block - 1];
      const nextLength = starts[block + 1] - starts[block];
      const isSame = common === length && common === nextLength;
      const isRising = common === length || (common < nextLength && bytes[starts[block - 1] + common] < bytes[starts[block] + common]);
      if (isSame ? this.#continued[block] === 0 : !isRising) throw damaged(`separator ${block} is out of order`);
      this.agreed[block - 1] = block === 1 ? 0 : Math.min(255, common);
    }
  }
}

function damaged(what: string): CoterieError {
  return new CoterieError('CORRUPTION', `index: ${what}`);
}
