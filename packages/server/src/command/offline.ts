/**
 * `coterie verify | repair | dump DIR`: a store on disk, with no server running on it. The storage engine does the work;
 * this file shows what came back. `DIR` is a server's data directory, or a store's own.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, isCoterieError } from '@coterie/env';
import { createNodeEnvironment } from '@coterie/env-node';
import { type Problem, dumpStore, repairStore, verifyStore } from '@coterie/lsm';
import { showBytes } from '../amounts.ts';
import { CommandFailure } from './failure.ts';
import { print, printJson, showCount } from './table.ts';

/** `coterie verify DIR` */
export async function verify(directory: string, flags: { readonly json?: boolean }): Promise<void> {
  const report = await attempt('verify', directory, verifyStore);
  if (flags.json === true) printJson(report);
  else print(`${showCount(report.files)} files, ${showCount(report.entries)} entries, ${showBytes(report.bytes)} checked in ${directory}`);
  if (report.problems.length === 0) return;
  throw new CommandFailure(
    [`${report.problems.length} problems in ${directory}:`, ...problemLines('  ', report.problems)].join('\n'),
    `copy the directory, then coterie repair ${directory}`,
  );
}

/** `coterie repair DIR` */
export async function repair(directory: string, flags: { readonly json?: boolean }): Promise<void> {
  const report = await attempt('repair', directory, repairStore);
  if (flags.json === true) printJson(report);
  else print(`${report.kept} tables kept or made`, ...problemLines('set aside or lost: ', report.setAside));
  if (flags.json !== true && report.setAside.length > 0)
    print('what was set aside lies in damaged/; values there may be newer than those kept');
}

/** `coterie dump DIR`: one JSON object a line, keys and values in base64 as the store holds them. */
export async function dump(directory: string): Promise<void> {
  await attempt('dump', directory, (store, environment) =>
    dumpStore(store, environment, (key, value) => {
      process.stdout.write(`{"key":"${Buffer.from(key).toString('base64')}","value":"${Buffer.from(value).toString('base64')}"}\n`);
    }),
  );
}

type Work<Result> = (store: string, environment: Environment) => Promise<Result>;

async function attempt<Result>(verb: string, directory: string, work: Work<Result>): Promise<Result> {
  if (!existsSync(directory)) throw new CommandFailure(`${verb} ${directory}: there is no such directory`);
  const inside = join(directory, 'store');
  try {
    return await work(existsSync(inside) ? inside : directory, createNodeEnvironment());
  } catch (error) {
    if (!isCoterieError(error)) throw error;
    throw new CommandFailure(`${verb} ${directory}: ${error.code}: ${error.message}`);
  }
}

function problemLines(before: string, problems: readonly Problem[]): string[] {
  return problems.map(({ file, offset, detail }) => `${before}${file}${offset === undefined ? '' : ` at byte ${offset}`}: ${detail}`);
}
