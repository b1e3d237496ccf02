/**
 * What is believed of whom, and how a belief changes: by what others say, by what this node's own probes found, and by time.
 *
 * ```
 *                    accuse, or heard of it             timeout over and witnesses enough
 *        alive ───────────────────────────▶ suspect ─────────────────────────────────────▶ dead
 *          ▲                                   │                                             │
 *          └───── higher incarnation ──────────┴─────────────────────────────────────────────┘
 *
 *        about oneself: whatever is said is outbid by a higher incarnation
 * ```
 *
 * Every member runs the suspicion's clock for itself, so a death needs no message of its own to be known in time; it
 * is told all the same, for those who missed the suspicion.
 */
import type { Company } from './company.ts';
import type { Forgotten } from './forgotten.ts';
import type { MemberList } from './member-list.ts';
import type { MemberRecord } from './message.ts';
import type { Outbox } from './outbox.ts';
import { incarnationMax, type Profile } from './profile.ts';
import type { Spreading } from './spreading.ts';
import { compareStandings, isUpState, mergeStandings, noWitnesses, type Standing, uniteWitnesses, weigh } from './standing.ts';
import { suspicionTimeoutMs } from './suspicion.ts';
import { tableLimits } from './timing.ts';

/** What beliefs are made with. */
export interface BeliefParts {
  readonly list: MemberList;
  readonly spreading: Spreading;
  readonly outbox: Outbox;
  readonly company: Company;
  readonly forgotten: Forgotten;
  readonly periodMs: number;
}

/** `told`: news, to be told on. `fetched`: asked for to catch up, surely old to most. */
export type Hearsay = 'told' | 'fetched';

interface Suspicion {
  readonly sinceMs: number;
  dueMs: number;
}

/** Beliefs about all members. */
export class Beliefs {
  /** Suspicions of this node's own that were answered by a refutation. */
  refutedByUs = 0;
  readonly #parts: BeliefParts;
  readonly #suspicions = new Map<number, Suspicion>();
  #nextDueMs = Number.POSITIVE_INFINITY;
  #outbidLives = 0;

  constructor(parts: BeliefParts) {
    this.#parts = parts;
  }

  /** When the next suspicion's time is over. */
  get nextDueMs(): number {
    return this.#nextDueMs;
  }

  /** Somebody said this. */
  hear(record: MemberRecord, atMs: number, how: Hearsay): void {
    const { list, forgotten } = this.#parts;
    const slot = list.slotOf(record.id);
    if (slot === list.self) this.#hearOfSelf(record, atMs);
    else if (slot !== undefined) this.#hearOfKnown(slot, record, { atMs, how });
    else if (record.profile !== undefined && list.size < tableLimits.members && !forgotten.covers(record.id, record.standing.incarnation)) {
      this.#meet(record.profile, record.standing, { atMs, how });
    }
  }

  /** Nobody was heard of it, but it is known to exist. */
  introduce(profile: Profile, standing: Standing, atMs: number): void {
    const { list, forgotten } = this.#parts;
    if (list.slotOf(profile.id) !== undefined || list.size >= tableLimits.members) return;
    if (!forgotten.covers(profile.id, standing.incarnation)) this.#meet(profile, standing, { atMs, how: 'fetched' });
  }

  /** This node's own probe of a member, and those of `others`, had no answer. */
  accuse(slot: number, others: readonly string[], atMs: number): void {
    const { list } = this.#parts;
    const standing = list.standing(slot);
    if (standing.state !== 'alive' && standing.state !== 'suspect') return;
    const witnesses = uniteWitnesses(standing.witnesses, [list.catalogue.idOf(list.self), ...others]);
    this.#believe(slot, { ...standing, state: 'suspect', witnesses }, { atMs, how: 'told' });
  }

  /** Suspicions whose time is over become deaths, if there are witnesses enough. */
  judge(atMs: number): void {
    const { list, company } = this.#parts;
    let next = Number.POSITIVE_INFINITY;
    for (const [slot, { dueMs }] of this.#suspicions) {
      const standing = list.standing(slot);
      if (dueMs > atMs) next = Math.min(next, dueMs);
      else if (standing.witnesses.length >= company.witnessesNeeded(list.catalogue.idOf(slot), atMs)) {
        this.#believe(slot, { ...standing, state: 'dead' }, { atMs, how: 'told' });
      }
    }
    this.#nextDueMs = next;
  }

  /** Outbids what is said of oneself, or makes a new profile known. */
  speakForSelf(profile: Profile, state: 'alive' | 'left', atMs: number): void {
    const { list, spreading, outbox } = this.#parts;
    const was = list.columns.state(list.self);
    list.setProfile(list.self, profile);
    list.setStanding(list.self, { incarnation: profile.incarnation, state, witnesses: noWitnesses }, atMs);
    spreading.add(list.self);
    outbox.put({ kind: 'changed', id: profile.id, was, is: state });
  }

