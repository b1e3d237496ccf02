/** Joins the parts of a node that has opened what it needs, and lets other nodes in. */
import { joinPath } from '@coterie/env';
import type { GossipService } from '@coterie/gossip';
import { ContextSealer } from '@coterie/vector-clock';
import { answerPeers } from './answer-peers.ts';
import { Comparer } from './anti-entropy/comparer.ts';
import { DirtyRanges } from './anti-entropy/dirty-ranges.ts';
import { prepareTrees } from './anti-entropy/recount.ts';
import { Trees, writeLeaf } from './anti-entropy/trees.ts';
import type { CoterieNode, NodeCounters } from './api.ts';
import { Backups } from './backup/backup.ts';
import { Background } from './background.ts';
import { Buckets } from './buckets.ts';
import { ClusterMember } from './cluster/cluster-member.ts';
import { introduceMembers, joinGossip } from './cluster/gossip.ts';
import { memberOf } from './cluster/state.ts';
import { WhoIsUp } from './cluster/who-is-up.ts';
import type { Core } from './core.ts';
import { mergeAndPrune, openTurns, wallClockStamps, whoeverAnswers, writeApart } from './hazards.ts';
import { FewReads } from './few-reads.ts';
import { HintLedger } from './hint-ledger.ts';
import { HybridClock } from './hybrid-clock.ts';
import { KeyLocks, type KeyTurns } from './key-locks.ts';
import { mergeObjects } from './merge.ts';
import { RunningNode } from './node.ts';
import { nothingMoved } from './moved.ts';
import { OperationMemory } from './operations.ts';
import { durabilityOf } from './options.ts';
import { Patience } from './patience.ts';
import { ClockWatch } from './peer-clocks.ts';
import { noPeers } from './peers.ts';
import { RemotePeers } from './remote.ts';
import { LocalReplica, type PendingCopy } from './replica.ts';
import type { Opened } from './start.ts';

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
  const background = new Background(core, { hints: inside.hints, recovery, self, announce: (verdict) => whoIsUp.announce(verdict) });
  await background.begin();
  let gossip: GossipService | undefined;
  const stopFollowing = ringLog.onChange(({ epoch, state }) => {
    gossip?.setEpoch(epoch);
    if (gossip !== undefined) introduceMembers(gossip, state, self.id);
    background.follow(state);
  });
  const shutDown = async (): Promise<void> => {
    stopFollowing();
    // All at once: what the background waits for from others ends when the door closes, decisions when the ring log does.
    const doorAndLog = async (): Promise<void> => {
      await endpoint?.close();
      await ringLog.close();
    };
    const ends = await Promise.allSettled([gossip?.stop(), few.stop(), background.stop(), doorAndLog()]);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  };
  const counters = (): NodeCounters => ({
    rpc: { ...endpoint?.counts },
    gossip: { ...gossip?.counters },
    moved: { ...core.moved },
    bounds: { ...few.bounds, ...inside.hints.bounds, ...inside.turns.bounds, ...endpoint?.bounds, ...gossip?.bounds },
  });
  const { sync } = settings;
  const backups = new Backups({
    environment: settings.environment,
    store: opened.store,
    ringLog,
    member: { id: self.id, name: memberOf(ringLog.state, self.id)?.name ?? self.name },
    backupDirectory: joinPath(settings.dataDirectory, 'backups'),
  });
  const node = new RunningNode({ ...inside, ...background.parts, few, life, recovery, self, sync, counters, backups, shutDown });
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

async function assembleInside({ settings, store, life, recovery, ringLog, endpoint, self }: Opened): Promise<Inside> {
  const { environment, limits, sync, hazards } = settings;
  const { clock, log } = environment;
  const buckets = await Buckets.load(store, limits.bucketsMax, ringLog.state.buckets);
  const hints = await HintLedger.load(store, limits.hintsMax);
  const memory = new OperationMemory({ store, clock, log, memoryMs: limits.operationMemoryMs, ranMs: life.ranBeforeMs });
  const { partitions } = ringLog.state.ring;
  await prepareTrees(store, partitions);
  const trees = new Trees(store, { partitions, write: hazards.leavesApart ? writeApart(store) : writeLeaf });
  const turns = hazards.sharedKeyTurn ? openTurns<PendingCopy>() : new KeyLocks<PendingCopy>(limits.waitersPerKeyMax);
  const meet = hazards.prunedClocks ? mergeAndPrune : mergeObjects;
  const door = endpoint && (hazards.addressIsIdentity ? whoeverAnswers(endpoint) : endpoint);
  const peers =
    door === undefined ? noPeers : new RemotePeers({ endpoint: door, state: () => ringLog.state, timeoutMs: limits.peerTimeoutMs });
  const whoIsUp = new WhoIsUp(self.id);
  const durable = durabilityOf(sync);
  const isAsked = (id: string): boolean => id !== self.id && whoIsUp.standing(id) !== 'down';
  const others = (): string[] => ringLog.state.members.map(({ id }) => id).filter(isAsked);
  const core: Core = {
    environment,
    store,
    selfId: self.id,
    cluster: new ClusterMember({
      environment,
      selfId: self.id,
      ringLog,
      peers,
      recovery,
      standing: (id) => whoIsUp.standing(id),
      storeOf: (id) => whoIsUp.storeOf(id),
    }),
    buckets,
    local: new LocalReplica({ store, life, turns, memory, buckets, hints, trees, durable, objectBytesMax: limits.objectBytesMax, meet }),
    trees,
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
