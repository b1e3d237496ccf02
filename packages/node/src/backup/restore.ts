/**
 * Puts a backup in the place of a node's store, with the node stopped. What was there is moved aside, never deleted. The
 * store begins a new life and vouches for nothing before it has exchanged with the others, so nothing newer is covered and
 * nothing that was deleted comes back.
 *
 * ```
 *   as      'member'   one node of a cluster that runs      its ring directory stays; without one it comes from the backup
 *           'first'    the first of a lost cluster          a new lineage, in which it votes alone until others are back
 *           'other'    every further one of it              no ring log: start it with --seed, naming the first
 *
 *   verify ▶ is it this member's? ▶ identity away ▶ old store aside ▶ links and copies, CURRENT last ▶ ring
 * ```
 * It can be done again after a crash at any step.
 */
import { RingLog } from '@coterie/consensus';
import { CoterieError, type Environment, type Files, isCoterieError, joinPath } from '@coterie/env';
import { verifyStore } from '@coterie/lsm';
import { noTransport } from '../cluster/door.ts';
import { beginLineage } from '../cluster/lineage.ts';
import { claimMemberId } from '../cluster/member-file.ts';
import { clusterRules } from '../cluster/rules.ts';
import { forgetIdentity } from '../store/identity-file.ts';
import { type BackupReport, readBackupFile } from './backup-file.ts';

/** What to restore, where, and as what. */
export interface RestoreOrder {
  readonly environment: Environment;
  readonly backup: string;
  readonly dataDirectory: string;
  readonly as: 'member' | 'first' | 'other';
}

/** What a restore did. */
export interface RestoreReport {
  readonly backup: BackupReport;
  /** Where the store that was there lies now. */
  readonly movedTo?: string;
}

const chunkBytes: number = 2 ** 20;
const tablesEnd = '.sst';

/** Restores. @throws `INVALID_ARGUMENT` for what is no backup, or another member's; `CORRUPTION` for a damaged one; `LOCKED` while a node runs there; `DISK_FULL`, `DISK_IO` */
export async function restoreBackup({ environment, backup, dataDirectory, as }: RestoreOrder): Promise<RestoreReport> {
  const { files } = environment;
  const report = await readBackupFile(files, backup);
  const { problems } = await verifyStore(joinPath(backup, 'store'), environment);
  if (problems[0] !== undefined)
    throw new CoterieError('CORRUPTION', `the backup is damaged: ${problems[0].detail}`, { details: { file: problems[0].file } });
  const ring = joinPath(dataDirectory, 'ring');
  await files.makeDirectory(ring);
  const hadRing = await files.exists(joinPath(ring, 'ring.log'));
  if (hadRing && as !== 'member')
    throw new CoterieError('INVALID_ARGUMENT', `${ring} knows a cluster already: restore a lost cluster into an empty directory`);
  const id = await claimMemberId(environment, ring, { former: report.member });
  if (id !== report.member)
    throw new CoterieError(
      'INVALID_ARGUMENT',
      `${dataDirectory} is member ${id}, and the backup is of ${report.memberName}, member ${report.member}`,
    );
  await forgetIdentity(files, dataDirectory);
  const store = joinPath(dataDirectory, 'store');
  const movedTo = await moveAside(files, store);
  await copyTree(files, joinPath(backup, 'store'), store);
  if (!hadRing && as !== 'other') await copyFile(files, joinPath(backup, 'ring', 'ring.log'), joinPath(ring, 'ring.log'));
  await files.syncDirectory(ring);
  if (as === 'first') await beginAgain(environment, ring, id);
  return { backup: report, ...(movedTo === undefined ? {} : { movedTo }) };
}

/** The old stewards are gone: this member votes alone, in a lineage that none of the old ones talks to. */
async function beginAgain(environment: Environment, directory: string, node: string): Promise<void> {
  const ringLog = await RingLog.open({ directory, rules: clusterRules, node, transport: noTransport, environment });
  try {
    await beginLineage(ringLog, { selfId: node, random: environment.random });
  } finally {
    await ringLog.close();
  }
}

/** Moves all files of a store into a directory beside it; undefined when there is nothing. @throws `LOCKED` */
async function moveAside(files: Files, store: string): Promise<string | undefined> {
  if (!(await files.exists(store)) || (await files.list(store)).length === 0) return undefined;
  const lock = await files.lock(store);
  await lock.release();
  let number = 1;
  while (await files.exists(`${store}-before-restore-${number}`)) number++;
  const aside = `${store}-before-restore-${number}`;
  for (const directory of await directoriesIn(files, store)) {
    await files.makeDirectory(`${aside}${directory}`);
    for (const name of await filesIn(files, `${store}${directory}`))
      await files.rename(`${store}${directory}/${name}`, `${aside}${directory}/${name}`);
    await files.syncDirectory(`${aside}${directory}`);
    await files.syncDirectory(`${store}${directory}`);
  }
  return aside;
}

/** Tables are linked, the rest is copied. `CURRENT` comes last: until then there is no store. */
async function copyTree(files: Files, from: string, to: string): Promise<void> {
  for (const directory of (await directoriesIn(files, from)).toReversed()) {
    await files.makeDirectory(`${to}${directory}`);
    const names = await filesIn(files, `${from}${directory}`);
    for (const name of names.sort((a, b) => Number(a === 'CURRENT') - Number(b === 'CURRENT'))) {
      const [source, target] = [`${from}${directory}/${name}`, `${to}${directory}/${name}`];
      if (name.endsWith(tablesEnd)) await linkOrCopy(files, source, target);
      else await copyFile(files, source, target);
    }
    await files.syncDirectory(`${to}${directory}`);
  }
}

/** The directory itself, as the empty string, and those in it. */
async function directoriesIn(files: Files, root: string): Promise<string[]> {
  const inside: string[] = [''];
  for (const name of ['damaged', 'log']) if (await files.exists(joinPath(root, name))) inside.push(`/${name}`);
  return inside;
}

async function filesIn(files: Files, directory: string): Promise<string[]> {
  return (await files.list(directory)).filter((name) => !['damaged', 'log', 'LOCK'].includes(name));
}

async function linkOrCopy(files: Files, from: string, to: string): Promise<void> {
  try {
    await files.link(from, to);
  } catch (error) {
    if (!isCoterieError(error) || error.details.osCode === 'EEXIST') throw error;
    // Another file system, or one without links.
    await copyFile(files, from, to);
  }
}

async function copyFile(files: Files, from: string, to: string): Promise<void> {
  if (await files.exists(to)) await files.remove(to);
  const source = await files.open(from, 'read');
  const target = await files.open(to, 'create');
  try {
    const bytes = new Uint8Array(chunkBytes);
    for (let at = 0; ; ) {
      const length = await source.read(bytes, 0, bytes.length, at);
      if (length === 0) break;
      await target.write(bytes, 0, length, at);
      at += length;
    }
    await target.sync();
  } finally {
    await source.close();
    await target.close();
  }
}
