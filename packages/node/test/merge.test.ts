import { DottedSet } from '@coterie/vector-clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Conflict, joinObjects, mergeObjects, shown } from '../src/objects/merge.ts';
import { type CausalObject, emptyObject, encodeObject } from '../src/objects/object.ts';
import { type FoundCopy, lagging, mergeCopies } from '../src/coordinator/read-repair.ts';
import { replacedMax } from '../src/objects/replaced.ts';
import { Copies, type Step, story } from './merge-model.ts';
import { bytes } from './world.ts';

const conflicts = ['siblings', 'lww'] as const;
const encoded = (object: CausalObject): Uint8Array => encodeObject(object, 0);

/** Three copies that there were at any time. */
const three = fc.tuple(story, fc.nat(), fc.nat(), fc.nat());

function pick(conflict: Conflict, steps: readonly Step[], at: readonly number[]): readonly CausalObject[] {
  const { past } = new Copies(conflict).play(steps);
  return at.map((one) => past[one % past.length]);
}

function named(steps: readonly Step[]): number {
  return steps.filter((step) => step.do === 'write' && step.named).length;
}

describe.each(conflicts)('the join of copies (%s)', (conflict) => {
  it('is commutative, associative and idempotent, whatever lists have let fall', () => {
    fc.assert(
      fc.property(three, ([steps, ...at]) => {
        const [a, b, c] = pick(conflict, steps, at);
        const join = (x: CausalObject, y: CausalObject): CausalObject => joinObjects(x, y);
        expect(encoded(join(a, b))).toEqual(encoded(join(b, a)));
        expect(encoded(join(join(a, b), c))).toEqual(encoded(join(a, join(b, c))));
        expect(encoded(join(a, a))).toEqual(encoded(a));
        expect(encoded(join(join(a, b), a))).toEqual(encoded(join(a, b)));
      }),
    );
  });
});

describe.each(conflicts)('merging by the rules (%s)', (conflict) => {
  it('makes copies byte-equal once each has heard of each, and leaves something', () => {
    fc.assert(
      fc.property(story, (steps) => {
        const { objects, requests } = new Copies(conflict).play(steps).settle();
        const [first, ...others] = objects.map(encoded);
        for (const other of others) expect(other).toEqual(first);
        const { siblings, clock } = objects[0].set;
        if (requests.length > 0) expect(siblings.length).toBeGreaterThan(0);
        const hidden = siblings.filter(({ value }) => value.tombstone || conflict === 'lww');
        expect(hidden.length).toBeLessThanOrEqual(clock.entries.length);
      }),
    );
  });

  it('shows each operation that nobody replaced who had seen any of its writes, and no other', () => {
    fc.assert(
      fc.property(story, (steps) => {
        const copies = new Copies(conflict).play(steps).settle();
        const { unreplaced, requests } = copies;
        const values = shown(copies.objects[0], conflict).map(({ value }) => value.operation);
        expect(new Set(values).size).toBe(values.length);
        const extra = values.filter((operation) => !unreplaced.includes(operation));
        // With more operations than a list holds, and under `lww`, a second write of one may stand there still.
        const isDoubled = ({ operation, dots }: (typeof requests)[number]): boolean => extra.includes(operation) && dots.length > 1;
        if (conflict === 'siblings' && named(steps) <= replacedMax) expect(extra).toEqual([]);
        else expect(requests.filter(isDoubled)).toHaveLength(extra.length);
        if (conflict === 'siblings') expect(values).toEqual(expect.arrayContaining([...unreplaced]));
        else expect(values.length).toBeLessThanOrEqual(1);
        const deletes = requests.filter(({ kind }) => kind === 'delete');
        if (requests.length > 0 && deletes.length === 0) expect(values.length).toBeGreaterThan(0);
      }),
    );
  });

  it('is commutative and idempotent, and associative while no list has let anything fall', () => {
    fc.assert(
      fc.property(three, ([steps, ...at]) => {
        const [a, b, c] = pick(conflict, steps, at);
        const merge = (x: CausalObject, y: CausalObject): CausalObject => mergeObjects(x, y, conflict);
        expect(encoded(merge(a, b))).toEqual(encoded(merge(b, a)));
        expect(encoded(merge(a, a))).toEqual(encoded(a));
        expect(encoded(merge(merge(a, b), a))).toEqual(encoded(merge(a, b)));
        if (named(steps) <= replacedMax) expect(encoded(merge(merge(a, b), c))).toEqual(encoded(merge(a, merge(b, c))));
      }),
    );
  });
});

