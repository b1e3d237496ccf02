/**
 * The conversation of one register: what a proposer asks, what an acceptor answers. A register decides one value for
 * ever; values are opaque bytes and equal when their bytes are.
 *
 * ```
 *   proposer ── prepare(b) ────────▶ acceptor ── promise(b, accepted?) ─▶      "nothing below b from now on"
 *            ── accept(b, value) ──▶          ── accepted(b) ───────────▶      "it is on my disk"
 *                                             ── refused(b, promised) ──▶      "I promised a higher one"
 * ```
 *
 * Lamport, "Paxos Made Simple" (2001).
 */
import type { Ballot } from './ballot.ts';

/** A value and the ballot under which an acceptor took it. */
export interface Acceptance {
  readonly ballot: Ballot;
  readonly value: Uint8Array;
}

/** What a proposer asks. */
export type RegisterRequest =
  | { readonly kind: 'prepare'; readonly ballot: Ballot }
  | { readonly kind: 'accept'; readonly ballot: Ballot; readonly value: Uint8Array };

/** What an acceptor answers; `ballot` is the one that was asked about. */
export type RegisterReply =
  | { readonly kind: 'promise'; readonly ballot: Ballot; readonly accepted: Acceptance | undefined }
  | { readonly kind: 'accepted'; readonly ballot: Ballot }
  | { readonly kind: 'refused'; readonly ballot: Ballot; readonly promised: Ballot | undefined };
