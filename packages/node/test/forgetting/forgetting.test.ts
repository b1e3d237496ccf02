import { isCoterieError } from '@coterie/env';
import { DottedSet } from '@coterie/vector-clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFloor, encodeFloor, ended, type Floor, isBelow, livesMax, unite } from '../../src/forgetting/floor.ts';
import { afterForgetting } from '../../src/forgetting/forget.ts';
import { floorAfter, momentOf, type Outlook, whyNot } from '../../src/forgetting/round.ts';
import { type CausalObject, emptyObject } from '../../src/objects/object.ts';
import { makePayload } from '../../src/objects/payload.ts';
import { bytes } from '../world.ts';
import { type Left, Partition, type Step } from './model.ts';

const long = process.env['COTERIE_LONG'] !== undefined;
const life = fc.nat(9).map((number) => number.toString(16).padStart(16, '0'));
const counter = fc.oneof(fc.nat(20), fc.constant(ended));
const floor: fc.Arbitrary<Floor> = fc.record({
  round: fc.nat(1000),
  upTo: fc.uniqueArray(fc.tuple(life, counter), { maxLength: 8, selector: ([one]) => one }).map((entries) => new Map(entries)),
});

describe('a floor', () => {
  it('is read as it was written, and as nothing else', () => {
    fc.assert(
      fc.property(floor, fc.nat(), fc.nat(255), (one, at, byte) => {
        const bytes = encodeFloor(one);
        expect(decodeFloor(bytes)).toEqual(one);
        bytes[at % bytes.length] = byte;
        try {
          const other = decodeFloor(bytes);
          expect(decodeFloor(encodeFloor(other))).toEqual(other);
        } catch (error) {
          if (!isCoterieError(error)) throw error;
        }
      }),
    );
  });

  it('rises: two together cover what either covers, in whatever order they meet', () => {
    fc.assert(
      fc.property(floor, floor, floor, life, fc.nat(25), (a, b, c, incarnation, dot) => {
        const at = { incarnation, counter: dot };
        expect(isBelow(unite(a, b), at)).toBe(isBelow(a, at) || isBelow(b, at));
        expect(encodeFloor(unite(unite(a, b), c))).toEqual(encodeFloor(unite(a, unite(c, b))));
      }),
    );
  });
});

describe('a round', () => {
  const outlook: Outlook = {
    lives: new Set(['aa', 'bb']),
    isMoving: false,
    recovering: [],
    floor: { round: 4, upTo: new Map([['cc', 9]]) },
  };
  const report = (incarnation: string, at: number, wallMs: number) => ({ incarnation, counter: at, wallMs });

  it('goes as far as its members say, to the end for lives that nobody leads any more, and never names others', () => {
    const after = floorAfter(outlook, [report('aa', 7, 0), report('dd', 3, 0)]);
    expect(after).toEqual({
      round: 5,
      upTo: new Map([
        ['cc', 9],
        ['aa', 7],
        ['bb', ended],
      ]),
    });
  });

  it('does not begin without need, while anything moves, or while something is to be taken back', () => {
    expect(whyNot(outlook)).toBeUndefined();
    expect(whyNot({ ...outlook, lives: new Set() })).toBe('nothing is to be forgotten');
    expect(whyNot({ ...outlook, isMoving: true })).toMatch(/on its way/);
    expect(whyNot({ ...outlook, recovering: ['n2'] })).toMatch(/^n2 must take back/);
    expect(whyNot({ ...outlook, lives: new Set(Array.from({ length: livesMax }, (_, i) => `${i}`)) })).toMatch(/more than 10000 lives/);
  });

  it('judges by the slowest clock what has expired', () => {
    expect(momentOf([report('a', 1, 500), report('b', 1, 300)])).toEqual({ expiredMs: 300 });
  });
});

