/**
 * How two replicas find the keys that they do not share, in two questions whatever the partition holds; the third, about
 * those keys alone, is the caller's.
 *
 * ```
 *   asker                                            answerer
 *   1  root of each partition          ───────────▶
 *                                      ◀───────────  which differ, and their 64 groups
 *   2  64 leaves of each differing group ─────────▶
 *                                      ◀───────────  which leaves differ, and a hash for each of their keys
 *      hashes that only one side has
 * ```
 *
 * The answerer keeps nothing between the two. The second question compares anew, so what was on its way when the first
 * one was asked is seldom looked at twice; only what differs both times is listed. Writes go on meanwhile: a difference
 * may be one that is being mended already, and the caller asks once more about a key before it repairs it.
 */
import { CoterieError } from '@coterie/env';
import { fanOut } from './leaves.ts';
import { differingIn, type Sum64, sumAt, type Sums, sumsOf } from './sums.ts';

/** One replica, as far as comparing needs it: the sums of all that both sides hold of a partition. */
export interface Side {
  root(partition: number): Sum64;
  /** A row of `fanOut` sums. */
  groups(partition: number): Sums;
  /** A row of `fanOut` sums. */
  leaves(partition: number, group: number): Sums;
  /** The hash of each key in a leaf. */
  hashes(partition: number, leaf: number): Promise<Sums>;
}

/** A partition whose roots differ. */
export interface DifferingPartition {
  readonly partition: number;
  readonly groups: Sums;
}

/** A group of leaves, and their sums at the asker. */
export interface AskedGroup {
  readonly partition: number;
  readonly group: number;
  /** The first of its leaves that is asked about. */
  readonly from: number;
  readonly leaves: Sums;
}

/** A leaf that differs, and the hashes of its keys at the answerer. */
export interface DifferingLeaf {
  readonly partition: number;
  readonly leaf: number;
  readonly hashes: Sums;
}

/** The second answer. */
export interface ListedLeaves {
  readonly leaves: readonly DifferingLeaf[];
  /** It was full before it came to the end of what was asked. */
  readonly more: boolean;
}

/** What the first question has found. */
export interface FoundGroups {
  readonly groups: readonly AskedGroup[];
  /** Partitions that the answer had no room for. */
  readonly left: readonly number[];
}

/** The other replica, through whatever lies between. */
export interface OtherSide {
  compareRoots(partitions: readonly number[], roots: Sums): Promise<readonly DifferingPartition[]>;
  compareLeaves(groups: readonly AskedGroup[]): Promise<ListedLeaves>;
}

/** Partitions that one question asks about at most. */
export const rootsMax = 1024;
/** Partitions whose groups one answer brings at most; the others wait for the next question. */
export const partitionsListedMax = 32;
/** Groups that one question asks about at most: 64 KiB of sums. */
export const groupsMax = 128;
/** Hashes after which an answer is full: 64 KiB. One leaf is listed whole, however long. */
export const hashesListedMax = 8192;

/** The first answer: which of these partitions differ here. @throws `PROTOCOL` for more than a question may ask */
export function answerRoots(side: Side, partitions: readonly number[], roots: Sums): DifferingPartition[] {
  if (partitions.length > rootsMax || roots.length !== 2 * partitions.length) throw malformed('roots');
  const own = sumsOf(partitions.map((partition) => side.root(partition)));
  const differing = differingIn(own, roots).slice(0, partitionsListedMax);
  return differing.map((at) => ({ partition: partitions[at], groups: side.groups(partitions[at]) }));
}

/** The second answer: which leaves differ here, and their keys' hashes. @throws `PROTOCOL` for more than a question may ask */
export async function answerLeaves(side: Side, groups: readonly AskedGroup[]): Promise<ListedLeaves> {
  if (groups.length > groupsMax) throw malformed('groups');
  const listed: DifferingLeaf[] = [];
  let words = 0;
  for (const { partition, group, from, leaves } of groups) {
    if (leaves.length !== 2 * fanOut || group >= fanOut) throw malformed('leaves');
    for (const at of differingIn(side.leaves(partition, group), leaves)) {
      if (at < from) continue;
      if (words >= 2 * hashesListedMax) return { leaves: listed, more: true };
      const leaf = group * fanOut + at;
      const hashes = await side.hashes(partition, leaf);
      listed.push({ partition, leaf, hashes });
      words += hashes.length + 2;
    }
  }
  return { leaves: listed, more: false };
}

/** Asks the first question; resolves to the groups that differ, with their leaves as they are here now. */
export async function findGroups(own: Side, other: OtherSide, partitions: readonly number[]): Promise<FoundGroups> {
  const roots = sumsOf(partitions.map((partition) => own.root(partition)));
  const answer = await other.compareRoots(partitions, roots);
  const groups: AskedGroup[] = [];
  for (const { partition, groups: theirs } of answer) {
    if (theirs.length !== 2 * fanOut || !partitions.includes(partition)) throw malformed('groups');
    for (const group of differingIn(own.groups(partition), theirs)) {
      groups.push({ partition, group, from: 0, leaves: own.leaves(partition, group) });
    }
  }
  const last = answer.length < partitionsListedMax ? undefined : answer.at(-1);
  return { groups, left: last === undefined ? [] : partitions.slice(partitions.indexOf(last.partition) + 1) };
}

/** What is still to be asked about these groups when a full answer ended with this leaf; sums are as they are here now. */
export function groupsAfter(own: Side, groups: readonly AskedGroup[], last: DifferingLeaf): AskedGroup[] {
  const group = Math.floor(last.leaf / fanOut);
  const at = groups.findIndex((asked) => asked.partition === last.partition && asked.group === group);
  const rest = groups.slice(at).map((asked) => ({ ...asked, leaves: own.leaves(asked.partition, asked.group) }));
  const from = (last.leaf % fanOut) + 1;
  return rest.flatMap((asked, position) => (position > 0 ? [asked] : from < fanOut ? [{ ...asked, from }] : []));
}

/** Of two lists of hashes, positions of those that the other list lacks. */
export interface Unmatched {
  readonly own: readonly number[];
  readonly theirs: readonly number[];
}

/** What only one of two lists has. */
export function unmatched(own: Sums, theirs: Sums): Unmatched {
  return { own: missingIn(theirs, own), theirs: missingIn(own, theirs) };
}

/** Positions in `list` of what `others` lacks. */
function missingIn(others: Sums, list: Sums): number[] {
  const known = new Map<number, Set<number>>();
  for (let at = 0; 2 * at < others.length; at++) {
    const { high, low } = sumAt(others, at);
    const lows = known.get(high);
    if (lows === undefined) known.set(high, new Set([low]));
    else lows.add(low);
  }
  const missing: number[] = [];
  for (let at = 0; 2 * at < list.length; at++) {
    if (known.get(list[2 * at])?.has(list[2 * at + 1]) !== true) missing.push(at);
  }
  return missing;
}

function malformed(what: string): CoterieError {
  return new CoterieError('PROTOCOL', `malformed message: ${what}`);
}
