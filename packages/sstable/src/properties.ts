/**
 * What a table knows about itself.
 *
 * ```
 *  section := entries u53 │ deletes u53 │ key bytes u53 │ value bytes u53
 *           │ smallest sequence u48 │ largest sequence u48 │ block bytes u32 │ points u8 │ smallest key │ largest key
 * ```
 * Keys are byte strings (varint length, bytes), there only if `points` is 1. Bounds and counts of range deletes follow
 * from the range deletes themselves, sizes from the footer.
 */
import { ByteReader, ByteWriter, compareBytes, type RangeDelete } from '@coterie/bytes';

/** What is stored in the properties section. */
export interface StoredProperties {
  /** Puts and point tombstones. */
  readonly entries: number;
  /** Point tombstones. */
  readonly deletes: number;
  /** Bytes of all keys and of all values, as they were added. */
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** Over entries and range deletes; 0 in a table with neither. */
  readonly smallestSequence: number;
  readonly largestSequence: number;
  /** What the builder held blocks to. */
  readonly blockBytes: number;
  /** First and last key of the entries, both inclusive; undefined if there are none. */
  readonly smallestKey: Uint8Array | undefined;
  readonly largestKey: Uint8Array | undefined;
}

/** All that is known of a table without reading its blocks. Structured-cloneable. */
export interface TableProperties extends StoredProperties {
  /** 8 random bytes. */
  readonly tableId: Uint8Array;
  /** Number of range deletes. */
  readonly rangeDeletes: number;
  /** Smallest key of entries and range deletes; empty in a table with neither. */
  readonly lowerBound: Uint8Array;
  /** No key of the table sorts after it. */
  readonly upperBound: Uint8Array;
  /** Whether `upperBound` itself lies outside: it is where a range delete ends. */
  readonly upperExclusive: boolean;
  readonly fileBytes: number;
  readonly blockCount: number;
  readonly filterBytes: number;
  readonly indexBytes: number;
}

/** The payload of the properties section. */
export function encodeProperties(properties: StoredProperties): Uint8Array {
  const { smallestKey, largestKey } = properties;
  const writer = new ByteWriter();
  writer.u53(properties.entries).u53(properties.deletes).u53(properties.keyBytes).u53(properties.valueBytes);
  writer.u48(properties.smallestSequence).u48(properties.largestSequence).u32(properties.blockBytes);
  if (smallestKey === undefined || largestKey === undefined) return writer.u8(0).finish();
  return writer.u8(1).byteString(smallestKey).byteString(largestKey).finish();
}

/** The twin of `encodeProperties`. @throws CoterieError `CORRUPTION` */
export function decodeProperties(section: Uint8Array): StoredProperties {
  const reader = new ByteReader(section);
  const entries = reader.u53();
  const deletes = reader.u53();
  const keyBytes = reader.u53();
  const valueBytes = reader.u53();
  const smallestSequence = reader.u48();
  const largestSequence = reader.u48();
  const blockBytes = reader.u32();
  const hasPoints = reader.u8() === 1;
  const smallestKey = hasPoints ? reader.byteString() : undefined;
  const largestKey = hasPoints ? reader.byteString() : undefined;
  return { entries, deletes, keyBytes, valueBytes, smallestSequence, largestSequence, blockBytes, smallestKey, largestKey };
}

/** The payload of the range delete section: count, then (from, to, sequence u48) each. */
export function encodeRangeDeletes(ranges: readonly RangeDelete[]): Uint8Array {
  if (ranges.length === 0) return new Uint8Array(0);
  const writer = new ByteWriter().varint(ranges.length);
  for (const { from, to, sequence } of ranges) writer.byteString(from).byteString(to).u48(sequence);
  return writer.finish();
}

/** The twin of `encodeRangeDeletes`. @throws CoterieError `CORRUPTION` */
export function decodeRangeDeletes(section: Uint8Array): RangeDelete[] {
  const ranges: RangeDelete[] = [];
  if (section.length === 0) return ranges;
  const reader = new ByteReader(section);
  for (let left = reader.varint(); left > 0; left--) {
    ranges.push({ from: reader.byteString(), to: reader.byteString(), sequence: reader.u48() });
  }
  return ranges;
}

/** Bounds over entries and range deletes together. */
export function boundsOf(
  { smallestKey, largestKey }: Pick<StoredProperties, 'smallestKey' | 'largestKey'>,
  ranges: readonly RangeDelete[],
): Pick<TableProperties, 'lowerBound' | 'upperBound' | 'upperExclusive'> {
  let lower = smallestKey;
  let upper = largestKey;
  let upperExclusive = false;
  for (const { from, to } of ranges) {
    if (lower === undefined || compareBytes(from, lower) < 0) lower = from;
    if (upper === undefined || compareBytes(to, upper) > 0) {
      upper = to;
      upperExclusive = true;
    }
  }
  const none = new Uint8Array(0);
  return { lowerBound: lower ?? none, upperBound: upper ?? none, upperExclusive };
}
