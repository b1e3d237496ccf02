/** Joins the parts of a node that has opened what it needs, and lets other nodes in. */
import { joinPath } from '@coterie/env';
import type { GossipService } from '@coterie/gossip';
import { partitionOf, type Token } from '@coterie/ring';
import { ContextSealer } from '@coterie/vector-clock';
import { answerPeers } from './peers/answer-peers.ts';
import { Comparer } from './anti-entropy/comparer.ts';
import { DirtyRanges } from './anti-entropy/dirty-ranges.ts';
import { prepareTrees } from './anti-entropy/recount.ts';
import { leafKeys } from './anti-entropy/leaf-record.ts';
import { Trees, writeLeaf } from './anti-entropy/trees.ts';
import type { CoterieNode, NodeCounters } from './api.ts';
import { Backups } from './backup/backup.ts';
import { Background } from './background.ts';
import { Buckets } from './buckets/buckets.ts';
import { ClusterMember } from './cluster/cluster-member.ts';
import { introduceMembers, joinGossip } from './cluster/gossip.ts';
import { type ClusterState, memberOf } from './cluster/state.ts';
import { WhoIsUp } from './cluster/who-is-up.ts';
import type { Core } from './core.ts';
import { type Hazards, mergeAndPrune, openTurns, wallClockStamps, whoeverAnswers, writeApart } from './hazards.ts';
import { FewReads } from './coordinator/few-reads.ts';
import { Admittance } from './forgetting/admittance.ts';
import { Floors } from './forgetting/floors.ts';
import { HintLedger } from './replica/hint-ledger.ts';
import { HybridClock } from './objects/hybrid-clock.ts';
import { KeyLocks, type KeyTurns } from './replica/key-locks.ts';
import { mergeObjects } from './objects/merge.ts';
import { RunningNode } from './node.ts';
import { nothingMoved } from './transfer/moved.ts';
import { OperationMemory } from './coordinator/operations.ts';
import { durabilityOf } from './options.ts';
import { Patience } from './coordinator/patience.ts';
import { ClockWatch } from './peers/peer-clocks.ts';
import { noPeers } from './peers/peers.ts';
import type { Standing } from './coordinator/pursuit.ts';
import { RemotePeers } from './peers/remote.ts';
import { LocalReplica } from './replica/replica.ts';
import type { PendingCopy } from './replica/decided.ts';
import type { Opened } from './start.ts';
import type { Store } from './store/store.ts';
import type { StoreVerdict } from './store/store-health.ts';

/** What serves requests. */
interface Inside {
  readonly core: Core;
  readonly whoIsUp: WhoIsUp;
  readonly hints: HintLedger;
  readonly turns: KeyTurns<PendingCopy>;
  readonly memory: OperationMemory;
}

/** The node, ready. */
export async function assemble(opened: Opened): Promise<CoterieNode> {
  const { settings, life, recovery, ringLog, endpoint, self } = opened;
  const inside = await assembleInside(opened);
  const { core, whoIsUp } = inside;
  const few = new FewReads(core);
  const background = new Background(core, {
    hints: inside.hints,
    recovery,
    self,
    life,
    forgetEveryMs: settings.forgetEveryMs,
    announce: (verdict) => whoIsUp.announce(verdict),
  });
  await background.begin();
  let gossip: GossipService | undefined;
  const stopFollowing = ringLog.onChange(({ epoch, state }) => {
    gossip?.setEpoch(epoch);
    if (gossip !== undefined) introduceMembers(gossip, state, self.id);
    background.follow(state);
  });
  const shutDown = async (): Promise<void> => {
    stopFollowing();
    await allEnded([gossip?.stop() ?? Promise.resolve(), few.stop(), background.stop(), closeDoorAndLog(opened)]);
  };
  const counters = (): NodeCounters => countersOf(inside, { few, endpoint, gossip });
  const backups = backupsOf(opened);
  const node = new RunningNode({
    ...inside,
    ...background.parts,
    few,
    life,
    recovery,
    self,
    sync: settings.sync,
    counters,
    backups,
    shutDown,
  });
  if (endpoint === undefined) return node;
  try {
    const comparer = new Comparer(core, (member) => background.antiEntropy.admits(member));
    answerPeers(endpoint, {
      service: background.service,
      comparer,
      node,
      ...background.parts,
      ringLog,
      cluster: core.cluster,
      hazards: core.hazards,
      isRecovering: () => recovery.isRecovering,
    });
    gossip = await joinGossip({ opened, endpoint, cluster: core.cluster, whoIsUp, somebodyIsBack: () => background.soon() });
    background.soon();
    return node;
  } catch (error) {
    stopFollowing();
    await background.stop();
    throw error;
  }
}

/** All at once: what the background waits for from others ends when the door closes, decisions when the ring log does. */
async function closeDoorAndLog({ endpoint, ringLog }: Opened): Promise<void> {
  await endpoint?.close();
  await ringLog.close();
}

async function allEnded(ending: readonly Promise<void>[]): Promise<void> {
  for (const end of await Promise.allSettled(ending)) if (end.status === 'rejected') throw end.reason;
}

