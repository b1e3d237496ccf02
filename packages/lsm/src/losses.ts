/**
 * What a store knows that it has lost: stretches of keys whose entries lay in a part of a file that was found damaged.
 * Pure.
 *
 * ```
 *   table   │ block │ damaged │ block │          what is whole goes on in a table of its own
 *             a … f   (f … k)   k … z
 *                     └─ loss: keys after f, before k; entries up to sequence 812
 * ```
 *
 * Inside a loss, only what is newer than everything lost is an answer. Anything else may have been overwritten or deleted
 * by what is gone, and *nothing found* may have been something: that is `CORRUPTION`, never "not found". A loss stays, in
 * the manifest, until somebody who knows better accepts it: a node that takes the stretch back from other copies, or an
 * operator.
 */
import { compareBytes, compareRanges } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { type Bounds, overlaps } from './bounds.ts';

/** A stretch of keys whose entries may be gone. */
export interface Loss extends Bounds {
  /** What is gone is not newer than this. */
  readonly sequence: number;
  /** Name of the file that was set aside, in `damaged/`. */
  readonly file: string;
  /** Where in it the damage begins. */
  readonly offset: number;
}

/** A store remembers so many stretches; past it neighbours become one. */
export const lossesMax = 1024;

/** Both together: in key order, those that overlap made one. */
export function withLosses(known: readonly Loss[], more: readonly Loss[]): readonly Loss[] {
  const sorted = [...known, ...more].sort((a, b) => compareBytes(a.lower, b.lower));
  const joined: Loss[] = [];
  for (const loss of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && overlaps(last, loss)) joined[joined.length - 1] = union(last, loss);
    else joined.push(loss);
  }
  return joined.length <= lossesMax ? joined : [joined.reduce(union)];
}

/** What is left of the losses when those of the keys in [from, to) are accepted; without bounds, of all keys. */
export function withoutLosses(known: readonly Loss[], from?: Uint8Array, to?: Uint8Array): readonly Loss[] {
  return known.flatMap((loss) => {
    const before = from === undefined ? [] : [{ ...loss, ...earlierEnd(loss, from) }];
    const after = to === undefined ? [] : [{ ...loss, lower: compareBytes(loss.lower, to) > 0 ? loss.lower : to }];
    return [...before, ...after].filter(holdsKeys);
  });
}

/** The loss that a key lies in. Losses are few, so this looks at each. */
export function lossAt(losses: readonly Loss[], key: Uint8Array): Loss | undefined {
  return losses.find((loss) => compareBytes(loss.lower, key) <= 0 && reaches(loss, key, key.length));
}

/** What a read of a loss is answered with. */
export function lossError({ file, offset, lower }: Loss, directory: string): CoterieError {
  const path = `${directory}/damaged/${file}`;
  const from = `keys from 0x${Buffer.from(lower.subarray(0, 16)).toString('hex')} on`;
  return new CoterieError('CORRUPTION', `${from} cannot be read: ${path} is damaged at ${offset}`, {
    details: { file: path, offset, lost: true },
  });
}

/** Watches a walk over keys in one direction: it must not pass over a loss as if nothing had been there. */
export class LossWatch {
  readonly #losses: readonly Loss[];
  readonly #directory: string;
  readonly #backward: boolean;

  /** `from`: where the walk begins, going forward; `before`: where it begins, going backward. */
  constructor(
    losses: readonly Loss[],
    walk: { readonly from?: Uint8Array | undefined; readonly before?: Uint8Array | undefined; readonly reverse: boolean },
    directory: string,
  ) {
    const { from, before, reverse } = walk;
    this.#directory = directory;
    this.#backward = reverse;
    const ahead = reverse
      ? losses.filter((loss) => before === undefined || compareBytes(loss.lower, before) < 0).toReversed()
      : losses.filter((loss) => from === undefined || reaches(loss, from, from.length));
    this.#losses = ahead;
  }

  /** The walk has come to a key. @throws CoterieError `CORRUPTION` if a loss lies on the way */
  at(keyBytes: Uint8Array, keyEnd: number): void {
    const loss = this.#losses[0];
    if (loss === undefined) return;
    const isMet = this.#backward
      ? reaches(loss, keyBytes, keyEnd)
      : compareRanges(loss.lower, 0, loss.lower.length, keyBytes, 0, keyEnd) <= 0;
    if (isMet) throw lossError(loss, this.#directory);
  }

  /** The walk has come to its end: all keys up to `edge`, or all there are. @throws CoterieError as `at` */
  atEnd(edge: Uint8Array | undefined): void {
    const loss = this.#losses[0];
    if (loss === undefined) return;
    const isBeyond = edge !== undefined && (this.#backward ? !reaches(loss, edge, edge.length) : compareBytes(loss.lower, edge) >= 0);
    if (!isBeyond) throw lossError(loss, this.#directory);
  }
}

/** Whether the loss goes as far as this key, or further. */
function reaches({ upper, upperExclusive }: Loss, keyBytes: Uint8Array, keyEnd: number): boolean {
  const order = compareRanges(upper, 0, upper.length, keyBytes, 0, keyEnd);
  return order > 0 || (order === 0 && !upperExclusive);
}

function holdsKeys({ lower, upper, upperExclusive }: Bounds): boolean {
  const order = compareBytes(lower, upper);
  return order < 0 || (order === 0 && !upperExclusive);
}

function earlierEnd(loss: Loss, end: Uint8Array): Pick<Bounds, 'upper' | 'upperExclusive'> {
  return reaches(loss, end, end.length) ? { upper: end, upperExclusive: true } : loss;
}

function union(a: Loss, b: Loss): Loss {
  const order = compareBytes(a.upper, b.upper);
  const { upper, upperExclusive } = order > 0 || (order === 0 && !a.upperExclusive) ? a : b;
  return { ...a, upper, upperExclusive, sequence: Math.max(a.sequence, b.sequence) };
}
