/** Made-up tables for tests of pure decisions: one-byte bounds, sequences of ten from `number` on. */
import type { TableMeta } from '../src/version.ts';

export function meta(number: number, lower: number, upper: number, more: Partial<TableMeta> = {}): TableMeta {
  return {
    number,
    fileBytes: 1000,
    entries: 10,
    tombstones: 0,
    rangeDeletes: 0,
    smallestSequence: number * 10,
    largestSequence: number * 10 + 9,
    lower: Uint8Array.of(lower),
    upper: Uint8Array.of(upper),
    upperExclusive: false,
    ...more,
  };
}
