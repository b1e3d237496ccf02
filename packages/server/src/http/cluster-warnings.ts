/** What an operator should read about a cluster, as sentences. Empty when all is well. */
import type { ChangeReport, ClusterReport, CoterieNode, ForgettingReport, MemberReport } from '@coterie/node';
import { showDuration } from '../amounts.ts';

/** Of 7: from here on hardly a probe of this node is answered, whomever it asks. */
const doubtMuch = 4;

/** The sentences of the node, and those about its cluster. */
export function warningsOf(node: Pick<CoterieNode, 'status' | 'cluster'>): readonly string[] {
  const { warnings, gossip, forgetting } = node.status();
  const cluster = clusterWarnings(withNames(node.cluster()));
  return [...warnings, ...doubtWarnings(gossip['doubt'] ?? 0), ...cluster, ...forgetting.waitingFor.map(aboutForgetting)];
}

/** Deletes are safe as they are; only their tombstones stay longer. */
function aboutForgetting({ member, reason }: ForgettingReport['waitingFor'][number]): string {
  return `Forgetting waits for ${member}: ${reason}. Until then tombstones stay.`;
}

/** A node that is cut off sees the others as they were: it doubts itself first, and should say so. */
function doubtWarnings(doubt: number): string[] {
  if (doubt < doubtMuch) return [];
  return ['The others hardly answer this node: it may be cut off, or slow itself. What it says of them may be out of date.'];
}

/** The report with members named in the sentences that say what changes wait for. */
export function withNames(report: ClusterReport): ClusterReport {
  const { members } = report;
  const changes = report.changes.map((change) => namesIn(change, members));
  const [change] = changes;
  return { ...report, ...(change === undefined ? {} : { change }), changes, leavingWaitsFor: named(report.leavingWaitsFor, members) };
}

/** A change with members named in its sentences. */
export function namesIn(change: ChangeReport, members: readonly MemberReport[]): ChangeReport {
  const takingOver = change.takingOver.map((intake) => ({ ...intake, trouble: named(intake.trouble, members) }));
  return { ...change, waitingFor: named(change.waitingFor, members), takingOver };
}

function named(sentence: string, members: readonly MemberReport[]): string {
  return sentence === '' ? '' : members.reduce((text, { id, name }) => text.replaceAll(id, name), sentence);
}

/** The sentences about a cluster. */
export function clusterWarnings(report: ClusterReport): readonly string[] {
  const { changes, members, isRecovering, effectiveN } = report;
  const warnings = members.filter(({ state, isLost }) => state === 'dead' && !isLost).map(aboutDead);
  const isJoining = members.some((member) => member.isSelf && member.isJoining);
  if (isRecovering && !isJoining) {
    warnings.push(
      'This store may lack what it once had, and takes it back from the other owners; until then it does not count for pr and pw.',
    );
  }
  warnings.push(...changes.flatMap(aboutStuck));
  if (members.length > 1 && effectiveN < 3 && changes.length === 0) {
    warnings.push(
      `Every key has ${effectiveN} ${effectiveN === 1 ? 'copy' : 'copies'}, as the ring has no more members; three is the usual number.`,
    );
  }
  warnings.push(...aboutStewards(members), ...aboutLevel(report));
  return warnings;
}

/** Who votes on the ring, and is not there. */
function aboutStewards(members: readonly MemberReport[]): string[] {
  const stewards = members.filter(({ isSteward }) => isSteward);
  const alive = stewards.filter(({ state }) => state === 'alive').length;
  if (members.length === 1 || alive * 2 > stewards.length) return [];
  return [
    `Only ${alive} of ${stewards.length} stewards can be reached from here; the ring cannot change until most of them can. If they never will: coterie recover.`,
  ];
}

/** An upgrade that is half done may stay so for as long as one likes; but somebody should know. */
function aboutLevel({ level, members }: ClusterReport): string[] {
  const behind = members.filter((member) => member.level === level && !member.isLost).map(({ name }) => name);
  if (members.every((member) => member.isLost || member.level === level)) return [];
  return [
    `The cluster stays at level ${level} of its formats until ${behind.join(', ')} ${behind.length === 1 ? 'goes' : 'go'} up to more.`,
  ];
}

/** That somebody copies is no warning; that somebody does not answer, or refuses, is. */
function aboutStuck({ aims, waitingFor }: ChangeReport): string[] {
  if (!waitingFor.includes(', which ')) return [];
  return [`The ${aims} does not go on: it waits for ${waitingFor}. coterie plan show   says how far it is and what can be done.`];
}

function aboutDead({ name, sinceMs, hints }: MemberReport): string {
  const kept = hints === 0 ? '' : `; this node keeps ${hints} of its writes for it`;
  return `${name} is down for ${showDuration(sinceMs)}. The others take its reads and writes${kept}.`;
}
