/**
 * Who holds how much, and what it should be: what an operator looks at before and after a plan.
 */
import { type RingMember, weightOf } from './member.ts';
import { idealLoads } from './plan/ideal-loads.ts';
import { zoneTree } from './plan/zone-tree.ts';
import type { Ring } from './ring.ts';

/** One member's part. */
export interface MemberBalance {
  readonly id: string;
  readonly name: string;
  readonly weight: number;
  readonly zone: string;
  /** Partitions that it holds. */
  readonly replicas: number;
  /** Those of them where it comes first, and so coordinates. */
  readonly primaries: number;
  /** Its part of all replicas, in [0, 1]. */
  readonly share: number;
  /** Replicas that its weight asks for, as far as the rules allow. */
  readonly ideal: number;
}

/** The whole ring's. */
export interface Balance {
  /** In the order of the ring's members. */
  readonly members: readonly MemberBalance[];
  /** The largest replicas ÷ ideal. */
  readonly worst: number;
  /** Distinct sets of members that hold some partition. All data of one is lost if its members are. */
  readonly replicaSets: number;
  /** Most members that anybody shares partitions with. */
  readonly scatterWidth: number;
}

/** The balance of a ring, against the ideal for `n` copies. */
export function balanceOf(ring: Ring, n: number): Balance {
  const ideal = idealReplicas(ring, n);
  const replicas = new Array<number>(ring.members.length).fill(0);
  const primaries = new Array<number>(ring.members.length).fill(0);
  for (const list of ring.replicas) {
    for (const index of list) replicas[index]++;
    primaries[list[0]]++;
  }
  const total = replicas.reduce((sum, load) => sum + load, 0);
  const members = ring.members.map((member, index) => ({
    id: member.id,
    name: member.name,
    weight: weightOf(member),
    zone: member.zone ?? '',
    replicas: replicas[index],
    primaries: primaries[index],
    share: replicas[index] / total,
    ideal: ideal[index],
  }));
  const worst = Math.max(...members.map((member) => member.replicas / member.ideal));
  return { members, worst, ...setsOf(ring) };
}

/** By member, the replicas that its weight asks for when `n` copies are wanted, as far as the rules allow. */
function idealReplicas({ members, partitions }: Ring, n: number): number[] {
  const tree = zoneTree(members, Math.min(n, members.length));
  const ideal = idealLoads({ tree, weights: members.map((member: RingMember) => weightOf(member)), partitions });
  return members.map((_, index) => ideal[tree.paths[(index + 1) * tree.depth - 1]]);
}

function setsOf(ring: Ring): { readonly replicaSets: number; readonly scatterWidth: number } {
  const sets = new Set<string>();
  const partners = ring.members.map(() => new Set<number>());
  for (const list of ring.replicas) {
    const key = [...list].sort((a, b) => a - b).join();
    if (sets.has(key)) continue;
    sets.add(key);
    for (const index of list) for (const other of list) if (other !== index) partners[index].add(other);
  }
  return { replicaSets: sets.size, scatterWidth: Math.max(...partners.map((some) => some.size)) };
}
