/** Draws from the randomness that was handed in. */
import type { Random } from '@coterie/env';

/** A uniform integer in [0, limit). */
export function below(random: Random, limit: number): number {
  return Math.floor((random.u32() / 2 ** 32) * limit);
}
