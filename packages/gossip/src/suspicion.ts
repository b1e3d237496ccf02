/**
 * How long a suspect has to refute. The time begins long and shrinks as independent witnesses are found: one accuser may be
 * the one who is ill, three hardly are. Lifeguard (Dadgar, Phillips, Currey, 2018), section "Local Health Aware Suspicion".
 *
 * ```
 *   least   = period × (2 + log10 n)        refutation must reach everybody: time grows with the logarithm of the size
 *   longest = 3 × least
 *   timeout = longest − (longest − least) × log(c + 1) / log(3)      c = witnesses besides the first, at most 2
 * ```
 */

/** Witnesses besides the first that bring the timeout down to its least. */
const confirmationsForLeast = 2;
const longestFactor = 3;

/** What the timeout depends on. */
export interface SuspicionTerms {
  readonly periodMs: number;
  /** Members taken for up. */
  readonly clusterSize: number;
  readonly witnesses: number;
}

/** Milliseconds from the first accusation to the verdict. */
export function suspicionTimeoutMs({ periodMs, clusterSize, witnesses }: SuspicionTerms): number {
  const least = periodMs * (2 + Math.log10(Math.max(1, clusterSize)));
  const longest = least * longestFactor;
  const confirmations = Math.min(confirmationsForLeast, Math.max(0, witnesses - 1));
  return longest - ((longest - least) * Math.log(confirmations + 1)) / Math.log(confirmationsForLeast + 1);
}
