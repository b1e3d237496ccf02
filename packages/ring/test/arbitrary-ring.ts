/** Rings and changes for property tests: drawn as numbers, so that they shrink, and made real when the ring is known. */
import fc from 'fast-check';
import { createRing, plan, type Ring, type RingChange, type RingMember } from '../src/index.ts';

/** A member to be: its weight, and its zone as a choice among those of the cluster. */
export interface MemberDraft {
  readonly weight: number;
  readonly zone: number;
}

/** A cluster to be. */
export interface ClusterDraft {
  readonly partitions: number;
  readonly n: number;
  readonly zones: number;
  readonly members: readonly MemberDraft[];
}

/** A change to be; `victim` is taken modulo the members there are. */
export interface ChangeDraft {
  readonly kind: 'join' | 'leave' | 'replace' | 'weight';
  readonly victim: number;
  readonly draft: MemberDraft;
}

/** How large clusters may be. */
export interface Sizes {
  readonly membersMax: number;
  /** Largest power of two. */
  readonly partitionBitsMax: number;
}

const memberDraft = (heaviest: number): fc.Arbitrary<MemberDraft> =>
  fc.record({ weight: fc.integer({ min: 1, max: heaviest }), zone: fc.nat(4) });

/** Clusters of 3 members and more, equal and of weights 1 to 8, in 1 to 5 zones. */
export function clusterDrafts({ membersMax, partitionBitsMax }: Sizes): fc.Arbitrary<ClusterDraft> {
  return fc.constantFrom(1, 8).chain((heaviest) =>
    fc.record({
      partitions: fc.integer({ min: 6, max: partitionBitsMax }).map((bits) => 2 ** bits),
      n: fc.constantFrom(3, 3, 1, 2, 5),
      zones: fc.integer({ min: 1, max: 5 }),
      members: fc.array(memberDraft(heaviest), { minLength: 3, maxLength: membersMax, size: 'max' }),
    }),
  );
}

/** One change. */
export const changeDrafts: fc.Arbitrary<ChangeDraft> = fc.record({
  kind: fc.constantFrom('join', 'leave', 'replace', 'weight'),
  victim: fc.nat(),
  draft: memberDraft(8),
});

/** The member with this number. */
export function memberFrom(number: number, { weight, zone }: MemberDraft, zones: number): RingMember {
  const id = number.toString(16).padStart(16, '0');
  return { id, name: `node${number}`, weight, ...(zones === 1 ? {} : { zone: `dc${zone % zones}` }) };
}

/** The cluster as planned from its first member. */
export function ringFrom({ partitions, n, zones, members }: ClusterDraft): Ring {
  const [first, ...others] = members.map((draft, number) => memberFrom(number, draft, zones));
  const joins = others.map((member): RingChange => ({ kind: 'join', member }));
  return plan(createRing({ partitions, members: [first] }), joins, { n }).ring;
}

/** The change made real for a ring. `number` is that of the next newcomer. */
export function changeFrom(
  ring: Ring,
  { kind, victim, draft }: ChangeDraft,
  options: { readonly number: number; readonly zones: number },
): RingChange {
  const member = memberFrom(options.number, draft, options.zones);
  const { id } = ring.members[victim % ring.members.length];
  if (kind === 'join' || (kind === 'leave' && ring.members.length === 1)) return { kind: 'join', member };
  if (kind === 'leave') return { kind, id };
  return kind === 'replace' ? { kind, id, by: member } : { kind, id, weight: draft.weight };
}