describe('an lww object', () => {
  const dots = [1, 2].map((store) => ({ incarnation: `000000000000000${store}`, epoch: 5, counter: 5 }));
  const floorOf = (...upTo: number[]): Floor => ({ round: 1, upTo: new Map(upTo.map((at, store) => [dots[store].incarnation, at])) });
  const past = { expiredMs: 100 };

  /** A value, and beside it a tombstone with this stamp; neither had seen the other. */
  function contested(stamp: number): CausalObject {
    const fields = { writtenAt: 9, operation: 'o', contentType: '', extensions: [], value: bytes('') };
    const value = makePayload({ ...fields, tombstone: false, stamp: 10 }, 0);
    const tombstone = makePayload({ ...fields, tombstone: true, stamp }, 0);
    const set = DottedSet.empty<typeof value>().event({ dot: dots[0], at: 9, value }).event({ dot: dots[1], at: 9, value: tombstone });
    return { ...emptyObject, set };
  }

  it('keeps a tombstone while a value that it outranks may stay, and goes with it', () => {
    expect(afterForgetting(contested(11), floorOf(4, 5), past)).toEqual(contested(11));
    expect(afterForgetting(contested(11), floorOf(5, 5), past)).toBe('gone');
  });

  it('keeps what it shows, and lets a tombstone go that this outranks', () => {
    const after = afterForgetting(contested(9), floorOf(5, 5), past);
    expect(after === 'gone' ? [] : after.set.siblings.map(({ value }) => value.tombstone)).toEqual([false]);
  });
});

const member = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('put' as const, 'delete' as const),
      at: member,
      key: fc.nat(1),
      sees: fc.boolean(),
      expires: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('message' as const), which: fc.nat(23) }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'hand over' }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), at: member }) },
  { weight: 12, arbitrary: fc.constant<Step>({ do: 'forget' }) },
);
const story = fc.array(step, { maxLength: 150, size: 'max' });

/** What forgetting world and twin show in the end of a story; they are to be the same. */
function ends(
  steps: readonly Step[],
  left: Left = 'nothing',
): { readonly shown: string[][]; readonly asIf: string[][]; readonly forgotten: number } {
  const [partition, twin] = [new Partition(true, left), new Partition(false)];
  for (const one of steps) {
    partition.apply(one);
    twin.apply(one);
  }
  partition.settle();
  twin.settle();
  return { shown: partition.shown(), asIf: twin.shown(), forgotten: partition.forgotten };
}

describe('a partition that forgets', () => {
  it('shows in the end what one shows that never does, at every primary', () => {
    let forgotten = 0;
    fc.assert(
      fc.property(story, (steps) => {
        const { shown, asIf, forgotten: went } = ends(steps);
        expect(shown).toEqual(asIf);
        for (const [first, ...others] of shown) for (const other of others) expect(other).toBe(first);
        forgotten += went;
      }),
      { numRuns: long ? 20_000 : 400 },
    );
    expect(forgotten).toBeGreaterThan(50);
  });

  /** A value, a delete that has seen it, a whole round; then the value's message comes once more. */
  const late: readonly Step[] = [
    { do: 'put', at: 0, key: 0, sees: false, expires: false },
    { do: 'message', which: 0 },
    { do: 'message', which: 1 },
    { do: 'delete', at: 0, key: 0, sees: true, expires: false },
    { do: 'message', which: 2 },
    { do: 'message', which: 3 },
    ...Array.from({ length: 14 }, (): Step => ({ do: 'forget' })),
    { do: 'message', which: 0 },
  ];

  it('does not without the filter: a message that comes late brings back what it brought', () => {
    expect(ends(late).forgotten).toBe(3);
    expect(ends(late).shown[0]).toEqual(['', '', '']);
    expect(ends(late, 'the filter').shown[0]).toEqual(['1', '1', '1']);
  });

  it.each<Left>(['delivering', 'agreeing', 'key epochs'])('does not without %s', (left) => {
    const found = fc.check(
      fc.property(story, (steps) => {
        const { shown, asIf } = ends(steps, left);
        expect(shown).toEqual(asIf);
      }),
      { numRuns: 5000, seed: 1, endOnFailure: true },
    );
    expect(found.failed).toBe(true);
  });
});
