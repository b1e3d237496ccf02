/**
 * Seeded randomness: sfc32 (Chris Doty-Humphrey's small fast counting generator), 128 bits of state. The same seed gives
 * the same numbers for ever; recorded failing seeds depend on it, so the algorithm is frozen.
 */
import type { Random } from '@coterie/env';

/** A seeded generator. */
export class SeededRandom implements Random {
  readonly #state = new Int32Array(4);

  /** `seed` is taken modulo 2^32; `stream` tells generators of one seed apart. */
  constructor(seed: number, stream = 0) {
    this.#state.set([seed, stream, 0x9e3779b9, 1]);
    for (let i = 0; i < 12; i++) this.u32();
  }

  u32(): number {
    const s = this.#state;
    const sum = (s[0] + s[1] + s[3]) | 0;
    s[3] = s[3] + 1;
    s[0] = s[1] ^ (s[1] >>> 9);
    s[1] = s[2] + (s[2] << 3);
    s[2] = ((s[2] << 21) | (s[2] >>> 11)) + sum;
    return sum >>> 0;
  }

  fill(into: Uint8Array): Uint8Array {
    for (let i = 0; i < into.length; i += 4) {
      const word = this.u32();
      for (let j = i; j < i + 4 && j < into.length; j++) into[j] = word >>> ((j - i) * 8);
    }
    return into;
  }

  /** A uniform integer in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** A uniform number in [0, 1). */
  fraction(): number {
    return this.u32() / 2 ** 32;
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of `choices`, each as likely. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }
}
