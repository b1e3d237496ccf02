/**
 * Whom a coordinator asks, and when it has enough: a value machine, told each answer and each silence, that names the
 * stores to ask next and the verdict. Nothing here waits or sends.
 *
 * ```
 *   owner a ──▶ ask a ──ok──────────────▶ counts as a primary
 *                 │ failed, or silent for long
 *                 └──▶ ask the next fallback for a ──ok──▶ counts as a fallback, in every set that a is in
 *                        └ failed ──▶ the one after it … ──▶ a itself, if it was only thought to be down
 *
 *   waiting ──▶ met      in every set: total stores answered, of them as many primaries as asked
 *      ├──────▶ met      one list gives no more, or is silent for long, and total stores of both hold it all the same
 *      └──────▶ failed   nobody is left who could make it so
 * ```
 *
 * There is one set of primaries, or two while a partition moves: what counts must count in both (design section 9). A
 * store counts once in a set, whatever it is asked for. An owner that is late goes on being waited for beside its
 * stand-in: its answer still counts.
 */

/** A store to ask, and for which owner it stands in. */
export interface Target {
  readonly store: string;
  /** Absent when the store is asked as the primary that it is. */
  readonly standsFor?: string | undefined;
}

/** How a store answered. */
export interface Outcome extends Target {
  readonly ok: boolean;
  /** It holds the write durably. */
  readonly synced?: boolean | undefined;
  /** It answers, and cannot vouch for what it lacks: counts as a fallback. */
  readonly recovering?: boolean | undefined;
}

/** What has to be reached in each set. */
export interface Threshold {
  readonly total: number;
  readonly primary: number;
}

/** What others know of a store's health: `doubtful` ones are asked, and sooner replaced. */
export type Standing = 'up' | 'doubtful' | 'down';

/** What a pursuit starts from. */
export interface PursuitPlan {
  /** The primaries, in order of preference: one set, or the old and the new. */
  readonly sets: readonly (readonly string[])[];
  readonly thresholds: readonly Threshold[];
  /** Who may stand in, in order; consulted only when needed. */
  readonly fallbacks: Iterable<string>;
  standing(store: string): Standing;
}

/** One operation's way through the stores. Asked stores are a handful: two short lists are quicker than sets and maps. */
export class Pursuit {
  readonly #plan: PursuitPlan;
  readonly #owners: readonly string[];
  #fallbacks: Iterator<string> | undefined;
  /** Everyone who was asked, each store once. */
  readonly #asked: Target[] = [];
  /** What each of them answered, at the same position. */
  readonly #answers: (Outcome | undefined)[] = [];
  #openCount = 0;
  /** Somebody who was asked has been silent for long. */
  #isLate = false;
  /** Owners that were not asked because they are thought to be down. */
  readonly #passedOver: string[] = [];
  #fallbacksLeft = true;

  constructor(plan: PursuitPlan) {
    this.#plan = plan;
    this.#owners = plan.sets.length === 1 ? plan.sets[0] : [...new Set(plan.sets.flat())];
  }

