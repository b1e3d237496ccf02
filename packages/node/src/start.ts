/**
 * Starting a node: opens the store and the ring log, settles who this is and which cluster it belongs to, and joins the
 * parts.
 *
 * ```
 *   store ▶ member id ▶ life ▶ door ▶ ring log ▶ found, join or go on ▶ parts ▶ door answers ▶ chores
 * ```
 *
 * What was opened is closed again, the last first, when a later step fails.
 */
import { CoterieError, type Environment, isCoterieError, joinPath, randomHex } from '@coterie/env';
import { RingLog } from '@coterie/consensus';
import { openStore as openLsmStore } from '@coterie/lsm';
import type { Endpoint } from '@coterie/rpc';
import { clusterKeyBytes } from '@coterie/vector-clock';
import type { CoterieNode } from './api.ts';
import { readFormerBuckets } from './buckets/buckets.ts';
import { assemble } from './assemble.ts';
import { askToJoin, noTransport, openDoor, ringLogTransport } from './cluster/door.ts';
import { Callers } from './cluster/callers.ts';
import { foundCluster, joinThrough } from './cluster/enter.ts';
import { doorName, loneVoterState } from './cluster/lineage.ts';
import { claimMemberId } from './cluster/member-file.ts';
import { openMended } from './cluster/mend-ring-log.ts';
import { rulesUpTo } from './cluster/rules.ts';
import { type ClusterState, type Member, memberOf } from './cluster/state.ts';
import { checkMayFound } from './recover/former-log.ts';
import { type FormerMembership, keepId, readFormerMembership, readKeptId } from './topology/former-membership.ts';
import { Life } from './store/life.ts';
import { checkNodeOptions, durabilityOf, type NodeOptions, type NodeSettings } from './options.ts';
import { mendStore } from './store/mend-store.ts';
import { Recovery } from './transfer/recovery.ts';
import type { Store } from './store/store.ts';

/** What a start has opened so far. */
export interface Opened {
  readonly settings: NodeSettings;
  readonly store: Store;
  readonly life: Life;
  readonly recovery: Recovery;
  readonly ringLog: RingLog<ClusterState>;
  readonly endpoint: Endpoint | undefined;
  /** This node as it wants to be known. */
  readonly self: Member;
}

/**
 * Starts a node on its data directory, making it if it is not there; resolves when the node takes requests. Its first
 * dot cannot be made before the store says durably that the node runs.
 *
 * @throws `INVALID_ARGUMENT` for bad options, or a seed that refuses · what `openStore` throws: `LOCKED`, `CORRUPTION`,
 * `UNSUPPORTED_FORMAT`, `DISK_IO`, … · `TIMEOUT` when no seed took the node in
 */
export async function startNode(options: NodeOptions): Promise<CoterieNode> {
  const settings = checkNodeOptions(options);
  const closers: (() => Promise<void>)[] = [];
  try {
    return await assemble(await open(settings, options, closers));
  } catch (error) {
    for (const close of closers.reverse()) await close().catch(() => undefined);
    throw error;
  }
}

async function open(settings: NodeSettings, options: NodeOptions, closers: (() => Promise<void>)[]): Promise<Opened> {
  const { environment, dataDirectory, sync } = settings;
  await environment.files.makeDirectory(dataDirectory);
  const openStore = options.openStore ?? openLsmStore;
  const opening = { environment, durable: durabilityOf(sync) };
  const openIt = (): Promise<Store> => openStore(joinPath(dataDirectory, 'store'), opening);
  const store = await openIt().catch((error: unknown) => mendStore({ error, environment, dataDirectory, openIt }));
  closers.push(() => store.close());
  const isDamaged = (store.losses ?? []).length > 0;
  const former = await readFormerMembership(store);
  const directory = joinPath(dataDirectory, 'ring');
  await environment.files.makeDirectory(directory);
  const id = await claimMemberId(environment, directory, { former: former?.id, kept: await readKeptId(store) });
  await keepId(store, id);
  const { oneEpochForEver } = settings.hazards;
  const life = await Life.begin({
    store,
    environment,
    directory: dataDirectory,
    doubt: () => Recovery.doubt(store),
    oneEpochForEver,
    isDamaged,
  });
  await Recovery.settleOwn(store);
  const callers = new Callers();
  const endpoint = settings.peer && (await openDoor(environment, settings.peer, { id, incarnation: life.incarnation, callers }));
  if (endpoint !== undefined) closers.push(() => endpoint.close());
  let known: () => ClusterState | undefined = () => undefined;
  const transport = endpoint && ringLogTransport(endpoint, (node) => memberIn(known(), node)?.peer);
  const { files, log } = environment;
  const openLog = (): Promise<RingLog<ClusterState>> =>
    RingLog.open({ directory, rules: rulesUpTo(settings.levelMax), node: id, transport: transport ?? noTransport, environment });
  const hasSeeds = (settings.peer?.seeds ?? []).length > 0;
  const ringLog = await openMended({ files, log, directory, hasSeeds, open: openLog });
  closers.push(() => ringLog.close());
  known = () => (ringLog.epoch === 0 ? undefined : ringLog.state);
  const self = describeSelf(settings, { id, acceptor: ringLog.self.incarnation, address: endpoint?.address });
  const recovery = await Recovery.load(store, life);
  await enter({ settings, store, former, ringLog, endpoint, self, recovery, callers });
  return { settings, store, life, recovery, ringLog, endpoint, self };
}

