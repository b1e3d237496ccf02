import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compare, Context, DottedSet, VersionVector } from '../src/index.ts';
import { cloudMax } from '../src/cloud.ts';
import { type EpochRule, type EventId, type Seen, values, World } from './oracle.ts';

type Step =
  | { readonly do: 'put'; readonly copy: number; readonly client: number }
  | { readonly do: 'blind' | 'lose' | 'restart'; readonly copy: number }
  | { readonly do: 'read'; readonly copy: number; readonly client: number }
  | { readonly do: 'sync'; readonly copy: number; readonly to: number };

const copies = 4;
const index = fc.nat(copies - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), copy: index, client: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('blind' as const), copy: index }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), copy: index, client: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('sync' as const), copy: index, to: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('lose' as const, 'restart' as const), copy: index }) },
);
// `max`: by default fast-check keeps arrays near ten long, too short for a loss to show.
const steps = fc.array(step, { maxLength: 40, size: 'max' });

function play(script: readonly Step[], rule: EpochRule = 'epochs', check?: (world: World) => void): World {
  const world = new World(copies, rule);
  const clients = new Map<number, Seen>();
  for (const s of script) {
    if (s.do === 'put') world.put(s.copy, clients.get(s.client));
    else if (s.do === 'blind') world.put(s.copy);
    else if (s.do === 'read') clients.set(s.client, world.read(s.copy));
    else if (s.do === 'sync') world.sync(s.copy, s.to);
    else if (s.do === 'lose') world.lose(s.copy);
    else world.restart(s.copy);
    check?.(world);
  }
  return world;
}

function expectSame(a: DottedSet<EventId>, b: DottedSet<EventId>): void {
  expect(a.clock.entries).toEqual(b.clock.entries);
  expect(a.siblings).toEqual(b.siblings);
  expect(a.cloud).toEqual(b.cloud);
  expect(a.equals(b)).toBe(true);
}

describe('dotted version vector sets against causal histories', () => {
  it("keeps exactly the oracle's antichain on every copy, whatever is lost, restarted or synced", () => {
    fc.assert(
      fc.property(steps, (script) => {
        play(script, 'epochs', (world) => {
          for (const copy of world.copies) expect(values(copy.set)).toEqual(world.history.live(copy.known));
        });
      }),
      { numRuns: 150 },
    );
  });

  it('orders clocks as their histories are ordered', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const world = play(script);
        for (const a of world.copies) {
          for (const b of world.copies) {
            const aOnly = [...a.known].some((id) => !b.known.has(id));
            const bOnly = [...b.known].some((id) => !a.known.has(id));
            const truth = aOnly ? (bOnly ? 'concurrent' : 'after') : bOnly ? 'before' : 'equal';
            expect(compare(a.set.clock, b.set.clock)).toBe(truth);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('merges commutatively, associatively and idempotently', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const [a, b, c] = play(script).copies.map((copy) => copy.set);
        expectSame(a.sync(b), b.sync(a));
        expectSame(a.sync(b).sync(c), a.sync(b.sync(c)));
        expectSame(a.sync(a), a);
        expectSame(a.sync(b).sync(b), a.sync(b));
      }),
      { numRuns: 300 },
    );
  });

  it('makes all copies equal once each has heard of each, with nothing live lost', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const world = play(script);
        const known = new Set(world.copies.flatMap((copy) => [...copy.known]));
        const all = world.copies.map((copy) => copy.set).reduce((a, b) => a.sync(b));
        for (const copy of world.copies) expectSame(all.sync(copy.set), all);
        expect(values(all)).toEqual(world.history.live(known));
      }),
      { numRuns: 200 },
    );
  });

  it('fails this test when key epochs are switched off', () => {
    const wrong = fc.check(
      fc.property(steps, (script) => {
        const ok = (world: World): boolean =>
          world.copies.every((copy) => JSON.stringify(values(copy.set)) === JSON.stringify(world.history.live(copy.known)));
        let good = true;
        try {
          play(script, 'oneEpoch', (world) => {
            good &&= ok(world);
          });
        } catch {
          good = false;
        }
        return good;
      }),
      { numRuns: 2000, seed: 1 },
    );
    expect(wrong.failed).toBe(true);
  });
});

