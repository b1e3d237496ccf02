/**
 * What an operator should know about a plan that the rules could not make better: facts, with a remedy each.
 */
import { type RingMember, zoneLevelsOf } from '../member.ts';
import { partitionsMax } from '../ring.ts';

/** One remark. Decide by `code`; the message is for people. */
export interface Advice {
  readonly code: 'FEW_MEMBERS' | 'FEW_ZONES' | 'FEW_PARTITIONS' | 'UNUSABLE_WEIGHT';
  readonly message: string;
  /** With `FEW_PARTITIONS`: the Q that would do. */
  readonly partitions?: number;
  /** With `UNUSABLE_WEIGHT`: whom it is about. */
  readonly members?: readonly string[];
}

/** What the remarks are about. */
export interface AdviceQuestion {
  readonly members: readonly RingMember[];
  /** Replicas by member, if they could be cut. */
  readonly ideal: readonly number[];
  readonly weights: readonly number[];
  readonly partitions: number;
  /** Copies wanted. */
  readonly n: number;
}

/** Largest load ÷ ideal that passes without a remark. */
const unevenMax = 1.02;
/** How far a member may stay below its weight's share without a remark. */
const unusedMin = 0.98;

/** All remarks, the gravest first. */
export function adviceFor(question: AdviceQuestion): readonly Advice[] {
  return [...fewMembers(question), ...fewZones(question), ...unusableWeights(question), ...fewPartitions(question)];
}

function fewMembers({ members, n }: AdviceQuestion): Advice[] {
  if (members.length >= n) return [];
  const message = `${members.length} of ${n} copies: there are not more members; let ${n - members.length} more join`;
  return [{ code: 'FEW_MEMBERS', message }];
}

function fewZones({ members, n }: AdviceQuestion): Advice[] {
  const zones = new Set(members.map((member) => zoneLevelsOf(member)[0] ?? ''));
  const copies = Math.min(n, members.length);
  if (zones.size < 2 || zones.size >= copies) return [];
  const message = `${copies} copies lie in ${zones.size} zones: one zone holds ${Math.ceil(copies / zones.size)} of some keys; ${copies} zones would hold one each`;
  return [{ code: 'FEW_ZONES', message }];
}

function unusableWeights({ members, ideal, weights, partitions, n }: AdviceQuestion): Advice[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const copies = Math.min(n, members.length);
  // With as many members as copies everybody holds everything, whatever it weighs.
  if (copies === members.length) return [];
  const share = (index: number): number => (weights[index] / total) * copies * partitions;
  const below = members.filter((_, index) => ideal[index] < unusedMin * share(index)).map(({ id }) => id);
  if (below.length === 0) return [];
  const message = `${below.length} of ${members.length} members get less than their weight asks: a member holds one replica of a partition, and zones share alike; add members or weight elsewhere`;
  return [{ code: 'UNUSABLE_WEIGHT', message, members: below }];
}

function fewPartitions({ ideal, partitions }: AdviceQuestion): Advice[] {
  let wanted = partitions;
  while (wanted < partitionsMax && unevenness(ideal, wanted / partitions) > unevenMax) wanted *= 2;
  if (wanted === partitions) return [];
  const percent = Math.round((unevenness(ideal, 1) - 1) * 100);
  const message = `${partitions} partitions are too coarse: a member can be ${percent} % above its ideal; ${wanted} would do`;
  return [{ code: 'FEW_PARTITIONS', message, partitions: wanted }];
}

/** The largest rounded load ÷ ideal with so many times the partitions. */
function unevenness(ideal: readonly number[], times: number): number {
  return ideal.reduce((worst, load) => Math.max(worst, Math.ceil(load * times - wholeWithin) / (load * times)), 1);
}

const wholeWithin = 1e-6;