function memberIn(state: ClusterState | undefined, id: string): Member | undefined {
  return state && memberOf(state, id);
}

function describeSelf(
  { name, peer, levelMax }: NodeSettings,
  of: { readonly id: string; readonly acceptor: string; readonly address: string | undefined },
): Member {
  const { id, acceptor, address } = of;
  return {
    id,
    name: name ?? `node-${id.slice(0, 4)}`,
    zone: peer?.zone ?? '',
    weight: peer?.weight ?? 1,
    peer: peer?.advertise ?? address ?? '',
    http: peer?.http ?? '',
    acceptor,
    level: levelMax,
  };
}

interface Entering extends Omit<Opened, 'life'> {
  readonly former: FormerMembership | undefined;
  readonly callers: Callers;
}

/** Found, join or go on. */
async function enter({ settings, store, former, ringLog, endpoint, self, recovery, callers }: Entering): Promise<void> {
  const { environment, partitions, peer } = settings;
  const seeds = peer?.seeds ?? [];
  if (ringLog.epoch > 0) {
    await takeOwnSeat(ringLog, self, environment);
    if (endpoint !== undefined) await refuseTwin(endpoint, ringLog, self);
    endpoint?.joinCluster(doorName(ringLog));
    return;
  }
  if (endpoint !== undefined && seeds.length > 0) {
    await joinThrough({
      environment,
      ringLog,
      seeds,
      member: self,
      callers,
      waits: peer?.join === 'staged' || peer?.replace !== undefined ? 'for ever' : 'a while',
      askToJoin: (seed, member) => askToJoin(endpoint, seed, { member, mode: peer?.join ?? 'auto', inPlaceOf: peer?.replace }),
    });
    // Only now: connections are renewed when the cluster is known, and the ring log was still being pulled over one.
    endpoint.joinCluster(doorName(ringLog));
    return;
  }
  await checkMayFound(environment.files, joinPath(settings.dataDirectory, 'ring'));
  const clusterId = randomHex(environment.random, 8);
  const state = foundCluster({
    clusterId,
    clusterKey: former?.clusterKey ?? keyOf(settings) ?? randomHex(environment.random, clusterKeyBytes),
    partitions: former?.partitions ?? partitions,
    founder: self,
    buckets: await readFormerBuckets(store),
  });
  await ringLog.create({ cluster: clusterId, state });
  endpoint?.joinCluster(doorName(ringLog));
  await recovery.markWhole();
}

/**
 * A cluster of one whose votes were lost, or came back with a copied directory, has nobody to give it its seat: it takes
 * it. There is no other voter whom that could contradict.
 */
async function takeOwnSeat(ringLog: RingLog<ClusterState>, self: Member, environment: Environment): Promise<void> {
  const { state } = ringLog;
  const [only, ...others] = state.members;
  if (others.length > 0 || only?.id !== self.id || state.stewards[0]?.acceptor === self.acceptor) return;
  const lineage = randomHex(environment.random, 8);
  environment.log.warn('the votes of this cluster of one were lost or copied; it goes on in a new lineage', { lineage });
  await ringLog.recoverUnsafe({ lineage, state: loneVoterState(state, self) });
}

/** How long a twin may take to say that it is there. */
const twinMs = 1000;
/** Members asked for what was decided while this one was away. */
const newsFrom = 2;

/**
 * A copied directory brings a second process with the same id. If somebody answers to it where this member was last
 * reached, this one must not begin. @throws `INVALID_ARGUMENT`
 */
async function refuseTwin(endpoint: Endpoint, ringLog: RingLog<ClusterState>, self: Member): Promise<void> {
  // What this directory knows is what it knew when it was copied, if it was.
  await hearNews(ringLog, self.id);
  const known = memberIn(ringLog.state, self.id);
  if (known === undefined || known.peer === '' || known.peer === self.peer) return;
  try {
    await endpoint.request(known.peer, { method: 'barrier', epoch: 0, body: [0] }, { timeoutMs: twinMs });
  } catch (error) {
    // Nobody there, or somebody else: the member has moved.
    if (!isCoterieError(error, 'INVALID_ARGUMENT') || error.details['reason'] !== 'id') return;
    throw new CoterieError(
      'INVALID_ARGUMENT',
      `member ${self.id} runs at ${known.peer} already: this data directory is a copy of its own, or its own is a copy of this`,
      { cause: error },
    );
  }
}

/** Learns what was decided meanwhile from whoever votes, if any of them can be reached: those who start together know no more. */
async function hearNews(ringLog: RingLog<ClusterState>, selfId: string): Promise<void> {
  const voters = ringLog.state.stewards.map(({ id }) => id).filter((id) => id !== selfId);
  if (voters.length > 0) await ringLog.catchUp(voters.slice(0, newsFrom)).catch(() => undefined);
  // What was decided may be beyond this node: then it is not to begin.
  if (ringLog.failure !== undefined) throw ringLog.failure;
}

function keyOf({ clusterKey }: NodeSettings): string | undefined {
  return clusterKey && Buffer.from(clusterKey).toString('hex');
}
