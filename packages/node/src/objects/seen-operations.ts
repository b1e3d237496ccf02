/**
 * What a context says of operations: those whose values its holder has seen, and those that the copy it comes from knows to
 * be replaced. A write with it may be coordinated where none of these values ever was; then nothing there would tell a late
 * second try of one from a new write, and it would come to stand beside its own successor, or in its place.
 *
 * ```
 *   n4: x (dot b)    read ▶ context: b, x    n3: has nothing    put z with it ▶ z, and x is replaced
 *   n1: first try of x ┄┄ long on its way ┄┄▶ n3: x is replaced, so it is answered and not carried out
 * ```
 *
 * The notes of a context (`@coterie/vector-clock`) are a list as objects have one (`replaced.ts`): the newest few.
 */
import type { Context } from '@coterie/vector-clock';
import { seenOperationsLevel } from '../cluster/level.ts';
import type { ClusterState } from '../cluster/state.ts';
import type { CausalObject } from './object.ts';
import type { Payload } from './payload.ts';

/** The context with what there is to say of operations on this copy; as it is while a member of the cluster could not read that. */
export function namingOperations(context: Context, { replaced, set }: CausalObject, { level }: Pick<ClusterState, 'level'>): Context {
  if (level < seenOperationsLevel) return context;
  let seen: Payload[] | undefined;
  // Clients that name no operations are told of none: nothing is made for them.
  for (const { dot, value } of set.siblings) if (value.isAskedAgain && context.covers(dot)) (seen ??= []).push(value);
  const named = seen === undefined ? replaced : replaced.note(seen);
  return named.isEmpty ? context : context.withNotes(named.bytes);
}

/** A copy on which `operation` is to be carried out, with what its author's context says of others. Its etag is another one: conditions are about the copy as it is. */
export function hearingOf(local: CausalObject, { notes }: Context, operation: string): CausalObject {
  if (notes.length === 0) return local;
  const { type, extensions, set } = local;
  const replaced = local.replaced.heard(notes, operation);
  return replaced === local.replaced ? local : { type, extensions, replaced, set };
}