/** What the door for others and gossip count, and everything that has a limit. */
function countersOf(
  { core, hints, turns }: Inside,
  of: { readonly few: FewReads; readonly endpoint: Opened['endpoint']; readonly gossip: GossipService | undefined },
): NodeCounters {
  const { few, endpoint, gossip } = of;
  return {
    rpc: { ...endpoint?.counts },
    gossip: { ...gossip?.counters },
    moved: { ...core.moved },
    bounds: { ...few.bounds, ...hints.bounds, ...turns.bounds, ...endpoint?.bounds, ...gossip?.bounds },
  };
}

function backupsOf({ settings, store, ringLog, self }: Opened): Backups {
  return new Backups({
    environment: settings.environment,
    store,
    ringLog,
    member: { id: self.id, name: memberOf(ringLog.state, self.id)?.name ?? self.name },
    backupDirectory: joinPath(settings.dataDirectory, 'backups'),
  });
}

async function treesOf(store: Store, partitions: number, { leavesApart }: Hazards): Promise<Trees> {
  await prepareTrees(store, partitions);
  // The sums of a partition are read before the first of them changes, and are in memory from then on.
  store.leaveUnread?.(leafKeys.from, leafKeys.to);
  return new Trees(store, { partitions, write: leavesApart ? writeApart(store) : writeLeaf });
}

async function assembleInside({ settings, store, life, recovery, ringLog, endpoint, self }: Opened): Promise<Inside> {
  const { environment, limits, sync, hazards } = settings;
  const { clock, log } = environment;
  const buckets = await Buckets.load(store, limits.bucketsMax, ringLog.state.buckets);
  const hints = hazards.hintsInMemory ? new HintLedger(limits.hintsMax) : await HintLedger.load(store, limits.hintsMax);
  const memory = new OperationMemory({ store, clock, log, memoryMs: limits.operationMemoryMs, ranMs: life.ranBeforeMs });
  const { partitions } = ringLog.state.ring;
  const trees = await treesOf(store, partitions, hazards);
  const turns = hazards.sharedKeyTurn ? openTurns<PendingCopy>() : new KeyLocks<PendingCopy>(limits.waitersPerKeyMax);
  const meet = hazards.prunedClocks ? mergeAndPrune : mergeObjects;
  const door = endpoint && (hazards.addressIsIdentity ? whoeverAnswers(endpoint) : endpoint);
  const way = { state: () => ringLog.state, timeoutMs: limits.peerTimeoutMs, timers: environment.timers };
  const peers = door === undefined ? noPeers : new RemotePeers({ endpoint: door, ...way });
  const whoIsUp = new WhoIsUp(self.id);
  const durable = durabilityOf(sync);
  const isAsked = (id: string): boolean => id !== self.id && whoIsUp.standing(id) !== 'down';
  const others = (): string[] => ringLog.state.members.map(({ id }) => id).filter(isAsked);
  const floors = await Floors.load(store, partitions);
  // A store that lacks something cannot vouch for what was forgotten, not even once it has everything back.
  await floors.doubt(({ partition }) => recovery.isRecoveringIn(partition, partitions));
  const standing = (id: string): Standing => whoIsUp.standing(id);
  const storeOf = (id: string): StoreVerdict => whoIsUp.storeOf(id);
  const cluster = new ClusterMember({ environment, selfId: self.id, ringLog, peers, recovery, standing, storeOf });
  const admittance = admittanceOf(floors, { self, ringLog, recovery });
  const core: Core = {
    environment,
    store,
    selfId: self.id,
    cluster,
    buckets,
    local: new LocalReplica({
      store,
      life,
      turns,
      memory,
      buckets,
      hints,
      trees,
      admittance,
      durable,
      objectBytesMax: limits.objectBytesMax,
      meet,
    }),
    trees,
    floors,
    admittance,
    dirty: await DirtyRanges.load(store),
    sealer: new ContextSealer(Buffer.from(ringLog.state.clusterKey, 'hex')),
    hybridClock: hazards.wallClockWins ? wallClockStamps(clock) : new HybridClock(clock),
    clocks: new ClockWatch({ clock, log, peers, others }),
    limits,
    patience: new Patience(environment, limits.patienceMs),
    moved: nothingMoved(),
    hazards,
    witness: settings.witness,
    syncsEachWrite: sync === 'always',
  };
  return { core, whoIsUp, hints, turns, memory };
}

/** What arrives is let in by these floors where this store is an owner that has everything. */
function admittanceOf(floors: Floors, { self, ringLog, recovery }: Pick<Opened, 'self' | 'ringLog' | 'recovery'>): Admittance {
  const { partitions } = ringLog.state.ring;
  return new Admittance({
    floors,
    isOwner: ({ address, bucket }) => isOwnerIn(ringLog.state, self.id, { token: address.token, copies: bucket.properties.n }),
    isRecovering: ({ address }) => recovery.isRecoveringIn(partitionOf(address.token, partitions), partitions),
  });
}

/** Whether a member is one of the first `copies` holders of a token, by the ring that is read. */
function isOwnerIn({ ring }: ClusterState, member: string, { token, copies }: { readonly token: Token; readonly copies: number }): boolean {
  const holders = ring.replicas[partitionOf(token, ring.partitions)] ?? [];
  return holders.slice(0, copies).some((position) => ring.members[position].id === member);
}
