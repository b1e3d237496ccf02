/**
 * A lineage of a cluster: the ring log that one foundation began. When a majority of the stewards is gone for ever, one
 * member begins another one by force, and the others follow it or stay out.
 *
 * ```
 *   lineage 1   epoch 1 … 217   stewards a b c d e
 *                          └─ recovered by force on a ─▶ lineage 2   epoch 1048576 …   steward a
 *
 *   name at the door    lineage 1: CLUSTER      any later one: CLUSTER.LINEAGE
 * ```
 *
 * Invariant: members of two lineages refuse each other at the door, as members of two clusters do. Rings, generations and
 * floors of one mean nothing in the other.
 */
import { lineageEpochAfter, type RingLog } from '@coterie/consensus';
import { type Random, randomHex } from '@coterie/env';
import { seatStewards } from './electorate.ts';
import type { ClusterState } from './state.ts';

/** What this cluster is called at the door and in gossip: its id, and after a recovery by force its lineage too. */
export function doorName(ringLog: Pick<RingLog<ClusterState>, 'digest' | 'state'>): string {
  const { clusterId } = ringLog.state;
  const lineage = ringLog.digest()?.lineage ?? clusterId;
  return lineage === clusterId ? clusterId : `${clusterId}.${lineage}`;
}

/** Begins a lineage in a ring log, in which its member votes alone; durable when it resolves, to its name and first epoch. */
export async function beginLineage(
  ringLog: RingLog<ClusterState>,
  { selfId, random }: { readonly selfId: string; readonly random: Random },
): Promise<{ readonly lineage: string; readonly epoch: number }> {
  const lineage = randomHex(random, 8);
  const state = loneVoterState(ringLog.state, { id: selfId, acceptor: ringLog.self.incarnation });
  await ringLog.recoverUnsafe({ lineage, state });
  return { lineage, epoch: state.epoch };
}

/**
 * The state with which a lineage begins that `voter` begins alone. All members stay, without a seat: nobody knows their
 * votes before they are back and say so. Where keys live counts as decided anew, so no note of an older ring holds.
 */
export function loneVoterState(state: ClusterState, voter: { readonly id: string; readonly acceptor: string }): ClusterState {
  const epoch = lineageEpochAfter(state.epoch);
  const members = state.members.map((member) => ({ ...member, acceptor: member.id === voter.id ? voter.acceptor : '' }));
  const stewards = seatStewards(members.filter(({ id }) => id === voter.id));
  return { ...state, epoch, ringEpoch: epoch, ring: { ...state.ring, epoch }, members, stewards };
}