describe('merging', () => {
  const writing = (at: number, more: Partial<Extract<Step, { do: 'write' }>> = {}): Step => ({
    do: 'write',
    at,
    kind: 'put',
    sees: 'nothing',
    which: 0,
    named: true,
    ...more,
  });

  it('leaves a delete that two stores took, wherever the two meet', () => {
    const steps: Step[] = [writing(1, { kind: 'delete' }), { do: 'ask again', at: 2, which: 0 }];
    const [object] = new Copies('siblings').play(steps).settle().objects;
    expect(object.set.siblings.map(({ value }) => value.operation)).toEqual(Array(2).fill('000000000000-0000000000000000'));
  });

  it('leaves a delete whose second try removed what had replaced the first', () => {
    const steps: Step[] = [
      writing(0, { kind: 'delete', sees: 'what is there' }),
      writing(1, { sees: 'an answer' }),
      { do: 'merge', at: 2, from: 1 },
      { do: 'ask again', at: 2, which: 0 },
    ];
    const copies = new Copies('siblings').play(steps);
    expect(copies.requests[0].dots).toHaveLength(2);
    const [{ set, replaced }] = copies.settle().objects;
    expect(set.siblings.map(({ value }) => value.tombstone)).toEqual([true]);
    expect(replaced.entries).toHaveLength(2);
  });

  it('leaves one of two lww operations that took the place of each other at two stores', () => {
    const steps: Step[] = [writing(0), writing(0), { do: 'ask again', at: 1, which: 1 }, { do: 'ask again', at: 1, which: 0 }];
    const copies = new Copies('lww').play(steps);
    expect(copies.requests.map(({ dots }) => dots.length)).toEqual([2, 2]);
    expect(shown(copies.settle().objects[0], 'lww')).toHaveLength(1);
  });

  it('leaves the late try of an lww write that took the place of what came after it', () => {
    const steps: Step[] = [
      writing(3),
      writing(3, { sees: 'an answer', named: false }),
      writing(2, { sees: 'a store', which: 3, named: false }),
      { do: 'ask again', at: 2, which: 0 },
    ];
    const copies = new Copies('lww').play(steps).settle();
    const { operation, dots } = copies.requests[0];
    expect(dots).toHaveLength(2);
    expect(shown(copies.objects[0], 'lww').map(({ value }) => value.operation)).toEqual([operation]);
  });

  it('leaves the successor of an lww value that had outranked others, though its own stamp is low', () => {
    // Store 0 holds a low value and then a high one; the successor of the high one is stamped where neither is known.
    const steps: Step[] = [
      writing(0),
      writing(1),
      writing(1),
      { do: 'merge', at: 0, from: 1 },
      writing(2, { sees: 'an answer', which: 2 }),
    ];
    const copies = new Copies('lww').play(steps);
    const [both] = copies.objects;
    expect(shown(both, 'lww').map(({ value }) => value.stamp)).toEqual([2]);
    copies.settle();
    expect(copies.objects[0].set.siblings.map(({ value }) => value.stamp)).toEqual([1, 1]);
    expect(shown(copies.objects[0], 'lww')).toHaveLength(1);
  });

  it('keeps the highest type and all extensions of copies that it does not understand', () => {
    const a = { ...emptyObject, type: 9, extensions: [{ tag: 21, bytes: bytes('x') }] };
    const b = {
      ...emptyObject,
      extensions: [
        { tag: 21, bytes: bytes('y') },
        { tag: 24, bytes: bytes('z') },
      ],
    };
    for (const merged of [mergeObjects(a, b, 'siblings'), mergeObjects(b, a, 'siblings')]) {
      expect(merged.type).toBe(9);
      expect(merged.extensions).toEqual([
        { tag: 21, bytes: bytes('y') },
        { tag: 24, bytes: bytes('z') },
      ]);
    }
  });

  it('finds out who is behind', () => {
    const copies = new Copies('siblings').play([writing(0), { do: 'merge', at: 1, from: 0 }, writing(1)]);
    const found: FoundCopy[] = copies.objects.map((object, i) => ({ store: `s${i}`, object }));
    const merged = mergeCopies(found, 'siblings');
    expect(merged.set.siblings).toHaveLength(2);
    expect(lagging(found, merged)).toEqual(['s0', 's2', 's3']);
    // Who did not answer is not known to be behind, and a stand-in is no owner.
    expect(lagging([{ store: 's4' }, { store: 's5', standsFor: 's4', object: emptyObject }], merged)).toEqual([]);
    expect(mergeCopies([], 'siblings').set).toEqual(DottedSet.empty());
  });
});
