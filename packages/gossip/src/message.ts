/**
 * What members say to each other. Every message is one datagram of at most `messageBytesMax` bytes; none is answered twice,
 * none needs an order, and each may be lost.
 *
 * ```
 *   probing         ping ─▶ ack            and when no ack comes:  relay ─▶ (ping ─▶ ack) ─▶ report
 *   spreading       gossip                 changes also ride on ping, ack, relay and report
 *   reconciling     digest ─▶ summary ─▶ want ─▶ records
 * ```
 */
import type { Profile } from './profile.ts';
import type { Standing } from './standing.ts';

/** Most bytes of a message: what passes any path unfragmented, with room for tunnels. */
export const messageBytesMax = 1400;

/** Everything that one member tells of another (or of itself). */
export interface MemberRecord {
  readonly id: string;
  readonly standing: Standing;
  /** Left out where the receiver surely has it. */
  readonly profile?: Profile;
}

/** How a member shows itself in ping and ack, the only places where heartbeats travel. */
export interface Introduction {
  readonly standing: Standing;
  readonly profile: Profile;
  /** Periods since its start. */
  readonly heartbeat: number;
  /** Ring epoch that it knows of. */
  readonly epoch: number;
}

/** One line of a summary: what the sender believes, without witnesses and profile. */
export interface SummaryLine {
  readonly id: string;
  readonly incarnation: number;
  readonly profileIncarnation: number;
  readonly state: Standing['state'];
}

/** What a message says. */
export type Message =
  | {
      readonly kind: 'ping';
      readonly seq: number;
      readonly target: string;
      readonly from: Introduction;
      readonly records: readonly MemberRecord[];
    }
  | { readonly kind: 'ack'; readonly seq: number; readonly from: Introduction; readonly records: readonly MemberRecord[] }
  | {
      readonly kind: 'relay';
      readonly seq: number;
      readonly target: string;
      readonly address: string;
      readonly records: readonly MemberRecord[];
    }
  | { readonly kind: 'report'; readonly seq: number; readonly outcome: 'answered' | 'silent'; readonly records: readonly MemberRecord[] }
  | { readonly kind: 'gossip'; readonly records: readonly MemberRecord[] }
  | { readonly kind: 'digest'; readonly hashes: Uint32Array }
  | {
      readonly kind: 'summary';
      /** Whether there was more to say than this answer holds. */
      readonly rest: 'more' | 'none';
      /** It lists every member that the sender knows with an id in (after, to]. */
      readonly after: string;
      readonly to: string;
      readonly lines: readonly SummaryLine[];
    }
  | { readonly kind: 'want'; readonly ids: readonly string[] }
  | { readonly kind: 'records'; readonly records: readonly MemberRecord[] };

/** Kinds in the order of their numbers on the wire, which begin at 1. */
export const messageKinds = ['ping', 'ack', 'relay', 'report', 'gossip', 'digest', 'summary', 'want', 'records'] as const;

/** A message, from whom, of which cluster. */
export interface Envelope {
  /** Empty for one who does not know yet which cluster it joins. */
  readonly cluster: string;
  readonly sender: string;
  readonly message: Message;
}

/** What messages may hold. */
export const messageLimits = {
  clusterBytes: 64,
  /** Hashes of a digest: 2^0 to 2^8. */
  digestBits: 8,
  summaryLines: 60,
  wantedIds: 120,
} as const;
