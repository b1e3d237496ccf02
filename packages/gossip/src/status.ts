/** A member as `status` shows it: its state in words, since when, and who says so. */
import type { MemberList } from './member-list.ts';
import type { Profile } from './profile.ts';
import { type MemberState, noWitnesses } from './standing.ts';

/** What is known of a member. */
export interface MemberStatus {
  readonly profile: Profile;
  readonly state: MemberState;
  readonly incarnation: number;
  /** Milliseconds since it entered the state, by this node's waking time. */
  readonly forMs: number;
  /** Who had no answer from it, sorted; empty unless it is suspect or dead. */
  readonly witnesses: readonly string[];
  /** The last that it showed when it was heard directly; 0 if it never was. */
  readonly heartbeat: number;
  /** The ring epoch that it knew then. */
  readonly epoch: number;
  /** The state in a few words. */
  readonly words: string;
}

/** The status of the member in `slot` at waking time `atMs`. */
export function statusOf(list: MemberList, slot: number, atMs: number): MemberStatus {
  const { columns } = list;
  const { incarnation, state, witnesses } = list.standing(slot);
  const forMs = Math.max(0, atMs - columns.sinceSeconds[slot] * 1000);
  return {
    profile: list.profile(slot),
    state,
    incarnation,
    forMs,
    witnesses,
    heartbeat: columns.heartbeat[slot],
    epoch: columns.epoch[slot],
    words: inWords(state, forMs, state === 'suspect' ? witnesses : noWitnesses),
  };
}

const stateWords: Readonly<Record<MemberState, string>> = { alive: 'up', suspect: 'suspected', dead: 'down', left: 'left' };

function inWords(state: MemberState, forMs: number, accusers: readonly string[]): string {
  const by = accusers.length === 0 ? '' : ` by ${accusers.join(', ')}`;
  return `${stateWords[state]} for ${duration(Math.floor(forMs / 1000))}${by}`;
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} days`;
}
