/**
 * Whose votes a file holds, and whether whoever opens it may go on voting in that name. Pure.
 *
 * ```
 *   file of votes ──judgeSeat──▶ keep   it is ours, and nothing was lost
 *                            └─▶ mint   a new incarnation: seats of the old one are no longer ours
 * ```
 *
 * An incarnation is born with its file of votes and ends with it. So nobody can vote in the name of an incarnation
 * without knowing all that it promised: a file that is gone, copied, restored or cut off from its log has lost its
 * seats, and a decision has to name the new incarnation before it votes. A crash costs no seat: promises are on disk
 * before they are given.
 */
import { CoterieError } from '@coterie/env';
import type { AcceptorState } from './acceptor.ts';

/** What a file of votes says. */
export interface FoundVotes {
  readonly node: string;
  readonly incarnation: string;
  /** The store that it stood beside; empty when its owner named none. */
  readonly store: string;
  /** Which file it was when it was written: device and inode. */
  readonly writtenAs: string;
  /** Which file it is. */
  readonly foundAs: string;
  /** Votes on the epoch voted on last; 0 if there were none. */
  readonly epoch: number;
  readonly acceptor: AcceptorState;
}

/** Who opens it. */
export interface Claimant {
  readonly node: string;
  readonly store: string;
  /** Where the log beside it ends; 0 without one. */
  readonly epoch: number;
}

/** Whether the seat goes on. */
export type SeatVerdict = { readonly keep: FoundVotes } | { readonly mint: string };

/**
 * Judges a file of votes. @throws CoterieError `INVALID_ARGUMENT` for another node's, `CORRUPTION` when votes were cast
 * that the log beside it cannot explain
 */
export function judgeSeat(found: FoundVotes | undefined, claimant: Claimant): SeatVerdict {
  if (found === undefined) return { mint: 'there is no file of votes' };
  if (found.node !== claimant.node) {
    throw new CoterieError('INVALID_ARGUMENT', `this directory is of node ${found.node}, not ${claimant.node}`);
  }
  if (found.writtenAs !== found.foundAs) return { mint: 'the file of votes was copied or restored' };
  if (found.store !== claimant.store) return { mint: 'the store beside it is another one' };
  if (claimant.epoch === 0 && found.epoch > 0) return { mint: 'the log beside it is gone' };
  if (found.epoch > claimant.epoch + 1) {
    throw new CoterieError('CORRUPTION', `it voted on epoch ${found.epoch} and its log ends at ${claimant.epoch}: decisions are missing`);
  }
  return { keep: found };
}
