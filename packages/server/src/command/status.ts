/** `coterie status` and `coterie where`: one dense screen each, states in words. */
import type { Placement } from '@coterie/node';
import { showBytes, showDuration } from '../amounts.ts';
import type { StatusDocument } from '../http/status.ts';
import { askJson, endpointOf, keyPath } from './client.ts';
import { print, printJson, showCount, showMicroseconds, tableLines } from './table.ts';

/** Flags of commands that only look. */
export interface LookFlags {
  readonly url?: string;
  readonly json?: boolean;
}

/** `coterie status` */
export async function status(flags: LookFlags): Promise<void> {
  const endpoint = endpointOf(flags.url);
  const document = await askJson<StatusDocument>(endpoint, '/v1/status');
  if (flags.json === true) {
    printJson(document);
    return;
  }
  const { node, server } = document;
  const reason = node.reason === undefined ? '' : `  ${node.reason}`;
  print(
    `${node.name}  ${node.state}${reason}  at ${endpoint.origin}, up ${showDuration(node.uptimeMs)}`,
    `  node ${node.nodeId}, store incarnation ${node.incarnation}, sync ${node.sync}, effective n ${node.effectiveN}`,
    `  ${showCount(server.connections)} connections, ${showCount(server.inFlight)} requests running, ${showBytes(server.memory.resident)} resident`,
    `  event-loop turns: p99 ${showMicroseconds(server.turns.p99)}, p99.9 ${showMicroseconds(server.turns.p999)}, longest ${showMicroseconds(server.turns.max)}`,
    '',
    ...tableLines(operationRows(document)),
    '',
    ...tableLines(storeRows(node.store)),
    ...warningLines(node.warnings),
  );
}

/** `coterie where BUCKET KEY` */
export async function where(of: { readonly bucket: string; readonly key: string }, flags: LookFlags): Promise<void> {
  const placement = await askJson<Placement>(endpointOf(flags.url), `/v1/where/${keyPath(of.bucket, of.key)}`);
  if (flags.json === true) {
    printJson(placement);
    return;
  }
  const rows = placement.preferenceList.map((entry, index) => [
    String(index + 1),
    entry.node,
    entry.role,
    entry.healthy ? 'healthy' : 'down',
  ]);
  print(
    `${of.bucket}/${of.key} has token ${placement.token}, partition ${placement.partition} of ${placement.partitions}`,
    ...tableLines([['#', 'node', 'role', 'health'], ...rows]),
  );
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

function storeRows(store: Readonly<Record<string, number | string | boolean>>): string[][] {
  return [['store', ''], ...Object.entries(store).map(([name, value]) => [inWords(name), showStoreValue(name, value)])];
}

/** `tableMemoryBytes` as words. */
function inWords(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function showStoreValue(name: string, value: number | string | boolean): string {
  if (typeof value !== 'number') return value === '' ? 'none' : String(value);
  return /bytes/i.test(name) ? showBytes(value) : showCount(value);
}

function warningLines(warnings: readonly string[]): string[] {
  return warnings.length === 0 ? [] : ['', ...warnings.map((warning) => `warning: ${warning}`)];
}
