/**
 * What a key becomes by one coordinated write: the whole decision, pure. It runs inside the key's critical section
 * against the newest local copy; what it throws refuses the write and nothing has happened.
 */
import { CoterieError } from '@coterie/env';
import { Context, type Dot } from '@coterie/vector-clock';
import type { BucketProperties, Conditions } from './api.ts';
import { etagOf } from './etag.ts';
import { distinct, noteGone, settle, withoutReplaced } from './merge.ts';
import { type CausalObject, plainType } from './object.ts';
import { isVisible, type Payload } from './payload.ts';

/** One write, ready to be decided. */
export interface WriteChange {
  readonly dot: Dot;
  readonly now: number;
  readonly payload: Payload;
  /** What the writer had seen. */
  readonly context: Context;
  readonly properties: BucketProperties;
}

/** The object after the write. @throws `TOO_MANY_SIBLINGS`, `UNSUPPORTED_FORMAT` */
export function decideWrite(local: CausalObject, change: WriteChange): CausalObject {
  const { dot, now, payload, context, properties } = change;
  checkType(local);
  const event = local.set.event({ dot, at: now, value: payload, context });
  const extensions = noteGone(local.extensions, local.set.siblings, event);
  const settled = settle(withoutReplaced(event, extensions), properties.conflict);
  const set = properties.clockEntriesMax === undefined ? settled : settled.truncate(properties.clockEntriesMax);
  const after: CausalObject = { type: local.type, extensions, set };
  if (!payload.tombstone) checkSiblings(local, after, properties.siblingsMax);
  return after;
}

/** Checks the preconditions of a write. @throws `PRECONDITION_FAILED` */
export function checkConditions(local: CausalObject, conditions: Conditions | undefined, now: number): void {
  if (conditions === undefined) return;
  const { ifNoneMatch, ifMatch } = conditions;
  const holdsValue = local.set.siblings.some((sibling) => isVisible(sibling.value, now));
  if (ifNoneMatch === '*' && holdsValue) throw precondition('the key holds a value');
  if (ifMatch === undefined) return;
  if (!holdsValue) throw precondition('the key holds no value');
  if (ifMatch !== '*' && ifMatch !== etagOf(local)) throw precondition(`the key's etag is ${etagOf(local)} by now`);
}

/**
 * What the writer had seen: its context; without one, all of `local` if it named the key's etag (it cannot know that
 * without having seen it), else nothing.
 */
export function seenBy(local: CausalObject, given: Context | undefined, conditions: Conditions | undefined): Context {
  if (given !== undefined) return given;
  const named = conditions?.ifMatch !== undefined && conditions.ifMatch !== '*';
  return named ? Context.whole(local.set) : Context.empty;
}

function checkType(object: CausalObject): void {
  if (object.type === plainType) return;
  throw new CoterieError(
    'UNSUPPORTED_FORMAT',
    `the key holds an object of type ${object.type}, which this version keeps and cannot change`,
    {
      details: { mayHaveTakenEffect: false },
    },
  );
}

function checkSiblings(before: CausalObject, after: CausalObject, siblingsMax: number): void {
  const values = distinct(after.set).length;
  if (values <= siblingsMax || values <= distinct(before.set).length) return;
  throw new CoterieError(
    'TOO_MANY_SIBLINGS',
    `the key holds ${values - 1} concurrent values; read it and write back one with the context`,
    {
      details: { mayHaveTakenEffect: false, siblingsMax },
    },
  );
}

function precondition(message: string): CoterieError {
  return new CoterieError('PRECONDITION_FAILED', message, { details: { mayHaveTakenEffect: false } });
}
