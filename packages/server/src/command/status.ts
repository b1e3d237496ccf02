/** `coterie status`: one dense screen, states in words; first the cluster, then the node that was asked. */
import type { ForgettingReport } from '@coterie/node';
import { showBytes, showDuration } from '../amounts.ts';
import type { ClusterDocument, HintsDocument } from '../http/cluster.ts';
import type { StatusDocument } from '../http/status.ts';
import { askJson, endpointOf, lookPatienceMs } from './client.ts';
import { headLine, memberLines } from './cluster-lines.ts';
import { changeLines } from './plan-lines.ts';
import { type Heard, askCluster, survey } from './survey.ts';
import { print, printJson, showCount, showMicroseconds, tableLines } from './table.ts';

/** Flags of commands that only look. */
export interface LookFlags {
  readonly url?: string;
  readonly json?: boolean;
}

/** `coterie status` */
export async function status(flags: LookFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const [document, cluster] = await Promise.all([askJson<StatusDocument>(endpoint, '/v1/status', lookPatienceMs), askCluster(endpoint)]);
  if (flags.json === true) printJson({ ...document, cluster });
  else print(...(await statusLines(endpoint, document, cluster)));
}

async function statusLines(endpoint: URL, document: StatusDocument, cluster: ClusterDocument): Promise<string[]> {
  const { node, server } = document;
  const heard = await survey<HintsDocument>(endpoint, cluster.members, '/v1/hints');
  const reason = node.reason === undefined ? '' : `  ${node.reason}`;
  return [
    headLine(cluster),
    ...cluster.warnings.map((warning) => `  ! ${warning}`),
    '',
    ...memberLines(cluster, heard),
    '',
    ...changeLines(cluster),
    ...keptLines(heard),
    forgettingLine(node.forgetting),
    '',
    `${node.name}  ${node.state}${reason}  at ${endpoint.origin}, up ${showDuration(node.uptimeMs)}, sync ${node.sync}`,
    `  ${showCount(server.connections)} connections, ${showCount(server.inFlight)} requests running, ${showBytes(server.memory.resident)} resident`,
    `  event-loop turns: p99 ${showMicroseconds(server.turns.p99)}, p99.9 ${showMicroseconds(server.turns.p999)}, longest ${showMicroseconds(server.turns.max)}`,
    ...storeLines(node.store).map((line) => `  ${line}`),
    ...tableLines(operationRows(document)).map((line) => `  ${line}`),
  ];
}

/** Whom the members keep writes for; one line an owner. */
function keptLines(heard: readonly Heard<HintsDocument>[]): string[] {
  const kept = new Map<string, string[]>();
  for (const { member, answer } of heard) {
    for (const { name, hints } of answer?.owners ?? [])
      kept.set(name, [...(kept.get(name) ?? []), `${showCount(hints)} on ${member.name}`]);
  }
  if (kept.size === 0) return ['hints   none'];
  return [...kept].map(([owner, places], at) => `${at === 0 ? 'hints ' : '      '}  for ${owner}: ${places.join(', ')}`);
}

/** What the node that was asked has to forget, and whom that waits for. */
function forgettingLine({ tombstones, expiring, expired, oldestTombstoneMs, rounds, dropped, waitingFor }: ForgettingReport): string {
  const oldest = oldestTombstoneMs === undefined ? '' : `, the oldest ${showDuration(oldestTombstoneMs)} old`;
  const waits = waitingFor.length === 0 ? '' : `; waits for ${waitingFor.map(({ member }) => member).join(', ')}`;
  const there = `${showCount(tombstones)} tombstones${oldest}, ${showCount(expired)} expired, ${showCount(expiring)} to expire`;
  return `forget  ${there}; ${showCount(rounds)} rounds, ${showCount(dropped)} dropped${waits}`;
}

function operationRows(document: StatusDocument): string[][] {
  const { operations, latency } = document.server;
  const rows = Object.entries(operations).map(([name, counts]) => {
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    const others = Object.entries(counts).filter(([outcome]) => outcome !== 'OK');
    const { p50, p99, p999 } = latency[name] ?? { p50: 0, p99: 0, p999: 0 };
    return [
      name,
      showCount(total),
      showMicroseconds(p50),
      showMicroseconds(p99),
      showMicroseconds(p999),
      others.map(([outcome, count]) => `${outcome} ${count}`).join(', '),
    ];
  });
  return [['operation', 'count', 'p50', 'p99', 'p99.9', 'other outcomes'], ...rows];
}

const lineCharacters = 110;

/** Numbers of the store that are not zero, as many on a line as fit. */
function storeLines(store: Readonly<Record<string, number | string | boolean>>): string[] {
  const lines: string[] = [];
  let line = 'store: ';
  for (const [name, value] of Object.entries(store)) {
    if (value === 0 || value === false || value === '') continue;
    const text = `${inWords(name)} ${showStoreValue(name, value)}`;
    if (line.length + text.length > lineCharacters) {
      lines.push(line);
      line = '  ';
    }
    line += `${line.endsWith(' ') ? '' : ', '}${text}`;
  }
  return [...lines, line];
}

/** `tableMemoryBytes` as words. */
function inWords(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function showStoreValue(name: string, value: number | string | boolean): string {
  if (typeof value !== 'number') return value === '' ? 'none' : String(value);
  if (/At$/.test(name)) return `${new Date(value).toISOString().slice(0, 19)}Z`;
  return /bytes/i.test(name) ? showBytes(value) : showCount(value);
}
