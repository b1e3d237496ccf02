/** Counts hints that are on their way to the disk: one that no batch brings there is none. */
import type { HintLedger } from './hint-ledger.ts';

/** A hint that is counted and not yet kept: it counts no more once all batches that could bring it have failed. */
export interface NewHint {
  batches: number;
  isKept: boolean;
}

/** Counts a batch with a hint for a member: a new hint, or what is made of the `earlier` one, if that is still on its way. */
export function countHint(
  hints: HintLedger,
  member: string,
  { isNew, earlier }: { readonly isNew: boolean; readonly earlier: NewHint | undefined },
): NewHint | undefined {
  if (isNew) hints.added(member);
  const newHint = isNew ? { batches: 0, isKept: false } : earlier;
  if (newHint !== undefined) newHint.batches += 1;
  return newHint;
}

/** A batch of the hint has failed. */
export function hintFailed(hints: HintLedger, newHint: NewHint, member: string | undefined): void {
  newHint.batches -= 1;
  if (newHint.batches === 0 && !newHint.isKept && member !== undefined) hints.removed(member);
}
