/**
 * What of a change's partitions somebody has streamed to this store, and whose copies of them it has been compared with:
 * from that follows what to do next with each source, so that a silent one keeps nobody else's copies away.
 *
 * ```
 *   its giver streams it ──────────────────────────────────┐
 *   its giver is silent ─▶ another holder streams it ──────┴─▶ streamed ─▶ compared with each holder ─▶ done with all its partitions: done
 *                           └ then the giver, when it is back, only compares
 * ```
 *
 * Only what is streamed is compared: what is still to come would be fetched key by key. It is kept in memory: after a
 * restart, partitions of a giver that has not ended are streamed by it, and everything is compared anew.
 */
import { partitionsIn } from '../store/partition-ranges.ts';
import type { Intake } from '../cluster/moves.ts';

/** How far one change is, in partitions. */
export class Covered {
  readonly #streamed = new Set<number>();
  readonly #compared = new Map<string, Set<number>>();

  /** Somebody has given all that it had of these partitions. */
  noteStreamed(partitions: readonly number[]): void {
    for (const partition of partitions) this.#streamed.add(partition);
  }

  /** This store covers what a source has of these partitions. */
  noteCompared(source: string, partitions: readonly number[]): void {
    const compared = this.#compared.get(source) ?? new Set();
    for (const partition of partitions) compared.add(partition);
    this.#compared.set(source, compared);
  }

  /** Partitions that a source is to stream and nobody has. */
  leftToGive({ streamed }: Intake): number[] {
    return partitionsIn(streamed).filter((partition) => !this.#streamed.has(partition));
  }

  /** Partitions that a source holds, whose givers give nothing for now: `silent` of all that they have to give. */
  leftBy(silent: readonly Intake[], { ranges }: Intake): number[] {
    const held = new Set(partitionsIn(ranges));
    const left = silent.flatMap((giver) => this.leftToGive(giver)).filter((partition) => held.has(partition));
    return left.sort((a, b) => a - b);
  }

  /** Partitions that can be compared with a source. */
  leftToCompare({ source, ranges }: Intake): number[] {
    const compared = this.#compared.get(source);
    return partitionsIn(ranges).filter((partition) => this.#streamed.has(partition) && compared?.has(partition) !== true);
  }

  /** Whether all that a source holds has been compared with it. */
  isDoneWith({ source, ranges }: Intake): boolean {
    const compared = this.#compared.get(source);
    return partitionsIn(ranges).every((partition) => compared?.has(partition) === true);
  }
}
