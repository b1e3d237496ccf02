/** All checkers of what clients saw, over a whole history. Pure. */
import type { History, Write } from '../history.ts';
import type { BucketPlan } from '../scenario.ts';
import { type AvailabilityTerms, checkAvailable } from './available.ts';
import { checkDurable, missingIn } from './durable.ts';
import { checkHonest } from './honest.ts';
import { checkLastWrite } from './last-write.ts';
import { checkSiblings } from './siblings.ts';
import { type LostFrom, type Story, storiesOf } from './story.ts';
import { checkStrict } from './strict.ts';
import type { Violation } from './violation.ts';

/** What a history is judged by besides itself. */
export interface Terms extends AvailabilityTerms {
  readonly buckets: readonly BucketPlan[];
  /** From when on a write may be lost, since what befell its stores is more than P1 promises to bear. Default: never. */
  readonly lostFrom?: LostFrom;
  /** From when on reads that ask owners may miss it, since all that acknowledged it have lost it. Default: never. */
  readonly missedFrom?: LostFrom;
}

/** Everything that is wrong with a history. */
export function judge(history: History, terms: Terms): Violation[] {
  const stories = storiesOf(history, terms.lostFrom);
  return [...stories.flatMap((story) => judgeStory(story, terms)), ...checkAvailable(history.writes, terms)];
}

/** Acknowledged writes that are gone, whatever may excuse that. */
export function lostWrites(history: History, buckets: readonly BucketPlan[]): readonly Write[] {
  const isKept = (bucket: string): boolean => {
    const properties = buckets.find(({ name }) => name === bucket)?.properties ?? {};
    return properties.conflict !== 'lww' && properties.ttlMs === undefined;
  };
  return storiesOf(history).flatMap((story) => (isKept(story.bucket) ? missingIn(story) : []));
}

function judgeStory(story: Story, { buckets, missedFrom }: Terms): Violation[] {
  const properties = buckets.find(({ name }) => name === story.bucket)?.properties ?? {};
  const always = checkHonest(story);
  if (properties.conflict === 'lww') return [...always, ...checkLastWrite(story)];
  // What expires is missing for good reason.
  if (properties.ttlMs !== undefined) return [...always, ...checkSiblings(story)];
  return [...always, ...checkDurable(story), ...checkSiblings(story), ...checkStrict(story, missedFrom)];
}
