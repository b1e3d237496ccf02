/**
 * `coterie recover`: says what a recovery by force would do here, and what may be lost. With `--unsafe` it does it: the
 * first survivor goes on in a new lineage, and the others follow with `--other`.
 */
import { resolve } from 'node:path';
import { isCoterieError } from '@coterie/env';
import { createNodeEnvironment } from '@coterie/env-node';
import { forecastRecovery, type RecoverForecast, type RecoverOrder, type RecoverReport, recoverUnsafe } from '@coterie/node';
import { CommandFailure } from './failure.ts';
import { print, printJson, tableLines } from './table.ts';

/** Flags of `coterie recover`. */
export interface RecoverFlags {
  readonly dataDir: string;
  readonly unsafe?: boolean;
  readonly other?: boolean;
  readonly gone?: readonly string[];
  readonly json?: boolean;
}

/** `coterie recover --data-dir DIR` */
export async function recover(flags: RecoverFlags): Promise<void> {
  const as = flags.other === true ? 'other' : 'first';
  const order = { environment: createNodeEnvironment(), dataDirectory: resolve(flags.dataDir), as, gone: flags.gone ?? [] } as const;
  if (flags.unsafe === true) {
    const report = await attempt(recoverUnsafe, order);
    if (flags.json === true) return printJson(report);
    return print(...forecastLines(report, flags.dataDir), '', ...doneLines(report), ...nextLines(report));
  }
  const forecast = await attempt(forecastRecovery, order);
  if (flags.json === true) printJson(forecast);
  else print(...forecastLines(forecast, flags.dataDir), '');
  throw new CommandFailure(`nothing was done: this cannot be taken back once others follow`, nextCommand(flags));
}

async function attempt<Result>(work: (order: RecoverOrder) => Promise<Result>, order: RecoverOrder): Promise<Result> {
  try {
    return await work(order);
  } catch (error) {
    if (!isCoterieError(error)) throw error;
    throw new CommandFailure(`recover ${order.dataDirectory}: ${error.code}: ${error.message}`);
  }
}

function nextCommand({ dataDir, other }: RecoverFlags): string {
  if (other === true) return `coterie recover --unsafe --other --data-dir ${dataDir}   once the first survivor runs`;
  return `stop every survivor, ask each of them this, and where the epoch is highest: coterie recover --unsafe --data-dir ${dataDir}`;
}

function forecastLines({ cluster, epoch, members, copies, mayBeLost }: RecoverForecast, dataDir: string): string[] {
  const rows = members.map(({ name, isSelf, isGone, isSteward, copies: held, peer }) => [
    isSelf ? `${name} *` : name,
    isGone ? 'GONE' : isSelf ? 'here' : '',
    String(held),
    isSteward ? 'yes' : '',
    peer,
  ]);
  return [
    `cluster ${cluster} as ${dataDir} knows it: epoch ${epoch}, ${members.length} members, ${copies.partitions} partitions`,
    '',
    ...tableLines([['member', 'state', 'copies', 'steward', 'peer'], ...rows]),
    '',
    'what may be lost, and what to know',
    ...mayBeLost.map((sentence) => `  - ${sentence}`),
  ];
}

function doneLines({ began, movedTo, members }: RecoverReport): string[] {
  const self = members.find(({ isSelf }) => isSelf)?.name ?? 'this node';
  if (began !== undefined)
    return [`${self} goes on in lineage ${began.lineage} from epoch ${began.epoch}, and votes alone until others are back`];
  return [`${self} is ready to follow; its former ring log lies in ${movedTo}`];
}

function nextLines({ began, members }: RecoverReport): string[] {
  if (began === undefined) return ['next: start it with --seed, naming the peer address of the first; without --seed it does not start'];
  const gone = members.filter(({ isGone }) => isGone).map(({ name }) => name);
  const seed = members.find(({ isSelf }) => isSelf)?.peer ?? '';
  return [
    'next',
    '  1. stop whoever else still runs: the old members and this one are two clusters now',
    '  2. start this node as ever',
    `  3. on each other survivor: coterie recover --unsafe --other, then start it with --seed ${seed}`,
    `  4. when those are up and who is gone is DOWN (coterie status): coterie remove NAME --force for each${gone.length > 0 ? `: ${gone.join(', ')}` : ''}`,
    '  5. when nobody is recovering any more and no change is under way: coterie repair --prove, and start new nodes with --seed',
  ];
}
