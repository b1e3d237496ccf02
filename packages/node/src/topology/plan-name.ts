/**
 * What a plan is called, so that a commit begins what its operator was shown. The name is a digest of both halves of what
 * is shown: the wishes, and what the planner makes of them. Nobody keeps it; every member comes to the same one.
 *
 * ```
 *   plan-7c01f3aa-52d0e9b4
 *        │        └─ outcome: the partitions that move, and who shall hold each, by id
 *        └─ wishes: all that is staged, in whatever order
 * ```
 *
 * The epoch is not in it: an address that changed, a bucket, or the next step of a change under way alters nothing of what
 * was shown. A ring on which the same wishes would move anything else gives another outcome, and so another name.
 */
import { hash } from 'node:crypto';
import { CoterieError } from '@coterie/env';
import type { Plan } from '@coterie/ring';
import type { ClusterState, Wish } from '../cluster/state.ts';
import { refuse, ringChangeOf, wishInWords } from '../cluster/wishes.ts';

/** The two halves of a plan's name. */
export interface PlanName {
  readonly wishes: string;
  readonly outcome: string;
}

/** Hex digits of each half: made to be typed, and against chance, not against adversaries. */
const digits = 8;
/** Wishes that a refusal names; the plan has all of them. */
const wordsMax = 8;

/** The name of what these wishes come to when they are planned so. */
export function nameOfPlan(staged: readonly Wish[], target: Pick<Plan, 'ring' | 'changed'>): PlanName {
  return { wishes: nameOfWishes(staged), outcome: nameOfOutcome(target) };
}

/** The half that says what is staged: the same for the same wishes, whichever was staged first. */
export function nameOfWishes(staged: readonly Wish[]): string {
  // As the planner takes them: where a node that waits is reached may change, and the plan is the same.
  return digest(staged.map((wish) => JSON.stringify([wish.kind, wish.kind === 'replace' && wish.isLost, ringChangeOf(wish)])).toSorted());
}

function nameOfOutcome({ ring, changed }: Pick<Plan, 'ring' | 'changed'>): string {
  return digest(changed.map((partition) => [partition, ...ring.replicas[partition].map((at) => ring.members[at].id)].join(' ')));
}

function digest(lines: readonly string[]): string {
  return hash('sha256', lines.join('\n')).slice(0, digits);
}

/** The name as operators read and type it. */
export function showPlanName({ wishes, outcome }: PlanName): string {
  return `plan-${wishes}-${outcome}`;
}

/** The halves of a name that somebody typed. @throws `INVALID_ARGUMENT` for what is no plan's name */
export function parsePlanName(text: string): PlanName {
  const [, wishes, outcome] = /^plan-([0-9a-f]{8})-([0-9a-f]{8})$/.exec(text) ?? [];
  if (wishes === undefined || outcome === undefined)
    throw refuse(
      `${JSON.stringify(text.slice(0, 64))} is not the name of a plan; coterie plan show says it, such as plan-7c01f3aa-52d0e9b4`,
    );
  return { wishes, outcome };
}

/** Does nothing when the plan that was shown is of what is staged. @throws `PRECONDITION_FAILED` saying what is staged now */
export function checkStaged(shown: PlanName, state: ClusterState): void {
  const { staged } = state;
  if (staged.length === 0) throw outdated(shown, 'nothing is staged any more, so it was begun or taken back');
  if (nameOfWishes(staged) === shown.wishes) return;
  const words = staged.slice(0, wordsMax).map((wish) => wishInWords(state, wish));
  const more = staged.length > wordsMax ? ` and ${staged.length - wordsMax} more` : '';
  throw outdated(shown, `what is staged has changed, and is now: ${words.join(', ')}${more}`);
}

/** Does nothing when these wishes still come to what was shown. @throws `PRECONDITION_FAILED` */
export function checkOutcome(shown: PlanName, now: PlanName): void {
  if (now.outcome !== shown.outcome) throw outdated(shown, 'the same is staged, but the ring has changed and other copies would move');
}

function outdated(shown: PlanName, why: string): CoterieError {
  const sentence = `${showPlanName(shown)} is not begun: ${why}; coterie plan show says what a commit would do now, and its name`;
  return new CoterieError('PRECONDITION_FAILED', sentence, { details: { mayHaveTakenEffect: false } });
}
