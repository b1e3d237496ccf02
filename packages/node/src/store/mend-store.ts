/**
 * A store whose log or manifest is damaged does not open. A member of a cluster does not stay away for that: what can be
 * read is kept, what cannot is set aside, and the store begins a new life in which it vouches for nothing before it has
 * taken everything back from the others. A node without others does not start: the operator decides what is given up.
 *
 * ```
 *   CORRUPTION ──others hold copies?──no──▶ refused, as it is
 *                   └─yes──▶ identity file away: doubt outlives a crash ▶ repair ▶ open
 * ```
 */
import { RingLog } from '@coterie/consensus';
import { type Environment, isCoterieError, joinPath } from '@coterie/env';
import { repairStore } from '@coterie/lsm';
import { noTransport } from '../cluster/door.ts';
import { claimMemberId } from '../cluster/member-file.ts';
import { clusterRules } from '../cluster/rules.ts';
import { forgetIdentity } from './identity-file.ts';
import type { Store } from './store.ts';

/** A store that did not open. */
export interface Unopened {
  readonly error: unknown;
  readonly environment: Environment;
  readonly dataDirectory: string;
  openIt(): Promise<Store>;
}

/** Opens the store after repairing it, if others have copies of what it may lack. @throws the error that kept it from opening */
export async function mendStore({ error, environment, dataDirectory, openIt }: Unopened): Promise<Store> {
  const { files, log } = environment;
  if (!isCoterieError(error, 'CORRUPTION') || !(await hasOthers(environment, joinPath(dataDirectory, 'ring')))) throw error;
  log.error('the store is damaged: what can be read is kept, the rest is taken back from others', { reason: error.message });
  await forgetIdentity(files, dataDirectory);
  const { kept, setAside } = await repairStore(joinPath(dataDirectory, 'store'), environment);
  log.warn('the damaged store was repaired', { tablesKept: kept, setAside: setAside.length });
  return openIt();
}

/** Whether the ring log of this directory names other members. */
async function hasOthers(environment: Environment, directory: string): Promise<boolean> {
  if (!(await environment.files.exists(joinPath(directory, 'member')))) return false;
  const node = await claimMemberId(environment, directory);
  const ringLog = await RingLog.open({ directory, rules: clusterRules, node, transport: noTransport, environment });
  try {
    return ringLog.epoch > 0 && ringLog.state.members.length > 1;
  } finally {
    await ringLog.close();
  }
}
