/** The membership list against a twin that is a plain map. */
import { hash32 } from '@coterie/bytes';
import { SeededRandom } from '@coterie/simulator';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Catalogue } from '../src/catalogue.ts';
import { MemberList } from '../src/member-list.ts';
import type { Profile } from '../src/profile.ts';
import { isUpState, type Standing } from '../src/standing.ts';
import { profileOf, standing } from './arbitraries.ts';

const selfId = 'f'.repeat(16);
const memberId = fc
  .nat(11)
  .map((n) => `${n.toString(16)}0`.repeat(8))
  .filter((id) => !/^0+$/.test(id));

type Step =
  | { readonly do: 'put'; readonly profile: Profile; readonly standing: Standing }
  | { readonly do: 'stand'; readonly id: string; readonly standing: Standing }
  | { readonly do: 'remove'; readonly id: string };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: memberId.chain((id) => fc.record({ do: fc.constant('put' as const), profile: profileOf(id), standing })) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('stand' as const), id: memberId, standing }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), id: memberId }) },
);

type Twin = Map<string, { profile: Profile; standing: Standing }>;

function apply(list: MemberList, twin: Twin, step: Step): void {
  const id = step.do === 'put' ? step.profile.id : step.id;
  const slot = list.slotOf(id);
  expect(slot !== undefined).toBe(twin.has(id));
  if (step.do === 'put' && slot === undefined) {
    list.add(step.profile, step.standing, 0);
    twin.set(id, { profile: step.profile, standing: step.standing });
  } else if (step.do === 'put' && slot !== undefined && step.profile.incarnation > list.profile(slot).incarnation) {
    list.setProfile(slot, step.profile);
    twin.set(id, { profile: step.profile, standing: twin.get(id)?.standing ?? step.standing });
  } else if (step.do === 'stand' && slot !== undefined) {
    list.setStanding(slot, step.standing, 0);
    twin.set(id, { profile: twin.get(id)?.profile as Profile, standing: step.standing });
  } else if (step.do === 'remove' && slot !== undefined) {
    list.remove(slot);
    twin.delete(id);
  }
}

/** The digest, from the description of it in the format. */
function digestOf(twin: Twin): number[] {
  const digest = Array.from({ length: 256 }, () => 0);
  for (const [id, { profile, standing }] of twin) {
    const line = Buffer.alloc(21);
    line.write(id, 'hex');
    line.writeUIntLE(standing.incarnation, 8, 6);
    line.writeUIntLE(profile.incarnation, 14, 6);
    line[20] = ['alive', 'suspect', 'dead', 'left'].indexOf(standing.state);
    digest[Number.parseInt(id.slice(0, 2), 16)] ^= hash32(line, 0, line.length);
  }
  return digest.map((hash) => hash >>> 0);
}

function walk(list: MemberList): string[] {
  return Array.from({ length: list.up.size }, () => list.catalogue.idOf(list.up.next() as number));
}

describe('a membership list', () => {
  it('holds what a map would, and keeps digest, order and those gone in step', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const catalogue = new Catalogue();
        const list = new MemberList({ selfId, catalogue, random: new SeededRandom(1) });
        const self: Profile = { id: selfId, incarnation: 1, address: 'self:1', zone: '', weight: 1, extensions: new Map() };
        const alive: Standing = { incarnation: 1, state: 'alive', witnesses: [] };
        list.add(self, alive, 0);
        const twin: Twin = new Map([[selfId, { profile: self, standing: alive }]]);
        for (const one of steps) apply(list, twin, one);

        expect(list.size).toBe(twin.size);
        for (const [id, facts] of twin) expect(list.record(list.slotOf(id) as number)).toEqual({ id, ...facts });
        expect([...list.digest]).toEqual(digestOf(twin));
        const others = [...twin].filter(([id]) => id !== selfId);
        expect(list.gone.map((slot) => catalogue.idOf(slot)).toSorted()).toEqual(
          others
            .filter(([, { standing }]) => !isUpState(standing.state))
            .map(([id]) => id)
            .toSorted(),
        );
        walk(list); // to the end of a round that additions and removals have disturbed
        expect(walk(list).toSorted()).toEqual(
          others
            .filter(([, { standing }]) => isUpState(standing.state))
            .map(([id]) => id)
            .toSorted(),
        );
      }),
    );
  });

  it('gives slots back, and shares them with other lists', () => {
    const catalogue = new Catalogue();
    const lists = ['e', 'f'].map((name) => new MemberList({ selfId: name.repeat(16), catalogue, random: new SeededRandom(1) }));
    const profile: Profile = { id: 'a'.repeat(16), incarnation: 1, address: 'a:1', zone: '', weight: 1, extensions: new Map() };
    const slots = lists.map((list) => list.add({ ...profile }, { incarnation: 1, state: 'alive', witnesses: [] }, 0));
    expect(slots[0]).toBe(slots[1]);
    expect(lists[0].profile(slots[0])).toBe(lists[1].profile(slots[1]));
    lists[0].remove(slots[0]);
    expect(lists[1].slotOf(profile.id)).toBe(slots[1]);
    lists[1].remove(slots[1]);
    expect(catalogue.slotOf(profile.id)).toBeUndefined();
    expect(lists[0].add({ ...profile, id: 'b'.repeat(16) }, { incarnation: 1, state: 'alive', witnesses: [] }, 0)).toBe(slots[0]);
  });
});
