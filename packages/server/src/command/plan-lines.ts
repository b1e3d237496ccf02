/**
 * Changes of the ring in lines of text: what is staged and what it would do, what is under way, how far, and why it does
 * not move. Pure: documents in, lines out.
 */
import type { BegunReport, ChangeReport, IntakeReport, MemberReport, PlanReport, WishOrigin } from '@coterie/node';
import { showBytes, showDuration } from '../amounts.ts';
import type { ClusterDocument } from '../http/cluster.ts';
import type { Heard } from './survey.ts';
import { showCount, tableLines } from './table.ts';

const phases: Readonly<Record<ChangeReport['phase'], string>> = {
  'dual-write': 'step 1 of 2, writes go to old and new holders while data is copied',
  'read-new': 'step 2 of 2, reads go to the new holders',
  undoing: 'taken back, reads go to the old holders again',
};

/** A wish that was staged longer ago says so. */
const oldMs = 60_000;

/** What is staged, and what a commit would do. */
export function planLines({ staged, origins = [], plan, problem, preview }: PlanReport): string[] {
  if (staged.length === 0) return ['staged  nothing'];
  const wishes = staged.map((wish, at) => `${at === 0 ? 'staged' : '      '}  ${wish}${sinceWhen(origins[at])}`);
  if (preview === undefined) return [...wishes, `        cannot be committed: ${problem ?? 'it cannot be planned'}`];
  const { moves, fewestMoves, partitionsChanged, bytesAbout, loads, advice } = preview;
  const fewest = moves === fewestMoves ? 'as few as can be' : `at the fewest ${showCount(fewestMoves)}`;
  const rows = loads.map(({ name, before, after, ideal }) => [
    name,
    ...[before, after, ideal].map((count) => (count === undefined ? '-' : showCount(count))),
  ]);
  return [
    ...wishes,
    `        ${showCount(moves)} copies move (${fewest}), about ${showBytes(bytesAbout)}; the lists of ${showCount(partitionsChanged)} partitions change`,
    ...tableLines([['member', 'copies now', 'after', 'ideal'], ...rows]),
    ...advice.map((sentence) => `  ! ${sentence}`),
    `coterie plan commit${plan === undefined ? '' : ` ${plan}`}   begins it        coterie plan abort   forgets it`,
  ];
}

/** What has waited for long may have been left behind: then where it comes from is worth a word. */
function sinceWhen({ by, agoMs = 0 }: WishOrigin = {}): string {
  if (agoMs < oldMs) return '';
  return `   (staged ${showDuration(agoMs)} ago${by === undefined ? '' : ` at ${by}`})`;
}

/** What a commit has begun; a node of an older version does not say it. */
export function begunLines(begun: BegunReport | undefined): string[] {
  return begun === undefined ? [] : [`begun   ${begun.plan}: ${begun.wishes.join(' and ')}`];
}

/** What is under way, in short: as one member knows it. */
export function changeLines({ changes, members }: Pick<ClusterDocument, 'changes' | 'members'>): string[] {
  const lines = changes.flatMap((change) => [headOf(change), `        ${reasonOf(change)}`]);
  const going = goingLines(members, () => '');
  return lines.length + going.length === 0 ? ['change  none'] : [...lines, ...going];
}

/** What is under way, whole: every member says how far it is, and the one that drives a change what that waits for. */
export function underWayLines(heard: readonly Heard<ClusterDocument>[]): string[] {
  const answers = heard.flatMap(({ answer }) => answer ?? []);
  const newest = answers.reduce<ClusterDocument | undefined>(
    (best, one) => (best === undefined || one.epoch > best.epoch ? one : best),
    undefined,
  );
  if (newest === undefined) return ['change  nobody could be asked'];
  const lines = newest.changes.flatMap((change) => {
    const told = answers.flatMap((one) => one.changes.filter(({ id }) => id === change.id));
    const waiting = told.find(({ waitingFor }) => waitingFor !== '') ?? change;
    const intakes = answers.flatMap((one) =>
      (one.changes.find(({ id }) => id === change.id)?.takingOver ?? []).map((intake) => intakeLine(one.answeredBy.name, intake)),
    );
    return [headOf(change), `        ${reasonOf(waiting)}`, ...intakes, `        coterie plan abort ${change.id}   takes it back`];
  });
  const going = goingLines(
    newest.members,
    (id) => answers.find(({ answeredBy }) => answeredBy.id === id)?.leavingWaitsFor ?? 'it was not heard',
  );
  const silent = heard.filter(({ answer }) => answer === undefined).map(({ member }) => member.name);
  const unheard = silent.length === 0 ? [] : [`not heard: ${silent.join(', ')}`];
  return lines.length + going.length === 0 ? ['change  none', ...unheard] : [...lines, ...going, ...unheard];
}

function headOf({ aims, partitions, phase }: ChangeReport): string {
  return `change  ${aims}, ${showCount(partitions)} partitions: ${phases[phase]}`;
}

function reasonOf({ waitingFor, drivenBy }: ChangeReport): string {
  if (waitingFor !== '') return `waits for ${waitingFor}`;
  return drivenBy === undefined ? 'no member that could carry it on is up' : `${drivenBy} carries it on; nothing holds it up here`;
}

function intakeLine(member: string, { source, stage, share, objects, bytes, etaMs, trouble }: IntakeReport): string {
  const amount = `${showCount(objects)} objects, ${showBytes(bytes)}`;
  const done = stage === 'done' ? 'has all' : stage === 'comparing' ? 'has all, compares' : `${Math.floor(share * 100)} %`;
  const eta = etaMs === undefined ? '' : `, about ${showDuration(etaMs)} to go`;
  const stuck = trouble === '' ? '' : `; does not go on: ${trouble}`;
  return `        ${member} from ${source}: ${done}, ${amount}${eta}${stuck}`;
}

/** Members that are about to go. */
function goingLines(members: readonly MemberReport[], waitsFor: (id: string) => string): string[] {
  return members.flatMap(({ id, name, isLeaving, isLost, replicas, state }) => {
    if (isLost) return [`lost    ${name} was removed by force; ${showCount(replicas)} copies are still to be given to others`];
    if (!isLeaving) return [];
    const why = waitsFor(id);
    const reason =
      state === 'dead'
        ? `is down; coterie remove ${name} --force   if it is gone for good`
        : why === ''
          ? 'brings home what it has'
          : `waits for ${why}`;
    return replicas > 0
      ? [`leaving ${name} holds ${showCount(replicas)} copies`]
      : [`leaving ${name} holds no partition any more, ${reason}`];
  });
}
