/** The cluster and the ring as an operator or a client wants to see them: one picture of what this node knows. */
import { type Balance, balanceOf, type Ring } from '@coterie/ring';
import type { ClusterReport, CopyReport, MemberReport, RingReport } from './api.ts';
import type { ChangeReport, IntakeReport } from './api-topology.ts';
import { describeAims } from './cluster/changes.ts';
import type { Driver } from './cluster/driver.ts';
import { levelKnownBy } from './cluster/level.ts';
import { type ClusterState, copiesWanted, goingIn, type Member, newcomersOf } from './cluster/state.ts';
import type { WhoIsUp } from './cluster/who-is-up.ts';
import { type Core, placementAt, placeOf } from './core.ts';
import type { Departure } from './topology/departure.ts';
import { etagOf } from './objects/etag.ts';
import type { Handoff } from './transfer/handoff.ts';
import type { HintLedger } from './replica/hint-ledger.ts';
import type { IntakeProgress, Mover } from './transfer/mover.ts';
import type { Recovery } from './transfer/recovery.ts';
import type { Topology } from './topology/topology.ts';
import { memberName } from './cluster/wishes.ts';

/** What is reported on. */
export interface Reported {
  readonly core: Core;
  readonly whoIsUp: WhoIsUp;
  readonly hints: HintLedger;
  readonly handoff: Handoff;
  readonly mover: Mover;
  readonly driver: Driver;
  readonly departure: Departure;
  readonly topology: Topology;
  readonly recovery: Recovery;
  /** This node as it wants to be known. */
  readonly self: Pick<Member, 'acceptor'>;
}

/** The cluster as this node knows it. */
export function reportCluster({ core, whoIsUp, hints, handoff, mover, driver, departure, recovery, self }: Reported): ClusterReport {
  const { state } = core.cluster;
  const changes = reportChanges({ core, mover, driver });
  const [change] = changes;
  const joining = new Set(state.changes.flatMap(newcomersOf));
  const leaving = new Set([...state.leaving, ...state.changes.flatMap(goingIn)]);
  const balance = rememberedBalance(state);
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
      level: levelKnownBy(member),
      isSteward: state.stewards.some((seat) => seat.id === id && (id !== core.selfId || seat.acceptor === self.acceptor)),
      isJoining: joining.has(id),
      isLeaving: leaving.has(id),
      isLost: state.lost.includes(id),
      replicas: load.replicas,
      primaries: load.primaries,
      ideal: load.ideal,
      hints: hints.owners.get(id) ?? 0,
    };
  });
  return {
    clusterId: state.clusterId,
    epoch: state.epoch,
    level: state.level,
    partitions: state.ring.partitions,
    effectiveN: effectiveNOf(state),
    members,
    largestOverIdeal: Math.max(...members.map(({ replicas, ideal }) => (ideal === 0 ? 0 : replicas / ideal))),
    ...(change === undefined ? {} : { change }),
    changes,
    leavingWaitsFor: departure.waitingFor,
    hints: hints.total,
    hintsDelivered: handoff.delivered,
    isRecovering: recovery.isRecovering,
  };
}

/** Balances of rings, which are asked for often and change seldom. They go when their ring does. */
const balances = new WeakMap<Ring, { readonly copies: number; readonly balance: Balance }>();

function rememberedBalance(state: ClusterState): Balance {
  const copies = copiesWanted(state);
  const known = balances.get(state.ring);
  if (known?.copies === copies) return known.balance;
  const balance = balanceOf(state.ring, copies);
  balances.set(state.ring, { copies, balance });
  return balance;
}

/** What is under way, the oldest first. */
export function reportChanges({ core, mover, driver }: Pick<Reported, 'core' | 'mover' | 'driver'>): ChangeReport[] {
  const { state } = core.cluster;
  return state.changes.map((change) => {
    const { id, phase, moves, aims } = change;
    const [{ kind, member }] = aims;
    const drivenBy = driver.drivenBy(state, change);
    return {
      id,
      kind,
      member: memberName(state, member),
      aims: describeAims(state, change),
      phase,
      partitions: moves.size,
      ...(drivenBy === undefined ? {} : { drivenBy: memberName(state, drivenBy) }),
      waitingFor: driver.waitingFor(id),
      takingOver: mover.intakes.filter((intake) => intake.change === id).map((intake) => reportIntake(core, intake)),
    };
  });
}

function reportIntake({ cluster, environment }: Core, intake: IntakeProgress): IntakeReport {
  const { source, stage, share, objects, bytes, trouble, sinceMs, shareAtStart } = intake;
  const elapsedMs = environment.clock.monotonic() - sinceMs;
  const gained = share - shareAtStart;
  const eta = stage === 'streaming' && gained > 0 ? { etaMs: Math.round((elapsedMs * (1 - share)) / gained) } : {};
  return { source: memberName(cluster.state, source), stage, share, objects, bytes, ...eta, trouble };
}

/** Copies that every key has by the ring: the shortest replica list. */
export function effectiveNOf(state: ClusterState): number {
  return state.ring.replicas.reduce((least, holders) => Math.min(least, holders.length), Infinity);
}

/** Who holds what. While a partition moves, those who surely have everything. */
export function reportRing({ epoch, ring, members, changes }: ClusterState): RingReport {
  const reading = changes.filter(({ phase }) => phase === 'read-new');
  const newOf = (partition: number): readonly number[] | undefined =>
    reading.find(({ moves }) => moves.has(partition))?.moves.get(partition);
  return {
    epoch,
    partitions: ring.partitions,
    members: members.map(({ id, name, http }) => ({ id, name, http })),
    replicas: reading.length === 0 ? ring.replicas : ring.replicas.map((holders, partition) => newOf(partition) ?? holders),
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
