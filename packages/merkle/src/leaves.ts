/**
 * Which leaf a key belongs to: the stretch of tokens that it lies in. Objects lie on disk in token order, so a leaf is one
 * contiguous range of them, and a leaf's keys can be listed without looking at any others.
 *
 * ```
 *  token      │ k bits: partition │ 6 bits: group │ 6 bits: leaf of the group │ …
 *                                 └────── leaf number, 12 bits ───────┘
 * ```
 */

/** Children of every node of a tree. */
export const fanOut = 64;

/** Leaves of a partition: two levels below its root. */
export const leafCount: number = fanOut * fanOut;

/** A leaf's place. */
export interface LeafPlace {
  readonly partition: number;
  /** In [0, leafCount). */
  readonly leaf: number;
}

/** The leaf of a token, by its high word, on a ring of `partitions` = 2^k ≤ 2^20. */
export function leafOf(high: number, partitions: number): LeafPlace {
  // Exact: spans are powers of two of at least 1.
  const number = Math.floor(high / leafSpan(partitions));
  return { partition: Math.floor(number / leafCount), leaf: number % leafCount };
}

/** The high word of the first token of a leaf; 2^32 past the last one. */
export function leafStart({ partition, leaf }: LeafPlace, partitions: number): number {
  return (partition * leafCount + leaf) * leafSpan(partitions);
}

function leafSpan(partitions: number): number {
  return 2 ** 32 / (partitions * leafCount);
}
