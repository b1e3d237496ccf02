export { allocate } from './allocate.ts';
export { compareBytes, compareRanges, equalBytes } from './compare.ts';
export { crc32, crc32Range } from './checksum.ts';
export { entryType, maxSequence } from './entry.ts';
export type { EntryCursor, RangeDelete } from './entry.ts';
export { hash32, hash32Id } from './hash.ts';
export { ByteReader } from './reader.ts';
export { varintLength, writeVarint } from './varint.ts';
export { ByteWriter } from './writer.ts';
