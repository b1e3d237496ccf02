/** The cluster and the ring as an operator or a client wants to see them: one picture of what this node knows. */
import { balanceOf } from '@coterie/ring';
import type { ClusterReport, CopyReport, MemberReport, RingReport } from './api.ts';
import { type ClusterState, copiesWanted } from './cluster/state.ts';
import type { WhoIsUp } from './cluster/who-is-up.ts';
import { type Core, placementAt, placeOf } from './core.ts';
import { etagOf } from './etag.ts';
import type { Handoff } from './handoff.ts';
import type { HintLedger } from './hint-ledger.ts';
import type { Mover } from './mover.ts';
import type { Recovery } from './recovery.ts';

/** What is reported on. */
export interface Reported {
  readonly core: Core;
  readonly whoIsUp: WhoIsUp;
  readonly hints: HintLedger;
  readonly handoff: Handoff;
  readonly mover: Mover;
  readonly recovery: Recovery;
}

/** The cluster as this node knows it. */
export function reportCluster({ core, whoIsUp, hints, handoff, mover, recovery }: Reported): ClusterReport {
  const { state } = core.cluster;
  const { change } = state;
  const balance = balanceOf(state.ring, copiesWanted(state));
  const members = state.members.map((member, position): MemberReport => {
    const { id, name, zone, weight, peer, http } = member;
    const load = balance.members[position];
    return {
      id,
      name,
      zone,
      weight,
      peer,
      http,
      isSelf: id === core.selfId,
      ...whoIsUp.describe(id),
      isSteward: state.stewards.some((seat) => seat.id === id),
      isJoining: change?.member === id,
      replicas: load.replicas,
      primaries: load.primaries,
      ideal: load.ideal,
      hints: hints.owners.get(id) ?? 0,
    };
  });
  return {
    clusterId: state.clusterId,
    epoch: state.epoch,
    partitions: state.ring.partitions,
    effectiveN: effectiveNOf(state),
    members,
    largestOverIdeal: Math.max(...members.map(({ replicas, ideal }) => (ideal === 0 ? 0 : replicas / ideal))),
    ...(change === undefined ? {} : { change: reportChange(state, mover) }),
    hints: hints.total,
    hintsDelivered: handoff.delivered,
    isRecovering: recovery.isRecovering,
  };
}

function reportChange(state: ClusterState, mover: Mover): NonNullable<ClusterReport['change']> {
  const { change, members } = state;
  if (change === undefined) throw new Error('assertion failed: there is a change to report on');
  const { kind, phase, moves } = change;
  const member = members.find(({ id }) => id === change.member)?.name ?? change.member;
  return { kind, member, phase, partitions: moves.size, waitingFor: mover.waitingFor };
}

/** Copies that every key has by the ring: the shortest replica list. */
export function effectiveNOf(state: ClusterState): number {
  return state.ring.replicas.reduce((least, holders) => Math.min(least, holders.length), Infinity);
}

/** Who holds what. While a partition moves, those who surely have everything. */
export function reportRing({ epoch, ring, members, change }: ClusterState): RingReport {
  const moves = change?.phase === 'read-new' ? change.moves : undefined;
  return {
    epoch,
    partitions: ring.partitions,
    members: members.map(({ id, name, http }) => ({ id, name, http })),
    replicas: moves === undefined ? ring.replicas : ring.replicas.map((holders, partition) => moves.get(partition) ?? holders),
  };
}

/** What this store alone holds of a key. */
export async function inspectCopy(core: Core, bucket: string, key: Uint8Array): Promise<CopyReport> {
  const place = placeOf(core, bucket, key);
  const { owners } = placementAt(core, place);
  const object = await core.local.read(place);
  const kept = await Promise.all(owners.map(async (id) => ({ id, hint: await core.local.read({ ...place, hintFor: id }) })));
  const isThere = object.set.clock.entries.length > 0;
  return {
    ...(isThere ? { etag: etagOf(object) } : {}),
    siblings: object.set.siblings.length,
    isOwner: owners.includes(core.selfId),
    hintFor: kept.filter(({ hint }) => hint.set.clock.entries.length > 0).map(({ id }) => id),
  };
}
