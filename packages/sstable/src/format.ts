/**
 * What every part of a table file shares: magic, version, limits, and the seal that ties bytes to their place.
 *
 * ```
 *  0                                                                                        end of file
 *  ├─ block 0 ─┬─ block 1 ─┬─ … ─┼─ filter ─┬─ index ─┬─ range deletes ─┬─ properties ─┼─ footer ─┤
 *  └────────── data, sorted ─────┴──────────────── sections, read at open ─────────────┘
 *
 *  block    := payload, codec u8, seal u32          (payload: see block-writer.ts)
 *  section  := payload, seal u32
 * ```
 *
 * A **seal** is the CRC-32 of (table id, offset in the file, bytes). The id is random and lies in the footer, so a file
 * can be renamed, linked and copied whole, while a block that was read from another place or another table fails.
 * `docs/formats/sstable.md` is the reference, with a worked example that is a test vector.
 */
import { crc32 } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';

/** Version of the file format that the builder writes; a reader refuses any other. */
export const formatVersion = 1;

/** The last eight bytes of every table of every version: 0x89, `CTRSST`, line feed. */
export const magic: Uint8Array = Uint8Array.of(0x89, 0x43, 0x54, 0x52, 0x53, 0x53, 0x54, 0x0a);

/** How a block's payload is stored. Never renumber; a reader refuses numbers it does not know. */
export const codecs = { none: 0, deflate: 1 } as const;

/** How the builder stores blocks. */
export type Compression = keyof typeof codecs;

/** Bytes of a seal. */
export const sealBytes = 4;
/** Bytes after a block's payload: codec and seal. */
export const blockTrailerBytes = 5;
/** Bytes of a table's random id. */
export const tableIdBytes = 8;
/** Most rows in a block, so that a row number fits a byte. */
export const blockRowsMax = 255;
/** Largest `blockBytes`, so that row offsets fit two bytes. */
export const blockBytesMax = 65_536;
/** Most blocks in a table. */
export const blocksMax: number = 2 ** 26;
/** Longest key. */
export const keyBytesMax = 65_535;
/** Longest value. */
export const valueBytesMax: number = 32 * 1024 * 1024;
/** Longest payload that a reader believes: one row of the longest key and value, and what describes it. */
export const payloadBytesMax: number = keyBytesMax + valueBytesMax + 64;

/** Computes seals for one table. */
export class Sealer {
  readonly #binding = new Uint8Array(tableIdBytes + 8);

  constructor(tableId: Uint8Array) {
    this.#binding.set(tableId.subarray(0, tableIdBytes));
  }

  /** Seal of `bytes`, which lie at `offset` of this table's file. */
  seal(bytes: Uint8Array, offset: number): number {
    const low = offset % 2 ** 32;
    const high = Math.floor(offset / 2 ** 32);
    const binding = this.#binding;
    for (let i = 0; i < 4; i++) {
      binding[tableIdBytes + i] = low >>> (8 * i);
      binding[tableIdBytes + 4 + i] = high >>> (8 * i);
    }
    return crc32(bytes, crc32(binding));
  }
}

/** The u32 at `bytes[at, at + 4)`. */
export function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** The u48 at `bytes[at, at + 6)`. */
export function readU48(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) + (bytes[at + 4] | (bytes[at + 5] << 8)) * 2 ** 32;
}

/** Writes the low 32 bits of `value` at `bytes[at, at + 4)`. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** The error for bytes of `file` at `offset` that are not what was written. */
export function corruption(file: string, offset: number, what: string): CoterieError {
  return new CoterieError('CORRUPTION', `table ${file} is damaged at byte ${offset}: ${what}`, { details: { file, offset } });
}
