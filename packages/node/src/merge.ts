/**
 * What a set of siblings becomes after every change, by coordination or by merge. Pure; every copy applies the same
 * rules, and each rule keeps the highest by a total order, so copies end up equal whatever order they heard things in.
 *
 * 0. A sibling of an operation that the other copy has seen replaced goes (`replaced.ts`).
 * 1. One tombstone is enough: the highest dot stays. (That the others happened is in the clock.)
 * 2. In a `lww` bucket the highest (stamp, dot) stays, values and tombstones alike.
 *
 * What a context covered is gone before any of this (`DottedSet.event`), so a stamp never beats causality.
 *
 * Siblings of one operation are one write that two coordinators took. Both stay, and a read shows the one with the highest
 * dot (`distinct`): whoever replaces either, by a context that names only that one, replaces the operation.
 */
import { compareDots, type DottedSet, type Sibling } from '@coterie/vector-clock';
import { type Extensions, mergeExtensions, type MergeValues } from './extensions.ts';
import type { CausalObject } from './object.ts';
import type { Payload } from './payload.ts';
import { isReplaced, mergeReplaced, noteReplaced, replacedIn, replacedTag } from './replaced.ts';

/** How a bucket treats concurrent writes. */
export type Conflict = 'siblings' | 'lww';

/** Extensions of an object that this version understands. */
const knownExtensions: ReadonlyMap<number, MergeValues> = new Map([[replacedTag, mergeReplaced]]);

/** What two copies of one key know together. */
export function mergeObjects(a: CausalObject, b: CausalObject, conflict: Conflict): CausalObject {
  const met = a.set.sync(b.set);
  const both = mergeExtensions(a.extensions, b.extensions, knownExtensions);
  // Under `lww` what one copy lacks may have lost by its stamp, and nobody who had seen it has replaced it.
  const extensions = conflict === 'lww' ? both : noteGone(both, [...a.set.siblings, ...b.set.siblings], met);
  return { type: Math.max(a.type, b.type), extensions, set: settle(withoutReplaced(met, extensions), conflict) };
}

/**
 * The extensions with the operations noted that had a sibling in `before` which `after` has not: what somebody replaced who
 * had seen it. What yields by rank is not noted, or two might give way to each other. (A tombstone that yielded elsewhere
 * looks as if it was replaced; nobody misses it.)
 */
export function noteGone(extensions: Extensions, before: readonly Sibling<Payload>[], after: DottedSet<Payload>): Extensions {
  const gone = before.filter(({ dot }) => !after.has(dot));
  if (gone.length === 0) return extensions;
  const newestMs = after.siblings.reduce((newest, { value }) => Math.max(newest, value.writtenAt), 0);
  return noteReplaced(
    extensions,
    gone.map(({ value }) => value),
    newestMs,
  );
}

/** Rule 0. */
export function withoutReplaced(set: DottedSet<Payload>, extensions: Extensions): DottedSet<Payload> {
  const list = replacedIn(extensions);
  return list.length === 0 ? set : set.reduce(({ value }) => !isReplaced(list, value.operation, value.writtenAt));
}

/** The set after the rules above. */
export function settle(set: DottedSet<Payload>, conflict: Conflict): DottedSet<Payload> {
  const { siblings } = set;
  if (siblings.length < 2) return set;
  if (conflict === 'lww') {
    const winner = siblings.reduce((best, sibling) => (beats(sibling, best) ? sibling : best));
    return set.reduce((sibling) => sibling === winner);
  }
  const tombstone = siblings.findLast(({ value }) => value.tombstone);
  return set.reduce((sibling) => !sibling.value.tombstone || sibling === tombstone);
}

/** The values of the set, each operation's once. */
export function distinct({ siblings }: DottedSet<Payload>): readonly Sibling<Payload>[] {
  const values = siblings.filter(({ value }) => !value.tombstone);
  if (values.length < 2) return values;
  // In dot order, so the last one set is the highest.
  const highest = new Map(values.map((sibling) => [sibling.value.operation, sibling]));
  return values.filter((sibling) => highest.get(sibling.value.operation) === sibling);
}

/** The largest stamp among siblings; 0 if none has one. */
export function highestStamp(set: DottedSet<Payload>): number {
  return set.siblings.reduce((highest, { value }) => Math.max(highest, value.stamp ?? 0), 0);
}

function beats(a: Sibling<Payload>, b: Sibling<Payload>): boolean {
  const byStamp = (a.value.stamp ?? 0) - (b.value.stamp ?? 0);
  return byStamp === 0 ? compareDots(a.dot, b.dot) > 0 : byStamp > 0;
}