describe('contexts of write replies: clients that go on from their own writes and never read', () => {
  type Chain = { readonly copy: number; readonly client: number; readonly blind: boolean; readonly sync: number };
  const chain: fc.Arbitrary<Chain[]> = fc.array(
    fc.record({ copy: index, client: fc.nat(2), blind: fc.nat(5).map((n) => n === 0), sync: index }),
    { maxLength: 40, size: 'max' },
  );

  function run(script: readonly Chain[], width: number, check: (world: World) => void): World {
    const world = new World(width);
    const clients = new Map<number, Seen>();
    for (const s of script) {
      clients.set(s.client, world.put(s.copy % width, s.blind ? undefined : clients.get(s.client)));
      world.sync(s.copy % width, s.sync % width);
      check(world);
    }
    return world;
  }

  it.each([1, 2, copies])("gives exactly the oracle's antichain at %i coordinators", (width) => {
    fc.assert(
      fc.property(chain, (script) => {
        run(script, width, (world) => {
          for (const copy of world.copies) expect(values(copy.set)).toEqual(world.history.live(copy.known));
        });
      }),
      { numRuns: 200 },
    );
  });

  it('merges commutatively, associatively and idempotently, dots beside the clocks and all', () => {
    let clouds = 0;
    fc.assert(
      fc.property(chain, (script) => {
        const [a, b, c] = run(script, copies, () => undefined).copies.map((copy) => copy.set);
        clouds += a.cloud.length + b.cloud.length + c.cloud.length;
        expectSame(a.sync(b), b.sync(a));
        expectSame(a.sync(b).sync(c), a.sync(b.sync(c)));
        expectSame(a.sync(a), a);
        expectSame(a.sync(b).sync(b), a.sync(b));
      }),
      { numRuns: 300 },
    );
    expect(clouds).toBeGreaterThan(0);
  });

  it('loses nothing live where more was replaced in mid-air than a cloud holds', () => {
    const world = new World(3);
    const writers = Array.from({ length: cloudMax + 5 }, () => world.put(0));
    for (const seen of writers) world.put(1, seen);
    world.put(2);
    world.sync(1, 2);
    expect(world.copies[2].set.cloud).toHaveLength(cloudMax);
    world.sync(0, 2);
    const [copy] = world.copies.slice(2);
    const live = world.history.live(copy.known);
    // The first author was alone and has a clock; of the other dots the lowest four were let go.
    expect(values(copy.set)).toEqual([1, 2, 3, 4, ...live]);
    expect(copy.set.cloud).toEqual([]);
  });

  it('destroys an unseen value if the reply hands out the whole clock (why dots are there)', () => {
    const world = new World(1);
    world.put(0);
    const reply = world.put(0);
    world.put(0, { ...reply, context: Context.of(world.copies[0].set.clock) });
    expect(values(world.copies[0].set)).toEqual([2]);
    expect(world.history.live(world.copies[0].known)).toEqual([0, 2]);
  });
});

describe('rules of the set', () => {
  const dot = { incarnation: '00000000000000aa', epoch: 3, counter: 3 };

  it('refuses a dot that its clock covers', () => {
    const set = DottedSet.empty<string>().event({ dot, at: 1, value: 'x' });
    expect(() => set.event({ dot, at: 2, value: 'y' })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it.each([
    { incarnation: 'AA00000000000000', epoch: 1, counter: 1 },
    { incarnation: 'aa', epoch: 1, counter: 1 },
    { incarnation: '00000000000000aa', epoch: 0, counter: 1 },
    { incarnation: '00000000000000aa', epoch: 2, counter: 1 },
    { incarnation: '00000000000000aa', epoch: 1, counter: 2 ** 48 },
    { incarnation: '00000000000000aa', epoch: 1.5, counter: 2 },
  ])('refuses the malformed dot %o', (bad) => {
    expect(() => VersionVector.empty.with(bad, 0)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('refuses a dot that it knows to be replaced', () => {
    const next = { ...dot, counter: 4 };
    const set = DottedSet.empty<string>().event({ dot, at: 1, value: 'x', context: Context.of(VersionVector.empty, [next]) });
    expect(set.cloud).toEqual([next]);
    expect(() => set.event({ dot: next, at: 2, value: 'y' })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('builds only from parts that belong together', () => {
    const clock = VersionVector.empty.with(dot, 0);
    const apart = [7, 4, 4, 3].map((counter) => ({ ...dot, counter }));
    expect(DottedSet.of(clock, [], apart).cloud).toEqual([apart[1], apart[0]]);
    expect(DottedSet.of(clock, [{ dot, value: 1 }]).siblings).toHaveLength(1);
    const unknown = { ...dot, counter: 4 };
    expect(() => DottedSet.of(clock, [{ dot: unknown, value: 1 }])).toThrow();
    expect(() =>
      DottedSet.of(clock, [
        { dot, value: 1 },
        { dot, value: 2 },
      ]),
    ).toThrow();
  });

  it('forgets only entries that are ended, covered and without a live sibling', () => {
    const old = { incarnation: '00000000000000bb', epoch: 1, counter: 5 };
    const gone = { incarnation: '00000000000000cc', epoch: 1, counter: 5 };
    const late = { incarnation: '00000000000000dd', epoch: 1, counter: 9 };
    const clock = VersionVector.of([old, gone, late, dot].map((d) => ({ ...d, at: 0 })));
    const clouded = [gone, dot].map((d) => ({ ...d, epoch: 2, counter: 5 }));
    const set = DottedSet.of(clock, [{ dot: old, value: 'live' }], clouded);
    const left = set.forget({ isEnded: (entry) => entry.incarnation !== dot.incarnation, coveredTo: () => 5 });
    expect(left.clock.entries.map((entry) => entry.incarnation)).toEqual([dot, old, late].map((d) => d.incarnation));
    expect(left.siblings).toBe(set.siblings);
    expect(left.cloud).toEqual([{ ...dot, epoch: 2, counter: 5 }]);
  });
});
