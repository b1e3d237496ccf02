/**
 * The steps that take one ring to the next. Each is a pure function and counts as one decision: the epoch goes up by one.
 *
 * ```
 *   join      withMember ──▶ withReplicas … as its moves are done
 *   leave     withReplicas … until it holds nothing ──▶ withoutMember
 *   replace   withMember ──▶ withReplicas … ──▶ withoutMember
 *   weight    withWeight ──▶ withReplicas …
 * ```
 *
 * Each keeps the ring's invariants, and refuses what would break them.
 */
import { CoterieError } from '@coterie/env';
import { checkMember, checkWeight, membersMax, type RingMember } from './member.ts';
import { memberIndex, replicasMax, type Ring } from './ring.ts';

/** Who shall hold a partition: ids of members, in order of preference. */
export interface Holders {
  readonly partition: number;
  readonly members: readonly string[];
}

/** The ring with one more member, which holds nothing yet. @throws `INVALID_ARGUMENT` for an impossible member, or one whose id is taken */
export function withMember(ring: Ring, member: RingMember): Ring {
  checkMember(member);
  if (ring.members.some((other) => other.id === member.id)) throw invalid(`${member.id} is a member already`);
  if (ring.members.length >= membersMax) throw invalid(`a ring has at most ${membersMax} members`);
  return { ...ring, epoch: ring.epoch + 1, members: [...ring.members, member] };
}

/** The ring without a member that holds nothing. @throws `INVALID_ARGUMENT` for one that holds a partition, or is not there */
export function withoutMember(ring: Ring, id: string): Ring {
  const gone = memberIndex(ring, id);
  const partition = ring.replicas.findIndex((holders) => holders.includes(gone));
  if (partition >= 0) throw invalid(`${id} still holds partition ${partition}; move its replicas first`);
  const lower = (index: number): number => (index > gone ? index - 1 : index);
  return {
    ...ring,
    epoch: ring.epoch + 1,
    members: ring.members.filter((_, index) => index !== gone),
    replicas: ring.replicas.map((holders) => (holders.some((index) => index > gone) ? holders.map(lower) : holders)),
  };
}

/** The ring in which a member has another weight; nothing moves by that alone. @throws `INVALID_ARGUMENT` for an impossible weight */
export function withWeight(ring: Ring, id: string, weight: number): Ring {
  checkWeight(weight);
  const at = memberIndex(ring, id);
  return { ...ring, epoch: ring.epoch + 1, members: ring.members.with(at, { ...ring.members[at], weight }) };
}

/** The ring in which these partitions have these holders: one decision for any set of partitions. @throws `INVALID_ARGUMENT` for lists that cannot be */
export function withReplicas(ring: Ring, changes: readonly Holders[]): Ring {
  const positions = new Map(ring.members.map((member, index) => [member.id, index]));
  const replicas = [...ring.replicas];
  for (const { partition, members } of changes) {
    if (replicas[partition] === undefined) throw invalid(`partition must be an integer below ${ring.partitions}, not ${partition}`);
    replicas[partition] = members.map((id) => positions.get(id) ?? memberIndex(ring, id));
    const isList = members.length >= 1 && members.length <= replicasMax && new Set(members).size === members.length;
    if (!isList) throw invalid(`partition ${partition} needs 1 to ${replicasMax} holders, each once, not [${members.join(' ')}]`);
  }
  return { ...ring, epoch: ring.epoch + 1, replicas };
}

function invalid(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message);
}
