/**
 * A backup of this node, taken while it runs: a checkpoint of the store, made of links, sealed and verified, and what the
 * cluster has decided. Tables never change, so backups of one disk share those they have in common: the next one costs
 * only what is new.
 *
 * ```
 *   checkpoint ▶ own records out: nothing in it says who it was ▶ verify ▶ ring log ▶ BACKUP.json
 * ```
 *
 * Each member saves its own store. Together they are a backup of the cluster, though not of one moment: what one lacks
 * of a write another has, as with members that were away.
 */
import { RingLog } from '@coterie/consensus';
import { CoterieError, type Environment, joinPath } from '@coterie/env';
import { openStore, verifyStore } from '@coterie/lsm';
import { noTransport } from '../cluster/door.ts';
import { clusterRules } from '../cluster/rules.ts';
import type { ClusterState } from '../cluster/state.ts';
import { space } from '../store/layout.ts';
import type { Store } from '../store/store.ts';
import { type BackupReport, checkBackupName, writeBackupFile } from './backup-file.ts';

/** What a backup is taken of. */
export interface BackupParts {
  readonly environment: Environment;
  readonly store: Store;
  readonly ringLog: Pick<RingLog<ClusterState>, 'handle' | 'state' | 'epoch'>;
  readonly member: { readonly id: string; readonly name: string };
  /** Where backups lie; on the disk of the store, or links cannot be made. */
  readonly backupDirectory: string;
}

/** Takes backups of one node, one at a time. */
export class Backups {
  readonly #parts: BackupParts;
  #running = false;

  constructor(parts: BackupParts) {
    this.#parts = parts;
  }

  /**
   * Takes a backup of this name; whole and verified when it resolves.
   * @throws `INVALID_ARGUMENT` for an impossible name or one that is taken, `OVERLOADED` while another is taken, `CORRUPTION`
   * when the store has lost something or what was saved is not whole, `DISK_FULL`, `DISK_IO`
   */
  async take(name: string): Promise<BackupReport> {
    checkBackupName(name);
    if (this.#running) throw new CoterieError('OVERLOADED', 'a backup is being taken already');
    this.#running = true;
    try {
      return await this.#take(name);
    } finally {
      this.#running = false;
    }
  }

  async #take(name: string): Promise<BackupReport> {
    const { environment, store, ringLog, member, backupDirectory } = this.#parts;
    const { files, clock } = environment;
    if (store.checkpoint === undefined) throw new CoterieError('UNSUPPORTED_FORMAT', 'this store cannot be saved while it runs');
    const directory = joinPath(backupDirectory, name);
    await files.makeDirectory(directory);
    if ((await files.list(directory)).length > 0)
      throw new CoterieError('INVALID_ARGUMENT', `there is a backup ${name} already, or a part of one: ${directory}`);
    const saved = joinPath(directory, 'store');
    await store.checkpoint(saved);
    await seal(environment, saved);
    const { entries, bytes, problems } = await verifyStore(saved, environment);
    if (problems[0] !== undefined)
      throw new CoterieError('CORRUPTION', `the backup is not whole: ${problems[0].detail}`, { details: { file: problems[0].file } });
    const ring = joinPath(directory, 'ring');
    const { epoch, state } = await saveRingLog(this.#parts, ring);
    const report = {
      name,
      directory,
      takenAt: clock.now(),
      cluster: state.clusterId,
      epoch,
      member: member.id,
      memberName: member.name,
      entries,
      bytes,
    };
    await writeBackupFile(files, report);
    environment.log.info('a backup was taken', { name, directory, entries, bytes, epoch, ring: ringLog.epoch });
    return report;
  }
}

/** Takes out what a store says of itself: whoever opens the copy begins a new life, and vouches for nothing yet. */
async function seal(environment: Environment, directory: string): Promise<void> {
  const store = await openStore(directory, {
    environment,
    reserveBytes: 0,
    logSegmentBytes: 65_536,
    writeBufferBytes: 65_536,
    cacheBytes: 2 ** 20,
  });
  try {
    await store.deleteRange(Uint8Array.of(space.own), Uint8Array.of(space.own + 1));
  } finally {
    await store.close();
  }
}

/** Has a ring log of its own learn from this node's all that was decided. Its votes are nobody's: they go. */
async function saveRingLog(
  { environment, ringLog, member }: BackupParts,
  directory: string,
): Promise<{ epoch: number; state: ClusterState }> {
  const { files } = environment;
  await files.makeDirectory(directory);
  const transport = { ...noTransport, ask: (_: string, message: Uint8Array) => ringLog.handle(message) };
  const copy = await RingLog.open({ directory, rules: clusterRules, node: member.id, transport, environment });
  try {
    await copy.catchUp([member.id]);
    return { epoch: copy.epoch, state: copy.state };
  } finally {
    await copy.close();
    await files.remove(joinPath(directory, 'votes.log'));
  }
}
