/**
 * Precedence: what is believed of a member, and which of two beliefs wins. A standing is a point of a lattice, and merging
 * takes the least point above both, so that gossip may come late, twice and in any order.
 *
 * ```
 *   higher incarnation wins; within one incarnation:
 *
 *   alive ──▶ suspect ──▶ dead ──▶ left        to the right wins, so `left` is final until the member itself
 *     ▲          │          │        │         comes back under a higher incarnation
 *     └──────────┴──────────┴────────┘  the member alone, by a higher incarnation
 * ```
 *
 * A suspect or dead standing names its witnesses: members whose own probes got no answer. Of two equal standings the
 * witnesses are united; the `witnessesMax` smallest ids are kept, which keeps merging associative.
 *
 * Follows SWIM (Das, Gupta, Motivala, DSN 2002), section 4.2, with witnesses as in Lifeguard (Dadgar, Phillips, Currey,
 * 2018) carried in the message instead of counted by each receiver.
 */

/** Every state, in order of precedence within one incarnation. */
export const memberStates = ['alive', 'suspect', 'dead', 'left'] as const;

/** What a member is taken for. */
export type MemberState = (typeof memberStates)[number];

/** What is believed of a member. */
export interface Standing {
  readonly incarnation: number;
  readonly state: MemberState;
  /** Sorted; empty unless suspect or dead. */
  readonly witnesses: readonly string[];
}

/** Most witnesses that a standing names. */
export const witnessesMax = 4;

/** No witnesses. */
export const noWitnesses: readonly string[] = [];

/** Place of a state in the order of precedence: 0 is the weakest. */
export function rankOf(state: MemberState): number {
  return memberStates.indexOf(state);
}

/** Whether a state lets requests go to the member: a suspicion is no verdict. */
export function isUpState(state: MemberState | undefined): boolean {
  return state === 'alive' || state === 'suspect';
}

/** Negative, zero or positive as `a` is weaker than, level with or stronger than `b`, witnesses aside. */
export function compareStandings(a: Standing, b: Standing): number {
  return a.incarnation - b.incarnation || rankOf(a.state) - rankOf(b.state);
}

/** The least standing above both. Returns `a` itself when `b` adds nothing. */
export function mergeStandings(a: Standing, b: Standing): Standing {
  const order = compareStandings(a, b);
  if (order !== 0) return order > 0 ? a : b;
  const witnesses = uniteWitnesses(a.witnesses, b.witnesses);
  return witnesses === a.witnesses ? a : { ...a, witnesses };
}

/** Both lists of witnesses as one, smallest ids first. Returns `a` itself when `b` adds nothing. */
export function uniteWitnesses(a: readonly string[], b: readonly string[]): readonly string[] {
  if (b.every((id) => a.includes(id))) return a;
  const united = [...new Set([...a, ...b])].toSorted().slice(0, witnessesMax);
  return united.length === a.length && united.every((id, i) => id === a[i]) ? a : united;
}

/**
 * What a receiver makes of a standing: a death with fewer witnesses than it asks for is to it no more than their suspicion.
 * So a deaf member cannot talk others into its own despair.
 */
export function weigh(standing: Standing, witnessesNeeded: number): Standing {
  if (standing.state !== 'dead' || standing.witnesses.length >= witnessesNeeded) return standing;
  return { ...standing, state: 'suspect' };
}
