/**
 * A cluster in lines of text: states in words, numbers in tables, and what a change waits for. Pure: documents in, lines
 * out.
 */
import type { MemberReport, RingReport } from '@coterie/node';
import { showDuration } from '../amounts.ts';
import type { ClusterDocument, HintsDocument, WhereDocument } from '../http/cluster.ts';
import type { Heard } from './survey.ts';
import { showCount, tableLines } from './table.ts';

/** A member's state in words. */
export function stateInWords(
  member: Pick<MemberReport, 'state' | 'sinceMs'> & Partial<Pick<MemberReport, 'isJoining' | 'isLeaving' | 'isLost'>>,
): string {
  const { state, sinceMs, isJoining, isLeaving, isLost } = member;
  if (isLost === true) return 'LOST, removed';
  if (state === 'alive') return isJoining === true ? 'up, joining' : isLeaving === true ? 'up, leaving' : 'up';
  if (state === 'left') return 'left';
  const since = sinceMs === 0 ? '' : `, ${showDuration(sinceMs)}`;
  return `${state === 'dead' ? 'DOWN' : 'doubtful'}${since}`;
}

/** The head of a screen: which cluster, how large, and whether anything wants attention. */
export function headLine(cluster: ClusterDocument): string {
  const { clusterId, epoch, members, partitions, effectiveN, warnings } = cluster;
  const size = members.length === 1 ? '1 member' : `${members.length} members`;
  const copies = effectiveN === 1 ? 'one copy of every key' : `${effectiveN} copies of every key`;
  const verdict = warnings.length === 0 ? 'all well' : warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`;
  return `cluster ${clusterId}  epoch ${epoch}, ${size}, ${partitions} partitions, ${copies}: ${verdict}`;
}

/** The table of members. With `hints`, what each keeps for others; `*` marks the node that was asked. */
export function memberLines(cluster: ClusterDocument, hints?: readonly Heard<HintsDocument>[]): string[] {
  const kept = new Map(hints?.map(({ member, answer }) => [member.id, answer === undefined ? '-' : showCount(answer.total)]));
  const hasZones = cluster.members.some(({ zone }) => zone !== '');
  const head = ['member', 'state', ...(hasZones ? ['zone'] : []), 'weight', 'copies', 'ideal', 'first', 'hints', 'steward', 'HTTP', 'peer'];
  const rows = cluster.members.map((member) => [
    member.isSelf ? `${member.name} *` : member.name,
    stateInWords(member),
    ...(hasZones ? [member.zone] : []),
    String(member.weight),
    showCount(member.replicas),
    showCount(member.ideal),
    showCount(member.primaries),
    kept.get(member.id) ?? '-',
    member.isSteward ? 'yes' : '',
    member.http === '' ? '-' : member.http,
    member.peer === '' ? '-' : member.peer,
  ]);
  return tableLines([head, ...rows]);
}

/** Who keeps how much for whom. */
export function hintLines(heard: readonly Heard<HintsDocument>[]): string[] {
  const rows = heard.flatMap(({ member, answer }) =>
    (answer?.owners ?? []).map((owner) => [member.name, owner.name, stateInWords({ ...owner, sinceMs: 0 }), showCount(owner.hints)]),
  );
  const silent = heard.filter(({ answer }) => answer === undefined).map(({ member }) => member.name);
  const delivered = heard.reduce((sum, { answer }) => sum + (answer?.delivered ?? 0), 0);
  return [
    ...(rows.length === 0 ? ['no member keeps anything for another'] : tableLines([['kept by', 'for', 'which is', 'objects'], ...rows])),
    `${showCount(delivered)} handed over since the nodes started`,
    ...(silent.length === 0 ? [] : [`not heard: ${silent.join(', ')}`]),
  ];
}

/** How the copies are spread: by member, how often it is the first, second, … holder of a partition. */
export function ringLines({ epoch, partitions, members, replicas }: RingReport): string[] {
  const depth = replicas.reduce((most, holders) => Math.max(most, holders.length), 0);
  const counts = members.map(() => new Array<number>(depth).fill(0));
  for (const holders of replicas) for (const [at, member] of holders.entries()) counts[member][at] += 1;
  const head = ['member', ...Array.from({ length: depth }, (_, at) => `holder ${at + 1}`), 'copies', 'share', 'HTTP'];
  const all = replicas.reduce((sum, holders) => sum + holders.length, 0);
  const rows = members.map(({ name, http }, at) => {
    const total = counts[at].reduce((sum, count) => sum + count, 0);
    return [name, ...counts[at].map(showCount), showCount(total), `${((100 * total) / all).toFixed(1)} %`, http === '' ? '-' : http];
  });
  return [`ring of epoch ${epoch}, ${partitions} partitions`, ...tableLines([head, ...rows])];
}

/** Where a key lives, and what each of those stores says that it holds. */
export function whereLines(title: string, where: WhereDocument, heard: readonly Heard<WhereDocument>[]): string[] {
  const byName = new Map(heard.map(({ member, answer }) => [member.name, answer]));
  const rows = where.preferenceList.map(({ node, role, healthy }, at) => [
    String(at + 1),
    node,
    role,
    healthy ? 'healthy' : 'down',
    copyInWords(byName.get(node)),
  ]);
  return [
    `${title} has token ${where.token}, partition ${where.partition} of ${where.partitions}`,
    ...tableLines([['#', 'node', 'role', 'health', 'holds'], ...rows]),
    ...agreementLine(where, byName),
  ];
}

function copyInWords(answer: WhereDocument | undefined): string {
  if (answer === undefined) return 'not heard';
  const { etag, siblings, hintFor } = answer.here;
  const kept =
    hintFor.length === 0
      ? ''
      : `${etag === undefined ? '' : ', '}kept for ${hintFor.length === 1 ? 'an owner' : `${hintFor.length} owners`}`;
  if (etag === undefined) return kept === '' ? 'nothing' : kept;
  // A deletion is a version too.
  const values = siblings === 1 ? '1 version' : `${siblings} versions`;
  return `${values} ${etag.slice(1, 9)}${kept}`;
}

function agreementLine({ preferenceList }: WhereDocument, byName: ReadonlyMap<string, WhereDocument | undefined>): string[] {
  const owners = preferenceList.filter(({ role }) => role === 'primary');
  const answers = owners.map(({ node }) => byName.get(node));
  const heard = answers.filter((answer) => answer !== undefined);
  const etags = new Set(heard.map((answer) => answer.here.etag));
  if (owners.length < 2 || heard.length === 0) return [];
  if (etags.size > 1) return ['the copies differ: the next read that meets both, or a hand-over, makes them equal'];
  return heard.length === owners.length
    ? ['all copies are equal']
    : [`the copies that were heard are equal (${heard.length} of ${owners.length})`];
}
