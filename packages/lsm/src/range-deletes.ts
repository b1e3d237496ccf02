/**
 * Answers "what is the newest range delete that covers this key?" for the range deletes of one memtable or table.
 *
 * Overlapping ranges are cut at each other's ends into fragments that do not overlap; each fragment knows the sequences
 * of the ranges that cover it, newest first. A query is one binary search.
 *
 * ```
 *  a────────────m   seq 5         fragments:  [a,f) {5}   [f,m) {9,5}   [m,t) {9}
 *       f───────────t   seq 9
 * ```
 */
import { compareBytes, compareRanges, type RangeDelete } from '@coterie/bytes';

interface Fragment {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  /** Newest first. */
  readonly sequences: readonly number[];
}

/** Range deletes added since the last build that a query looks at one by one. Past it the fragments are built again. */
const tailMax = 32;

/** An index over a growing list of range deletes. */
export class RangeDeleteIndex {
  readonly list: readonly RangeDelete[];
  #fragments: readonly Fragment[] = [];
  #indexed = 0;

  constructor(list: readonly RangeDelete[]) {
    this.list = list;
  }

  /** Highest sequence, at most `maxSequence`, of a range delete that covers `key[start, end)`; 0 if none. */
  covering(key: Uint8Array, start: number, end: number, maxSequence: number): number {
    if (this.list.length === 0) return 0;
    if (this.list.length - this.#indexed > tailMax) this.#build();
    let newest = 0;
    for (let i = this.#indexed; i < this.list.length; i++) {
      const range = this.list[i];
      if (range.sequence <= maxSequence && range.sequence > newest && covers(range, key, start, end)) newest = range.sequence;
    }
    const fragment = this.#find(key, start, end);
    if (fragment !== undefined) {
      for (const sequence of fragment.sequences) {
        if (sequence <= maxSequence) return Math.max(newest, sequence);
      }
    }
    return newest;
  }

  #find(key: Uint8Array, start: number, end: number): Fragment | undefined {
    let low = 0;
    let high = this.#fragments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const to = this.#fragments[middle].to;
      if (compareRanges(to, 0, to.length, key, start, end) <= 0) low = middle + 1;
      else high = middle;
    }
    const fragment = this.#fragments[low];
    if (fragment === undefined) return undefined;
    return compareRanges(fragment.from, 0, fragment.from.length, key, start, end) <= 0 ? fragment : undefined;
  }

  #build(): void {
    this.#fragments = fragmentsOf(this.list);
    this.#indexed = this.list.length;
  }
}

function covers(range: RangeDelete, key: Uint8Array, start: number, end: number): boolean {
  return (
    compareRanges(range.from, 0, range.from.length, key, start, end) <= 0 &&
    compareRanges(range.to, 0, range.to.length, key, start, end) > 0
  );
}

/** Cuts ranges at each other's ends. */
export function fragmentsOf(list: readonly RangeDelete[]): Fragment[] {
  const starts = [...list].sort((a, b) => compareBytes(a.from, b.from));
  const ends = sortedUnique(list.flatMap((range) => [range.from, range.to]));
  const fragments: Fragment[] = [];
  let open: RangeDelete[] = [];
  let next = 0;
  for (let i = 0; i + 1 < ends.length; i++) {
    const from = ends[i];
    open = open.filter((range) => compareBytes(range.to, from) > 0);
    while (next < starts.length && compareBytes(starts[next].from, from) <= 0) open.push(starts[next++]);
    if (open.length === 0) continue;
    fragments.push({ from, to: ends[i + 1], sequences: open.map((range) => range.sequence).sort((a, b) => b - a) });
  }
  return fragments;
}

/** Byte strings in order, each once. */
function sortedUnique(keys: Uint8Array[]): Uint8Array[] {
  keys.sort(compareBytes);
  return keys.filter((key, i) => i === 0 || compareBytes(keys[i - 1], key) !== 0);
}
