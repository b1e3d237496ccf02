/**
 * An entry: what sorted memory and sorted files hold. Order: key ascending (bytes), then sequence descending, so the
 * newest entry of a key comes first. Sequences are integers in [1, 2^48): plain numbers in calls, two u32 in memory,
 * six bytes on disk.
 */

/** Largest sequence; used to mean "newest". */
export const maxSequence: number = 2 ** 48 - 1;

/** What an entry does to its key. On disk and in memory: never renumber. */
export const entryType = { delete: 0, put: 1 } as const;

/** A deleted range of keys [from, to) as of `sequence`: hides every entry of those keys with a lower sequence. */
export interface RangeDelete {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly sequence: number;
}

/**
 * A movable position in sorted entries, single-threaded and allocation-free: the current entry lies in fields.
 * The fields are meaningful only while `valid`; the byte arrays are views that any later move may invalidate.
 */
export interface EntryCursor {
  valid: boolean;
  /** The key is `keyBytes[keyStart, keyEnd)`. */
  keyBytes: Uint8Array;
  keyStart: number;
  keyEnd: number;
  sequence: number;
  /** One of `entryType`. */
  type: number;
  /** The value is `valueBytes[valueStart, valueEnd)`. */
  valueBytes: Uint8Array;
  valueStart: number;
  valueEnd: number;
  /** Whether nobody ever writes to `valueBytes` again, so that views of values may be kept. */
  readonly ownsValue?: boolean;
  seekToFirst(): void;
  seekToLast(): void;
  /** Moves to the first entry at or after (key, sequence) in entry order; by default the key's newest. */
  seek(key: Uint8Array, sequence?: number): void;
  /** Moves to the last entry whose key sorts before `key`. */
  seekBefore(key: Uint8Array): void;
  next(): void;
  previous(): void;
  /** Releases what the position pins. The cursor can be moved again afterwards. */
  release(): void;
}