  /** Takes a member out of the list. */
  forget(slot: number): void {
    const { list, spreading, outbox, forgotten } = this.#parts;
    const id = list.catalogue.idOf(slot);
    const was = list.columns.state(slot);
    forgotten.add(id, list.columns.incarnation[slot]);
    this.#suspicions.delete(slot);
    spreading.remove(slot);
    list.remove(slot);
    outbox.put({ kind: 'changed', id, was, is: undefined });
  }

  #meet(profile: Profile, standing: Standing, when: { readonly atMs: number; readonly how: Hearsay }): void {
    const { list, spreading, outbox } = this.#parts;
    const believed = this.#weighed(profile.id, standing, when.atMs);
    const slot = list.add(profile, believed, when.atMs);
    this.#watch(slot, believed, when.atMs);
    if (when.how === 'told') spreading.add(slot);
    outbox.put({ kind: 'changed', id: profile.id, was: undefined, is: believed.state });
  }

  #hearOfKnown(slot: number, { id, standing, profile }: MemberRecord, when: { readonly atMs: number; readonly how: Hearsay }): void {
    const { list, spreading, outbox } = this.#parts;
    const isNewProfile = profile !== undefined && profile.incarnation > list.profile(slot).incarnation;
    if (isNewProfile) list.setProfile(slot, profile);
    const before = list.standing(slot);
    const merged = mergeStandings(before, this.#weighed(id, standing, when.atMs));
    if (merged !== before) this.#believe(slot, merged, when);
    if (!isNewProfile) return;
    if (when.how === 'told') spreading.add(slot);
    if (merged.state === before.state) outbox.put({ kind: 'changed', id, was: merged.state, is: merged.state });
  }

  /** `standing` is above the present one. */
  #believe(slot: number, standing: Standing, { atMs, how }: { readonly atMs: number; readonly how: Hearsay }): void {
    const { list, spreading, outbox } = this.#parts;
    const before = list.standing(slot);
    list.setStanding(slot, standing, atMs);
    if (compareStandings(before, standing) !== 0) this.#suspicions.delete(slot);
    this.#watch(slot, standing, atMs);
    const isNews = compareStandings(before, standing) !== 0 || standing.witnesses.length > before.witnesses.length;
    if (isNews && how === 'told') spreading.add(slot);
    if (before.state !== standing.state)
      outbox.put({ kind: 'changed', id: list.catalogue.idOf(slot), was: before.state, is: standing.state });
  }

  /** Starts the clock of a suspicion, or sets it by the witnesses it has now. */
  #watch(slot: number, standing: Standing, atMs: number): void {
    if (standing.state !== 'suspect') return;
    const { list, periodMs } = this.#parts;
    const sinceMs = this.#suspicions.get(slot)?.sinceMs ?? atMs;
    const timeoutMs = suspicionTimeoutMs({ periodMs, clusterSize: list.upSize, witnesses: standing.witnesses.length });
    this.#suspicions.set(slot, { sinceMs, dueMs: sinceMs + timeoutMs });
    this.#nextDueMs = Math.min(this.#nextDueMs, sinceMs + timeoutMs);
  }

  #weighed(id: string, standing: Standing, atMs: number): Standing {
    return standing.state === 'dead' ? weigh(standing, this.#parts.company.witnessesNeeded(id, atMs)) : standing;
  }

  /** Whatever is above what this member says of itself, also in its name, is outbid. */
  #hearOfSelf(
    { standing, profile = nothingSaid }: Pick<MemberRecord, 'standing'> & { readonly profile?: Said | undefined },
    atMs: number,
  ): void {
    const { list, outbox } = this.#parts;
    const own = list.standing(list.self);
    const mine = list.profile(list.self);
    const isAccusation = standing.state !== 'alive';
    const isAbove = own.state === 'left' ? standing.incarnation > own.incarnation : compareStandings(standing, own) > 0;
    if (!isAbove && profile.incarnation <= mine.incarnation) return;
    if (isAbove && isAccusation && isUpState(own.state)) this.refutedByUs++;
    if (!isAccusation && ++this.#outbidLives > 1) outbox.put({ kind: 'clash', address: profile.address ?? mine.address });
    const state = own.state === 'left' ? 'left' : 'alive';
    const highest = Math.max(standing.incarnation, profile.incarnation, own.incarnation);
    this.speakForSelf({ ...mine, incarnation: Math.min(incarnationMax, highest + 1) }, state, atMs);
  }
}

/** What counts of a profile that others told of this member. */
type Said = { readonly incarnation: number; readonly address?: string };
const nothingSaid: Said = { incarnation: 0 };
