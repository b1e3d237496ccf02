/** What the machine asks its shell to do, and what it reports. */
import type { MemberState } from './standing.ts';

/** One effect of a step. */
export type Effect =
  /** Send these bytes; they may get lost. */
  | { readonly kind: 'send'; readonly address: string; readonly bytes: Uint8Array }
  /** A member is believed in another state, or (`was` equal to `is`) has a new profile. `undefined`: not in the list. */
  | { readonly kind: 'changed'; readonly id: string; readonly was: MemberState | undefined; readonly is: MemberState | undefined }
  /** A member knows of a higher ring epoch than oneself: fetch the ring log from it. */
  | { readonly kind: 'epoch'; readonly id: string; readonly epoch: number }
  /** A seed let us in: the id of the cluster is known now. */
  | { readonly kind: 'joined'; readonly cluster: string }
  /** Somebody of another cluster talks to us. At most one in ten seconds. */
  | { readonly kind: 'foreign'; readonly cluster: string; readonly address: string }
  /** Somebody else goes by our own id, perhaps a copied data directory. At most one in ten seconds. */
  | { readonly kind: 'clash'; readonly address: string };
