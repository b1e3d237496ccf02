/**
 * Randomness from the system's generator, good enough for keys. Words come out of a pool that is filled 1024 at a time:
 * one call into the generator costs about as much as a hundred words.
 */
import { randomFillSync } from 'node:crypto';
import type { Random } from '@coterie/env';

const pool = new Uint32Array(1024);
let used = pool.length;

/** Cryptographic randomness. */
export const nodeRandom: Random = {
  u32() {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    const word = pool[used];
    pool[used++] = 0;
    return word;
  },
  fill: (into) => randomFillSync(into),
};
