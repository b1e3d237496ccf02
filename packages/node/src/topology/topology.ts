/**
 * What operators and newcomers want of the ring, from here to the ring log: wishes are staged, planned off the main
 * thread, begun together, and taken back. Any member can do any of it.
 *
 * ```
 *   newcomer asks ──▶ waits here a moment with the others that ask ──┐
 *   operator      ──▶ stage … ──▶ staged in the ring log ──commit────┼──▶ plan ──▶ begin, or again if the ring moved on,
 *                 └── at once ───────────────────────────────────────┘            or if something else is staged by then
 * ```
 *
 * What a commit has looked at is what it begins: its `begin` follows no state in which anything else is staged, and is
 * planned for one ring. A commit that names a plan begins nothing but that.
 */
import { assert, CoterieError, type Environment, isCoterieError } from '@coterie/env';
import type { PlannedRing } from '@coterie/ring';
import { announce } from '../cluster/announce.ts';
import { holdsAnything, holdsAtRest, wishKey } from '../cluster/changes.ts';
import type { ClusterLink } from '../cluster/link.ts';
import { movesOf } from '../cluster/plan.ts';
import { type ClusterState, type Member, memberOf, type Wish } from '../cluster/state.ts';
import { checkEver, checkWish, refuse, whyFormer } from '../cluster/wishes.ts';
import { checkOutcome, checkStaged, nameOfPlan, nameOfWishes, parsePlanName, type PlanName, showPlanName } from './plan-name.ts';
import { Planning } from './planning.ts';

/** What planning needs of the world. */
export type TopologyWorld = Pick<Environment, 'jobs' | 'clock' | 'log'>;

/** How a newcomer asks. */
export interface Asking {
  readonly member: Member;
  /** `staged`: it waits for an operator's commit. */
  readonly mode: 'auto' | 'staged';
  /** Name or id of the member whose place it is to take. */
  readonly inPlaceOf?: string | undefined;
}

/** What a commit has begun. */
export interface Begun {
  /** Name of the plan. */
  readonly plan: string;
  readonly wishes: readonly Wish[];
}

/** What has to hold for what is planned to be begun. */
interface Proviso {
  /** Does nothing for a plan that may be begun. */
  approve(target: PlannedRing): void;
  /** Why it is not to be begun in this state. */
  readonly objection: (state: ClusterState) => string | undefined;
}

/** How often a plan is made anew because the ring moved on meanwhile. */
const plansMax = 5;
/** Newcomers that asked within this time are let in together. */
const togetherMs = 2500;
/** Newcomers that wait here. */
const waitingMax = 1000;

