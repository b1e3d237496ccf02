/**
 * What two copies of a key know together, and what of it is shown. Pure; the same at every store.
 *
 * ```
 *   copies meet    joinObjects      nothing is chosen: both sides' knowledge, and no more
 *                  withoutReplaced  a value of an operation that is listed as replaced goes
 *   a write        decide-write.ts  replaces what its context covers; a tombstone also the tombstones it finds,
 *                                   an lww write everything that it finds
 *   a read         shown            each operation's value once; of an lww bucket the highest alone
 * ```
 *
 * **Why copies agree.** Joining is the join of a semilattice: commutative, associative, idempotent. A copy stands for which
 * writes it has seen, which of those are replaced, and which operations those replaced had. The first two only grow, by
 * union (`DottedSet.sync`). The third follows from them, but for what writes added: an operation is listed once a copy that
 * held its value meets one that saw it replaced, with what lies in the value and not in the moment; and such lists, cut to
 * their newest, have a join of their own (`replaced.ts`). Type and unknown extensions keep the highest.
 *
 * What *chooses* among concurrent writes stays out of it. A rule that drops what ranks lower is no join, because the higher
 * may turn out to be replaced by somebody who never saw the lower: of three copies that meet in another order one shows the
 * lower, or nothing at all. So rank decides what is shown; and what is dropped is replaced by a write, which then stands in
 * its place. Of the writes that one epoch of a store made, at most one tombstone or `lww` value stands, so what is kept and
 * not shown is bounded by the clock's entries.
 *
 * `withoutReplaced` is a step up in the lattice that any copy may take at any time: it marks as replaced what is replaced.
 * Order can matter to it once a list has let an operation fall out; then a copy that knew it in time tells the others. Two
 * things stay, so that something is always left of a key. Tombstones, which show nothing: two tries of a delete may have
 * seen different things, and each have replaced the other. And `lww` values, where the late try of an old write may have
 * taken the place of all that came after it: those that are listed are shown only where no other stands.
 *
 * Siblings of one operation are one write that two coordinators took. Both stay, and a read shows the one with the highest
 * dot: whoever replaces either, by a context that names only that one, replaces the operation. Dots of the cloud past its
 * bound are the one thing that is forgotten here: a replaced value may come back, none is lost.
 */
import { compareDots, type DottedSet, type Sibling } from '@coterie/vector-clock';
import { mergeExtensions } from './extensions.ts';
import type { CausalObject } from './object.ts';
import type { Payload } from './payload.ts';

/** How a bucket treats concurrent writes. */
export type Conflict = 'siblings' | 'lww';

/** What two copies of one key know together, without what is known to be replaced. */
export function mergeObjects(a: CausalObject, b: CausalObject, conflict: Conflict): CausalObject {
  return withoutReplaced(joinObjects(a, b), conflict);
}

/** The join of two copies: `b` itself if `a` adds nothing, as of a copy that is replaced it mostly does not. */
export function joinObjects(a: CausalObject, b: CausalObject): CausalObject {
  const set = a.set.sync(b.set);
  const [ofA, ofB] = [goneFrom(set, a.set), goneFrom(set, b.set)];
  const replaced = a.replaced.join(b.replaced).note(ofB.length === 0 ? ofA : [...ofA, ...ofB]);
  const type = Math.max(a.type, b.type);
  const extensions = mergeExtensions(a.extensions, b.extensions);
  const isB = set === b.set && replaced === b.replaced && type === b.type && extensions === b.extensions;
  return isB ? b : { type, extensions, replaced, set };
}

/** The object without values of operations that are listed as replaced, unless rank decides among its values. */
export function withoutReplaced(object: CausalObject, conflict: Conflict): CausalObject {
  const { type, extensions, replaced, set } = object;
  if (replaced.isEmpty || conflict === 'lww') return object;
  const kept = set.reduce(({ value }) => value.tombstone || !replaced.has(value.operation, value.writtenAt));
  return kept === set ? object : { type, extensions, replaced: replaced.note(goneFrom(kept, set)), set: kept };
}

/** Payloads that `before` has as siblings and `after` has not. */
export function goneFrom(after: DottedSet<Payload>, before: DottedSet<Payload>): readonly Payload[] {
  if (before === after) return nothing;
  const gone = before.siblings.filter(({ dot }) => !after.has(dot));
  return gone.length === 0 ? nothing : gone.map(({ value }) => value);
}

/** The values that a key shows, without regard to expiry: of `lww` the winner, unless that is a tombstone; else each operation's once. */
export function shown(object: CausalObject, conflict: Conflict): readonly Sibling<Payload>[] {
  const highest = conflict === 'lww' ? winner(object) : undefined;
  const values = (highest === undefined ? object.set.siblings : [highest]).filter(({ value }) => !value.tombstone);
  if (values.length < 2) return values;
  // In dot order, so the last one set is the highest.
  const newest = new Map(values.map((sibling) => [sibling.value.operation, sibling]));
  return values.filter((sibling) => newest.get(sibling.value.operation) === sibling);
}

/** Of the siblings whose operation is not listed as replaced, or of all if there are none, the one with the highest (stamp, dot). */
export function winner({ replaced, set }: Pick<CausalObject, 'replaced' | 'set'>): Sibling<Payload> | undefined {
  const { siblings } = set;
  if (siblings.length < 2) return siblings[0];
  const standing = siblings.filter(({ value }) => !replaced.has(value.operation, value.writtenAt));
  return (standing.length === 0 ? siblings : standing).reduce((best, sibling) => (outranks(sibling, best) ? sibling : best));
}

/** The largest stamp among siblings; 0 if none has one. */
export function highestStamp(set: DottedSet<Payload>): number {
  return set.siblings.reduce((highest, { value }) => Math.max(highest, value.stamp ?? 0), 0);
}

/** Whether `a` is the higher of two `lww` siblings. */
export function outranks(a: Sibling<Payload>, b: Sibling<Payload>): boolean {
  const byStamp = (a.value.stamp ?? 0) - (b.value.stamp ?? 0);
  return byStamp === 0 ? compareDots(a.dot, b.dot) > 0 : byStamp > 0;
}

const nothing: readonly Payload[] = [];
