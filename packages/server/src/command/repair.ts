/**
 * `coterie repair`: every member compares its copies with those of every other holder, one member after the other, and
 * brings both sides up to date. With `--prove` both count their sums from the data, and the command fails unless all
 * copies were then equal. It rests for clients' sake unless it is told to hurry.
 */
import type { RepairDocument } from '../http/repair.ts';
import { ask, endpointOf, parseJson } from './client.ts';
import { CommandFailure } from './failure.ts';
import type { LookFlags } from './status.ts';
import { askCluster, endpointOfMember } from './survey.ts';
import { print, printJson, showCount, tableLines } from './table.ts';

/** Flags of `coterie repair`. */
export interface RepairFlags extends LookFlags {
  readonly prove?: boolean;
  readonly hurry?: boolean;
}

/** Reading everything on both sides takes its time. */
const patienceMs = 24 * 3_600_000;

/** `coterie repair [--prove] [--hurry]` */
export async function repairCluster(flags: RepairFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const { members } = await askCluster(endpoint);
  const done: RepairDocument[] = [];
  const trouble: string[] = [];
  for (const member of members) {
    const at = member.isSelf ? endpoint : endpointOfMember(member);
    if (at === undefined) {
      trouble.push(`${member.name} could not be asked: it is ${member.state}`);
      continue;
    }
    const call = { method: 'POST', path: pathOf(flags), expect: [200], patienceMs };
    done.push(parseJson(at, (await ask(at, call)).body) as RepairDocument);
  }
  if (flags.json === true) printJson({ repairs: done, trouble });
  else print(...repairLines(done));
  fail([...trouble, ...done.flatMap((document) => troubleOf(document, flags.prove === true ? 'prove' : 'trust'))]);
}

function pathOf({ prove = false, hurry = false }: RepairFlags): string {
  const flags = [...(prove ? ['prove'] : []), ...(hurry ? ['hurry'] : [])];
  return flags.length === 0 ? '/v1/repair' : `/v1/repair?${flags.join('&')}`;
}

/** The table of what was done, a row for each pair. */
export function repairLines(documents: readonly RepairDocument[]): string[] {
  const rows = documents.flatMap(({ node, repairs }) =>
    repairs.map((report) => [
      node,
      report.name,
      showCount(report.partitions),
      showCount(report.differing),
      showCount(report.sent),
      showCount(report.fetched),
      report.proven ? 'proven' : report.unequal === 0 ? 'yes' : 'no',
    ]),
  );
  return rows.length === 0
    ? ['no two members hold the same keys']
    : tableLines([['member', 'with', 'partitions', 'differed', 'sent', 'fetched', 'equal'], ...rows]);
}

/** What a document says that an operator has to know. */
function troubleOf({ node, repairs }: RepairDocument, how: 'prove' | 'trust'): string[] {
  return repairs.flatMap(({ name, trouble, unequal, proven }) => {
    if (trouble !== undefined) return [`${node} with ${name}: ${trouble}`];
    if (unequal > 0) return [`${node} and ${name} still differ in ${showCount(unequal)} partitions`];
    return how === 'prove' && !proven ? [`${node} and ${name}: writes did not let every copy be counted`] : [];
  });
}

function fail(trouble: readonly string[]): void {
  if (trouble.length > 0) throw new CommandFailure(trouble.join('\n'), 'coterie status   shows who is up; then repair once more');
}
