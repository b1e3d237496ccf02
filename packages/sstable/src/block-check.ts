/**
 * Brings a stored block into memory: seal, codec, then the bounds of every row. After this a block is read in place
 * without further checks. A block whose seal holds and whose rows do not is as damaged as one whose seal fails.
 */
import { inflateRawSync } from 'node:zlib';
import { CoterieError } from '@coterie/env';
import { BlockView } from './block-view.ts';
import { rowFixedBytes, tailFixedBytes, tailRowBytes } from './block-writer.ts';
import { blockTrailerBytes, codecs, payloadBytesMax, readU32, type Sealer, sealBytes } from './format.ts';

/** A checked block in memory: `bytes[start, end)`. */
export interface BlockPlace {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Where a stored block was read from. */
export interface StoredBlock {
  readonly file: string;
  /** The stored form is `bytes[start, end)`, trailer included. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Offset in the file. */
  readonly offset: number;
}

/**
 * The checked payload of a stored block, as a view of the input or (deflate) in bytes of its own.
 * Returns a string that says what is wrong with it otherwise.
 * @throws CoterieError `UNSUPPORTED_FORMAT` for a codec of a later version
 */
export function decodeBlock(sealer: Sealer, stored: StoredBlock): BlockPlace | string {
  const { bytes, start, end, offset } = stored;
  const payloadEnd = end - blockTrailerBytes;
  if (payloadEnd < start) return 'block is too short';
  if (sealer.seal(bytes.subarray(start, end - sealBytes), offset) !== readU32(bytes, end - sealBytes)) return 'block checksum differs';
  const codec = bytes[payloadEnd];
  if (codec === codecs.none) return checked({ bytes, start, end: payloadEnd });
  if (codec !== codecs.deflate) {
    throw new CoterieError('UNSUPPORTED_FORMAT', `table ${stored.file} has a block of codec ${codec} at byte ${offset}`, {
      details: { file: stored.file, offset },
    });
  }
  const inflated = inflate(bytes.subarray(start, payloadEnd));
  return typeof inflated === 'string' ? inflated : checked({ bytes: inflated, start: 0, end: inflated.length });
}

function inflate(compressed: Uint8Array): Uint8Array | string {
  try {
    const { buffer, byteOffset, byteLength } = inflateRawSync(compressed, { maxOutputLength: payloadBytesMax });
    // A plain array: a Buffer's `slice` does not copy, and one kind of array keeps readers fast.
    return new Uint8Array(buffer, byteOffset, byteLength);
  } catch (error) {
    return `block does not inflate: ${(error as Error).message}`;
  }
}

function checked(place: BlockPlace): BlockPlace | string {
  return checkBlock(place) ?? place;
}

/** What is wrong with the rows of a block; undefined if nothing is. */
export function checkBlock({ bytes, start, end }: BlockPlace): string | undefined {
  const view = new BlockView();
  if (end - start < tailFixedBytes) return 'block is too short';
  view.open(bytes, start, end);
  const rows = view.rows;
  const rowsEnd = view.firstStart - rows * tailRowBytes;
  if (rows === 0) return 'block has no rows';
  let shared = view.firstEnd - view.firstStart;
  let at = start;
  for (let row = 0; row < rows; row++) {
    if (rowsEnd - at < rowFixedBytes + 3) return `row ${row} runs past the rows`;
    const stored = rowsEnd + 2 * row;
    if (at - start !== (bytes[stored] | (bytes[stored + 1] << 8))) return `row ${row} is not where the offsets say`;
    view.readAt(at);
    if (view.type > 1) return `row ${row} has unknown type ${view.type}`;
    if (row === 0 ? view.shared !== shared || view.suffixEnd > view.suffixStart : view.shared > shared)
      return `row ${row} shares what it cannot`;
    if (view.valueEnd > rowsEnd) return `row ${row} runs past the rows`;
    shared = view.shared;
    at = view.valueEnd;
  }
  return at === rowsEnd ? undefined : 'bytes follow the last row';
}
