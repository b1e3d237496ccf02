/**
 * What a key becomes by one coordinated write: the whole decision, pure. It runs inside the key's critical section
 * against the newest local copy; what it throws refuses the write and nothing has happened.
 */
import { CoterieError } from '@coterie/env';
import { compareDots, Context, type Dot, type DottedSet } from '@coterie/vector-clock';
import type { BucketProperties, Conditions } from '../api.ts';
import { etagOf } from './etag.ts';
import { type Conflict, goneFrom, outranks, shown, withoutReplaced } from './merge.ts';
import { type CausalObject, plainType } from './object.ts';
import { isVisible, type Payload } from './payload.ts';
import { nextRank, type ReplacedList, stillAsked } from './replaced.ts';

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
  const swept = sweep(event, dot, properties.conflict);
  const replaced = noteReplaced(local, { after: swept, now });
  const { type, extensions } = local;
  const whole = withoutReplaced({ type, extensions, replaced, set: swept }, properties.conflict);
  const { clockEntriesMax } = properties;
  const after = clockEntriesMax === undefined ? whole : { ...whole, set: whole.set.truncate(clockEntriesMax) };
  if (!payload.tombstone) checkSiblings(local, after, properties);
  return after;
}

/**
 * The set without what the write `own` takes the place of although its author had not seen it: of an `lww` bucket what it
 * outranks, which is everything, as it is stamped above all that is here; for a tombstone all others, as one is enough.
 */
function sweep(set: DottedSet<Payload>, own: Dot, conflict: Conflict): DottedSet<Payload> {
  const written = set.siblings.find(({ dot }) => compareDots(dot, own) === 0);
  if (written === undefined || set.siblings.length === 1) return set;
  if (conflict === 'lww') return set.reduce((sibling) => !outranks(written, sibling));
  return written.value.tombstone ? set.reduce((sibling) => !sibling.value.tombstone || sibling === written) : set;
}

/** The list of replaced operations after a write. */
function noteReplaced(local: CausalObject, { after, now }: { readonly after: DottedSet<Payload>; readonly now: number }): ReplacedList {
  const gone = stillAsked(goneFrom(after, local.set), now);
  return gone.length === 0 ? local.replaced : local.replaced.note(gone, nextRank(local));
}

/** When a precondition is checked, and what the key shows by its bucket's rules. */
interface Moment {
  readonly now: number;
  readonly conflict: Conflict;
}

/** Checks the preconditions of a write. @throws `PRECONDITION_FAILED` */
export function checkConditions(local: CausalObject, conditions: Conditions | undefined, on: Moment): void {
  if (conditions === undefined) return;
  const { ifNoneMatch, ifMatch } = conditions;
  const holdsValue = shown(local, on.conflict).some((sibling) => isVisible(sibling.value, on.now));
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

function checkSiblings(before: CausalObject, after: CausalObject, { conflict, siblingsMax }: BucketProperties): void {
  const values = shown(after, conflict).length;
  if (values <= siblingsMax || values <= shown(before, conflict).length) return;
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