  /**
   * Whom to ask first: the owners, and stand-ins for those that are down. `own` is the coordinator's own part, which is
   * among them: as a primary, or standing in for an owner.
   */
  start(own?: Target): Target[] {
    const targets = own === undefined ? [] : [this.#ask(own)];
    const down: string[] = [];
    for (const owner of this.#owners) {
      if (owner !== own?.store && this.#plan.standing(owner) === 'down') down.push(owner);
      else if (!this.#wasAsked(owner)) targets.push(this.#ask({ store: owner, standsFor: undefined }));
    }
    for (const owner of down) {
      this.#passedOver.push(owner);
      if (owner !== own?.standsFor) targets.push(...this.#next(owner));
    }
    // Fallbacks cannot make up for primaries: where strictness needs them, those thought to be down are tried at once.
    if (this.#openCount === 0 || (down.length > 0 && this.#needsPassedOver())) targets.push(...this.#lastResort());
    return targets;
  }

  /** Takes an answer in; returns whom to ask now. The first answer of a store counts. */
  add(outcome: Outcome): readonly Target[] {
    const position = this.#positionOf(outcome.store);
    if (position < 0 || this.#answers[position] !== undefined) return nobody;
    this.#answers[position] = outcome;
    this.#openCount -= 1;
    const target = this.#asked[position];
    const targets = outcome.ok ? nobody : this.#next(target.standsFor ?? target.store);
    const isStuck = this.#openCount === 0 && this.verdict !== 'met';
    return isStuck ? this.#lastResort() : targets;
  }

  /** A store has been silent for long; returns whom to ask beside it. */
  late(store: string): readonly Target[] {
    const position = this.#positionOf(store);
    if (position < 0 || this.#answers[position] !== undefined) return nobody;
    this.#isLate = true;
    const target = this.#asked[position];
    return this.#next(target.standsFor ?? target.store);
  }

  get verdict(): 'waiting' | 'met' | 'failed' {
    for (let index = 0; index < this.#plan.sets.length; index++) {
      if (this.#isMet(index)) continue;
      if (this.#isHopeless()) return this.#lastVerdict();
      return this.#isLate && this.#isHeldByBoth() ? 'met' : 'waiting';
    }
    return 'met';
  }

  /** When an old or a new list cannot give enough. A single set has no other to draw on. */
  #lastVerdict(): 'waiting' | 'met' | 'failed' {
    if (this.#isHeldByBoth()) return 'met';
    const perhaps = this.#held + this.#openCount + this.#passedOver.length;
    return this.#reaches(perhaps, (index) => this.#possible(index, this.#passedOverOf(index)).primary) ? 'waiting' : 'failed';
  }

  /**
   * Whether enough stores hold the object, whichever list they are of: one of the other list holds it as durably as a
   * stand-in would, and counts as one (P3). Primaries are asked for in each set as ever.
   */
  #isHeldByBoth(): boolean {
    return this.#reaches(this.#held, (index) => this.#counts(index).primary);
  }

  #reaches(stores: number, primariesOf: (index: number) => number): boolean {
    return this.#plan.thresholds.every(({ total, primary }, index) => stores >= total && primariesOf(index) >= primary);
  }

  get #held(): number {
    return this.outcomes.filter(({ ok }) => ok).length;
  }

  /** Stores that were asked and have not answered. */
  get open(): readonly Target[] {
    return this.#asked.filter((_, position) => this.#answers[position] === undefined);
  }

  get outcomes(): readonly Outcome[] {
    return this.#answers.filter((answer) => answer !== undefined);
  }

  /** Whether a store counts as a primary: an owner that was asked as itself and vouches for what it lacks. */
  isPrimary(outcome: Outcome): boolean {
    return outcome.standsFor === undefined && outcome.recovering !== true && this.#owners.includes(outcome.store);
  }

  #ask(target: Target): Target {
    this.#asked.push(target);
    this.#answers.push(undefined);
    this.#openCount += 1;
    return target;
  }

  #positionOf(store: string): number {
    const asked = this.#asked;
    for (let position = 0; position < asked.length; position++) if (asked[position].store === store) return position;
    return -1;
  }

  #wasAsked(store: string): boolean {
    return this.#positionOf(store) >= 0;
  }

  /** The next fallback that is not down, to stand in for `owner`. */
  #next(owner: string): Target[] {
    this.#fallbacks ??= this.#plan.fallbacks[Symbol.iterator]();
    while (this.#fallbacksLeft) {
      const { value, done } = this.#fallbacks.next();
      if (done === true) this.#fallbacksLeft = false;
      else if (!this.#wasAsked(value) && this.#plan.standing(value) !== 'down') return [this.#ask({ store: value, standsFor: owner })];
    }
    return [];
  }

  /** The owners that were passed over: thought to be down, which may be wrong. */
  #lastResort(): Target[] {
    return this.#passedOver
      .splice(0)
      .filter((owner) => !this.#wasAsked(owner))
      .map((owner) => this.#ask({ store: owner, standsFor: undefined }));
  }

  #isMet(index: number): boolean {
    const { total, primary } = this.#plan.thresholds[index];
    const counts = this.#counts(index);
    return counts.total >= total && counts.primary >= primary;
  }

  #counts(index: number): Threshold {
    const set = this.#plan.sets[index];
    let total = 0;
    let primary = 0;
    for (const outcome of this.#answers) {
      if (outcome === undefined || !outcome.ok || !isOf(set, outcome)) continue;
      total += 1;
      if (this.isPrimary(outcome) && set.includes(outcome.store)) primary += 1;
    }
    return { total, primary };
  }

  #needsPassedOver(): boolean {
    return this.#plan.sets.some((_, index) => this.#possible(index, 0).primary < this.#plan.thresholds[index].primary);
  }

  #isHopeless(): boolean {
    for (let index = 0; index < this.#plan.sets.length; index++) {
      const { total, primary } = this.#plan.thresholds[index];
      const possible = this.#possible(index, this.#passedOverOf(index));
      // While fallbacks are left, every owner has one answer or one store that is being asked.
      if ((!this.#fallbacksLeft && possible.total < total) || possible.primary < primary) return true;
    }
    return false;
  }

  #passedOverOf(index: number): number {
    if (this.#passedOver.length === 0) return 0;
    return this.#passedOver.filter((owner) => this.#plan.sets[index].includes(owner)).length;
  }

  /** What can still be reached in a set if all that are open answer, and `more` of its primaries beside them. */
  #possible(index: number, more: number): Threshold {
    let { total, primary } = this.#counts(index);
    for (let position = 0; position < this.#asked.length; position++) {
      const target = this.#asked[position];
      if (this.#answers[position] !== undefined || !isOf(this.#plan.sets[index], target)) continue;
      total += 1;
      if (target.standsFor === undefined) primary += 1;
    }
    return { total: total + more, primary: primary + more };
  }
}

const nobody: readonly Target[] = [];

function isOf(set: readonly string[], target: Target): boolean {
  return set.includes(target.standsFor ?? target.store);
}
