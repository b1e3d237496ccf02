/**
 * Buckets as the whole cluster knows them: their properties are decisions of the ring log. That a bucket was written to
 * is known only to the stores that were, so whoever wants to change what is fixed by that asks all of them.
 */
import { CoterieError } from '@coterie/env';
import type { GivenProperties } from './bucket-properties.ts';
import type { KnownBucket } from './buckets.ts';
import type { Core } from '../core.ts';
import type { Attempt } from '../coordinator/deadlines.ts';

/** Sets properties of a bucket beside those said before. @throws `INVALID_ARGUMENT`, `OVERLOADED`, `NOT_READY` when a member that may know better cannot be asked */
export async function setBucket(
  core: Core,
  { name, given }: { readonly name: string; readonly given: GivenProperties },
  attempt: Attempt,
): Promise<KnownBucket> {
  const { buckets, cluster } = core;
  const bucket = buckets.get(name);
  buckets.checkRoom(bucket);
  const used = bucket.used || (changesWhatIsFixed(bucket, given) && (await usedElsewhere(core, name)));
  attempt.check();
  attempt.mayTakeEffect = true;
  await cluster.propose({ kind: 'bucket', id: cluster.mintId(), name, given, used });
  return buckets.get(name);
}

/** Hides every key of a bucket at once and raises its generation. Nothing is decided about a bucket that surely nobody knows. */
export async function dropBucket(core: Core, name: string, attempt: Attempt): Promise<void> {
  const { buckets, cluster } = core;
  if (!buckets.get(name).exists) {
    const { names, isComplete } = await usedSomewhere(core);
    // A member that is away may hold it, and would bring it back.
    if (isComplete && !names.has(name)) return;
  }
  attempt.check();
  attempt.mayTakeEffect = true;
  await cluster.propose({ kind: 'drop', id: cluster.mintId(), name });
}

/** Every bucket that was set, or written to at a member that can be asked, sorted by name. */
export async function allBuckets(core: Core): Promise<readonly KnownBucket[]> {
  const names = new Set(core.buckets.list().map(({ name }) => name));
  for (const name of (await usedSomewhere(core)).names) names.add(name);
  return [...names].sort().map((name) => ({ ...core.buckets.get(name), exists: true }));
}

function changesWhatIsFixed({ properties }: KnownBucket, given: GivenProperties): boolean {
  return (['conflict', 'token'] as const).some((name) => given[name] !== undefined && given[name] !== properties[name]);
}

async function usedElsewhere(core: Core, name: string): Promise<boolean> {
  const answers = await Promise.allSettled(others(core).map((id) => core.cluster.peers.usedBuckets(id)));
  if (answers.some((answer) => answer.status === 'fulfilled' && answer.value.includes(name))) return true;
  const silent = answers.find((answer) => answer.status === 'rejected');
  if (silent === undefined) return false;
  throw new CoterieError(
    'NOT_READY',
    `conflict and token are fixed by the first write, and a member cannot be asked whether there was one: ${String(silent.reason)}`,
    {
      details: { mayHaveTakenEffect: false },
    },
  );
}

/** Names of buckets written to at members that answer, and whether all did. */
async function usedSomewhere(core: Core): Promise<{ readonly names: ReadonlySet<string>; readonly isComplete: boolean }> {
  const everybody = others(core);
  const asked = everybody.filter((id) => core.cluster.standing(id) !== 'down');
  const answers = await Promise.allSettled(asked.map((id) => core.cluster.peers.usedBuckets(id)));
  const told = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  return { names: new Set(told.flat()), isComplete: told.length === everybody.length };
}

function others({ cluster, selfId }: Core): string[] {
  return cluster.state.members.map(({ id }) => id).filter((id) => id !== selfId);
}
