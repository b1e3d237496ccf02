/**
 * `coterie backup NAME`: every member saves its own store under this name, one after the other; with `--node` only the one
 * that is asked. `coterie restore BACKUP`: puts one back, with the node stopped.
 */
import { resolve } from 'node:path';
import { isCoterieError } from '@coterie/env';
import { createNodeEnvironment } from '@coterie/env-node';
import { type BackupReport, restoreBackup } from '@coterie/node';
import { showBytes } from '../amounts.ts';
import { ask, endpointOf, parseJson } from './client.ts';
import { CommandFailure, UsageFailure } from './failure.ts';
import type { LookFlags } from './status.ts';
import { askCluster, endpointOfMember } from './survey.ts';
import { print, printJson, showCount, tableLines } from './table.ts';

/** Flags of `coterie backup`. */
export interface BackupFlags extends LookFlags {
  readonly node?: boolean;
}

/** Flags of `coterie restore`. */
export interface RestoreFlags {
  readonly dataDir: string;
  readonly first?: boolean;
  readonly other?: boolean;
  readonly json?: boolean;
}

/** Reading back everything that was saved takes its time. */
const patienceMs = 24 * 3_600_000;

/** `coterie backup NAME` */
export async function backup(name: string, flags: BackupFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const { members } = await askCluster(endpoint);
  const done: BackupReport[] = [];
  const trouble: string[] = [];
  const call = { method: 'POST', path: `/v1/backup?name=${encodeURIComponent(name)}`, expect: [200], patienceMs };
  for (const member of flags.node === true ? members.filter(({ isSelf }) => isSelf) : members) {
    const at = member.isSelf ? endpoint : endpointOfMember(member);
    if (at === undefined) {
      trouble.push(`${member.name} was not saved: it is ${member.state}`);
      continue;
    }
    try {
      done.push(parseJson(at, (await ask(at, call)).body) as BackupReport);
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      trouble.push(`${member.name} was not saved: ${error.message}`);
    }
  }
  if (flags.json === true) printJson({ backups: done, trouble });
  else if (done.length > 0) print(...backupLines(done));
  if (trouble.length > 0)
    throw new CommandFailure(trouble.join('\n'), done.length > 0 ? 'the others are saved; coterie status   shows who is up' : undefined);
}

function backupLines(reports: readonly BackupReport[]): string[] {
  const rows = reports.map(({ memberName, entries, bytes, directory }) => [memberName, showCount(entries), showBytes(bytes), directory]);
  return tableLines([['member', 'entries', 'checked', 'where, on that machine'], ...rows]);
}

/** `coterie restore BACKUP --data-dir DIR` */
export async function restore(directory: string, flags: RestoreFlags): Promise<void> {
  if (flags.first === true && flags.other === true)
    throw new UsageFailure('a node is restored as the first of a lost cluster or as another one', 'give --first or --other');
  const as = flags.first === true ? 'first' : flags.other === true ? 'other' : 'member';
  try {
    const environment = createNodeEnvironment();
    const report = await restoreBackup({ environment, backup: resolve(directory), dataDirectory: resolve(flags.dataDir), as });
    if (flags.json === true) return printJson(report);
    const { backup: from, movedTo } = report;
    print(
      `${flags.dataDir} holds ${from.name} of ${from.memberName} now, taken ${new Date(from.takenAt).toISOString()}`,
      ...(movedTo === undefined ? [] : [`what was there lies in ${movedTo}`]),
      nextStep(as),
    );
  } catch (error) {
    if (!isCoterieError(error)) throw error;
    throw new CommandFailure(`restore ${directory}: ${error.code}: ${error.message}`);
  }
}

function nextStep(as: 'member' | 'first' | 'other'): string {
  if (as === 'member') return 'start it as ever: it takes back from the others what is newer before it vouches for anything';
  if (as === 'first') return 'start it without --seed, then restore the others with --other';
  return 'start it with --seed, naming the first';
}
