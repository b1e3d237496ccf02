/**
 * The last resort, offline: a majority of the stewards is gone for ever, so nothing about the ring can be decided any
 * more. One survivor begins a new lineage from what it knows, and the others follow it.
 *
 * ```
 *   as   'first'   ring log goes on in a new lineage, in which this member votes alone      start it as ever
 *        'other'   ring log moved aside; member id and store stay                           start it with --seed, naming the first
 *
 *   both  store locked ▶ identity away: at its next start it begins a new life and vouches for nothing before it has
 *         exchanged with the other holders ▶ ring log
 * ```
 *
 * Nothing of a store is deleted. It can be done again after a crash at any step.
 */
import { RingLog } from '@coterie/consensus';
import { CoterieError, type Environment, type Files, joinPath } from '@coterie/env';
import { noTransport } from '../cluster/door.ts';
import { beginLineage } from '../cluster/lineage.ts';
import { claimMemberId } from '../cluster/member-file.ts';
import { openMended } from '../cluster/mend-ring-log.ts';
import { clusterRules } from '../cluster/rules.ts';
import type { ClusterState } from '../cluster/state.ts';
import { forgetIdentity } from '../store/identity-file.ts';
import { setLogAside, wasSetAside } from './former-log.ts';
import { followingSentences, lossSentences, outlookOf, type RecoveryOutlook, whyNotFirst } from './outlook.ts';

/** What to recover, and as what. */
export interface RecoverOrder {
  readonly environment: Environment;
  readonly dataDirectory: string;
  readonly as: 'first' | 'other';
  /** Names or ids of members that are gone for ever: only to say what that costs. */
  readonly gone?: readonly string[];
}

/** What a recovery would begin with, and may lose. */
export interface RecoverForecast extends RecoveryOutlook {
  readonly mayBeLost: readonly string[];
}

/** What a recovery did. */
export interface RecoverReport extends RecoverForecast {
  /** As the first: the lineage that began, and with which epoch. */
  readonly began?: { readonly lineage: string; readonly epoch: number };
  /** As another one: where its ring log lies now. */
  readonly movedTo?: string;
}

/** Says what a recovery would begin with and what may be lost; changes nothing. @throws as `recoverUnsafe` does */
export function forecastRecovery(order: RecoverOrder): Promise<RecoverForecast> {
  return withLog(order, async ({ forecast }) => forecast);
}

/**
 * Recovers a member by force; durable when it resolves.
 * @throws `INVALID_ARGUMENT` where no member of a cluster lies, for one that votes alone already or is none any more, and
 * for a name of nobody; `LOCKED` while a node runs there; `CORRUPTION` for a damaged ring log; `DISK_FULL`, `DISK_IO`
 */
export function recoverUnsafe(order: RecoverOrder): Promise<RecoverReport> {
  const { environment, dataDirectory, as } = order;
  const { files, random } = environment;
  return withLog(order, async ({ ringLog, forecast, selfId }) => {
    await forgetIdentity(files, dataDirectory);
    if (as === 'other') {
      await ringLog.close();
      return { ...forecast, movedTo: await setLogAside(files, joinPath(dataDirectory, 'ring')) };
    }
    return { ...forecast, began: await beginLineage(ringLog, { selfId, random }) };
  });
}

interface OpenedLog {
  readonly ringLog: RingLog<ClusterState>;
  readonly forecast: RecoverForecast;
  readonly selfId: string;
}

/** Does `work` with the ring log open and the store locked: nobody can start a node meanwhile. */
async function withLog<Result>(order: RecoverOrder, work: (opened: OpenedLog) => Promise<Result>): Promise<Result> {
  const { environment, dataDirectory, as, gone = [] } = order;
  const { files } = environment;
  const directory = joinPath(dataDirectory, 'ring');
  await checkIsMember(files, directory);
  const store = joinPath(dataDirectory, 'store');
  await files.makeDirectory(store);
  const lock = await files.lock(store);
  try {
    const selfId = await claimMemberId(environment, directory);
    const ringLog = await openLog(environment, directory, selfId);
    try {
      const known = { state: ringLog.state, lineage: ringLog.digest()?.lineage ?? '', selfId };
      const why = as === 'first' ? whyNotFirst(known, ringLog.self.incarnation) : undefined;
      if (why !== undefined) throw new CoterieError('INVALID_ARGUMENT', why);
      const outlook = outlookOf(known, gone);
      const mayBeLost = as === 'first' ? lossSentences(outlook) : followingSentences(outlook);
      return await work({ ringLog, forecast: { ...outlook, mayBeLost }, selfId });
    } finally {
      await ringLog.close();
    }
  } finally {
    await lock.release();
  }
}

async function checkIsMember(files: Files, ring: string): Promise<void> {
  for (const name of ['member', 'ring.log']) {
    if (await files.exists(joinPath(ring, name))) continue;
    const why = (await wasSetAside(files, ring))
      ? `this node was made to follow another one already: start it with --seed, naming that one`
      : `no member of a cluster lies here: there is no ${joinPath(ring, name)}`;
    throw new CoterieError('INVALID_ARGUMENT', why);
  }
}

/** Damaged votes are set aside, as by a start. A damaged log is refused: another survivor knows more. */
function openLog(environment: Environment, directory: string, node: string): Promise<RingLog<ClusterState>> {
  const { files, log } = environment;
  const open = (): Promise<RingLog<ClusterState>> =>
    RingLog.open({ directory, rules: clusterRules, node, transport: noTransport, environment });
  return openMended({ files, log, directory, hasSeeds: false, open });
}