/** Why a wish cannot be begun; `undefined` when it can. */
function whyNot(state: ClusterState, wish: Wish): unknown {
  try {
    checkWish(state, wish);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Whether it was refused because the ring, or what is staged, is not as it was when it was looked at. */
function isOutdated(error: unknown): error is CoterieError {
  return isCoterieError(error, 'PRECONDITION_FAILED') || (isCoterieError(error) && /planned for the ring/.test(error.message));
}

/** What an operator does when nobody can take the place of a member that is to go, and is down. */
function howWithoutPlace(name: string): string {
  return `if it is dead for good: coterie remove ${name} --force, and start this node without --replace`;
}

/** Takes wishes to the ring log. */
export class Topology {
  readonly #world: TopologyWorld;
  readonly #cluster: ClusterLink;
  readonly #planning: Planning;
  readonly #asking = new Map<string, { readonly member: Member; readonly atMs: number }>();
  #admitting: Promise<void> | undefined;

  constructor(world: TopologyWorld, cluster: ClusterLink) {
    this.#world = world;
    this.#cluster = cluster;
    this.#planning = new Planning(world.jobs);
  }

  /**
   * Has it decided that a newcomer joins, with those that ask at the same time; resolves with the cluster's id when it is
   * a member. @throws `INVALID_ARGUMENT`; `NOT_READY` while it waits for another change, or for a commit
   */
  async admit({ member, mode, inPlaceOf }: Asking): Promise<string> {
    const { state } = this.#cluster;
    const former = state.former.find(({ id }) => id === member.id);
    if (former !== undefined) throw refuse(whyFormer(former));
    if (memberOf(state, member.id) !== undefined) {
      // One that is a member already asks again because it has not heard the answer, or from another address.
      await announce(this.#cluster, member);
      return state.clusterId;
    }
    if (inPlaceOf !== undefined) await this.#admitInPlace(member, inPlaceOf);
    else if (mode === 'staged') await this.#waitStaged({ kind: 'join', member });
    else await this.#admitTogether(member);
    return state.clusterId;
  }

  /** The wish waits for a commit. `by`: the member that an operator asked. @throws `INVALID_ARGUMENT` for one that can never be begun */
  async stage(wish: Wish, by?: string): Promise<void> {
    checkEver(this.#cluster.state, wish);
    const origin = { stagedAtMs: this.#world.clock.now(), ...(by === undefined ? {} : { stagedBy: by }) };
    await this.#cluster.propose({ kind: 'stage', id: `stage-${this.#cluster.mintId()}`, wish: { ...wish, ...origin } });
  }

  /** What the planner says to these wishes now. @throws `INVALID_ARGUMENT` for wishes that cannot be, or not together */
  async preview(wishes: readonly Wish[]): Promise<PlannedRing> {
    return this.#planning.plan(this.#cluster.state, wishes);
  }

  /**
   * All that is staged is begun together: no wish less and none more than was looked at here. `plan`: the name of the one
   * that was shown, and nothing else is begun. @throws `INVALID_ARGUMENT` when nothing is staged, or it cannot be;
   * `PRECONDITION_FAILED` when that is not the plan any more; `NOT_READY` when another change is in the way
   */
  async commit(plan?: string): Promise<Begun> {
    const shown = plan === undefined ? undefined : parsePlanName(plan);
    const { epoch } = this.#cluster.state;
    try {
      return await this.#commit(shown);
    } catch (error) {
      if (!isCoterieError(error, 'PRECONDITION_FAILED') && !isCoterieError(error, 'INVALID_ARGUMENT')) throw error;
      // What was staged, and shown, at another member may be news to this one.
      await this.#cluster.catchUp();
      if (this.#cluster.state.epoch === epoch) throw error;
      return this.#commit(shown);
    }
  }

  async #commit(shown: PlanName | undefined): Promise<Begun> {
    let begun: Begun | undefined;
    await this.#untilCurrent(async (state) => {
      const { staged } = state;
      if (shown !== undefined) checkStaged(shown, state);
      if (staged.length === 0) throw refuse('nothing is staged: coterie plan leave, replace and weight stage something');
      const wishes = nameOfWishes(staged);
      return this.#beginIn(state, staged, {
        approve: (target) => {
          const name = nameOfPlan(staged, target);
          if (shown !== undefined) checkOutcome(shown, name);
          begun = { plan: showPlanName(name), wishes: staged };
        },
        objection: (next) => (nameOfWishes(next.staged) === wishes ? undefined : 'what is staged has changed'),
      });
    });
    assert(begun !== undefined, 'a plan is begun once it was approved');
    return begun;
  }

  /** These wishes are planned and begun. @throws `NOT_READY` when another change is in the way; `INVALID_ARGUMENT` */
  async begin(wishes: readonly Wish[]): Promise<void> {
    await this.#untilCurrent((state) => this.#beginIn(state, wishes));
  }

  /** Tries with the state as it is then, until it was not outdated. @throws `NOT_READY` when it always is */
  async #untilCurrent(attempt: (state: ClusterState) => Promise<CoterieError | undefined>): Promise<void> {
    let cause: CoterieError | undefined;
    for (let attempts = 0; attempts < plansMax; attempts++) {
      cause = await attempt(this.#cluster.state);
      if (cause === undefined) return;
    }
    throw new CoterieError('NOT_READY', 'the ring changes too often to plan; try again', { cause });
  }

  /** Plans and begins; resolves with what says that this state is outdated, and `undefined` once it is begun. */
  async #beginIn(state: ClusterState, wishes: readonly Wish[], proviso?: Proviso): Promise<CoterieError | undefined> {
    wishes.forEach((wish) => checkWish(state, wish));
    const target = await this.#planning.plan(state, wishes);
    proviso?.approve(target);
    const id = `change-${this.#cluster.mintId()}`;
    try {
      await this.#cluster.propose({ kind: 'begin', id, wishes, ...movesOf(state, wishes, target) }, proviso?.objection);
      return undefined;
    } catch (error) {
      if (isOutdated(error)) return error;
      throw error;
    }
  }

  /** Takes back what is under way, or one change of it; if nothing is, what is staged. */
  async abort(change?: string): Promise<'change' | 'staged'> {
    const { changes, staged } = this.#cluster.state;
    const id = change ?? changes.find(({ phase }) => phase !== 'undoing')?.id;
    if (id !== undefined) {
      await this.#cluster.propose({ kind: 'abort', id: `abort-${id}`, change: id });
      return 'change';
    }
    if (staged.length === 0) throw refuse('nothing is under way, and nothing is staged');
    await this.#cluster.propose({ kind: 'unstage', id: `unstage-${this.#cluster.mintId()}` });
    return 'staged';
  }

  /** A member is dead for good, by an operator's word; its partitions are given to others as soon as they can be. */
  async lose(member: string): Promise<void> {
    await this.#cluster.propose({ kind: 'lose', id: `lose-${member}`, member });
  }

  /**
   * Gives away what lost members still hold, unless that is under way: also in a change that is about others, whose end is
   * awaited, since a removal without anything to move would end at once and make everybody begin anew. Done by whoever is
   * first among those who are up.
   */
  async giveAwayLost(): Promise<void> {
    const { state } = this.#cluster;
    const busy = new Set(state.changes.flatMap(({ aims }) => aims.map(({ member }) => member)));
    const isDue = (id: string): boolean => !busy.has(id) && (holdsAtRest(state, id) || !holdsAnything(state, id));
    const wishes = state.lost.filter(isDue).map((id): Wish => ({ kind: 'remove', id }));
    if (wishes.length > 0) await this.begin(wishes);
  }

  async #admitInPlace(member: Member, inPlaceOf: string): Promise<void> {
    const { state } = this.#cluster;
    const old = state.members.find(({ id, name }) => id === inPlaceOf || name === inPlaceOf);
    if (old === undefined) throw refuse(`${inPlaceOf} is not a member, so nobody can take its place`);
    const wish: Wish = { kind: 'replace', id: old.id, by: member, isLost: state.lost.includes(old.id) };
    if (wish.isLost || this.#cluster.standing(old.id) !== 'down') return this.begin([wish]);
    if (state.leaving.includes(old.id)) throw refuse(`${old.name} is leaving already; ${howWithoutPlace(old.name)}`);
    const how = `coterie replace ${old.name} ${member.name} --force   says what may be lost, and lets ${member.name} take its place from the others' copies`;
    return this.#waitStaged(wish, `${old.name} is down; ${how}`);
  }

  async #waitStaged(wish: Wish, why = 'it is staged, and waits for coterie plan commit'): Promise<void> {
    const { staged } = this.#cluster.state;
    if (!staged.some((other) => wishKey(other) === wishKey(wish))) await this.stage(wish);
    throw new CoterieError('NOT_READY', why);
  }

  async #admitTogether(member: Member): Promise<void> {
    const { state } = this.#cluster;
    // Refused by itself, so that one that cannot join holds nobody else up.
    checkWish(state, { kind: 'join', member });
    if (this.#asking.size >= waitingMax && !this.#asking.has(member.id)) throw new CoterieError('OVERLOADED', 'too many nodes ask to join');
    this.#asking.set(member.id, { member, atMs: this.#world.clock.monotonic() });
    this.#admitting ??= this.#admitAll().finally(() => {
      this.#admitting = undefined;
    });
    await this.#admitting;
    if (memberOf(this.#cluster.state, member.id) === undefined) throw new CoterieError('NOT_READY', 'others were let in first; ask again');
  }

  async #admitAll(): Promise<void> {
    const now = this.#world.clock.monotonic();
    for (const [id, { atMs }] of this.#asking) if (now - atMs > togetherMs) this.#asking.delete(id);
    for (let wishes = this.#joins(); wishes.length > 0; wishes = this.#joins()) {
      try {
        return await this.begin(wishes);
      } catch (error) {
        // One that got in elsewhere meanwhile, or lost its name to another, holds nobody else up.
        if (wishes.every((wish) => whyNot(this.#cluster.state, wish) === undefined)) throw error;
      }
    }
  }

  /** The joins that can be begun together now. Who is a member, or cannot be one, waits no more. */
  #joins(): Wish[] {
    const { state } = this.#cluster;
    for (const [id, { member }] of this.#asking) if (whyNot(state, { kind: 'join', member }) !== undefined) this.#asking.delete(id);
    const wishes = [...this.#asking.values()].map(({ member }): Wish => ({ kind: 'join', member }));
    const names = new Set([...this.#asking.values()].map(({ member }) => member.name));
    // Two that go by one name: the first one joins, and the other hears why it cannot.
    return names.size === wishes.length ? wishes : wishes.slice(0, 1);
  }
}
