import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compare, siblings, VectorClock } from '../src/index.ts';

const actors = ['alice', 'bob', 'carol', 'zoë'];

/** A clock beside the set of (actor, number) events that it stands for. */
interface Pair {
  readonly clock: VectorClock;
  readonly events: ReadonlySet<string>;
}

const pair: fc.Arbitrary<Pair> = fc.array(fc.nat(3), { maxLength: 8 }).map((script) => {
  let clock = VectorClock.empty;
  const events = new Set<string>();
  for (const actor of script) {
    clock = clock.increment(actors[actor]);
    events.add(`${actors[actor]} ${clock.get(actors[actor])}`);
  }
  return { clock, events };
});

function truth(a: ReadonlySet<string>, b: ReadonlySet<string>): string {
  const aOnly = [...a].some((event) => !b.has(event));
  const bOnly = [...b].some((event) => !a.has(event));
  return aOnly ? (bOnly ? 'concurrent' : 'after') : bOnly ? 'before' : 'equal';
}

describe('VectorClock', () => {
  it('compares as the sets of events do', () => {
    fc.assert(
      fc.property(pair, pair, (a, b) => {
        expect(compare(a.clock, b.clock)).toBe(truth(a.events, b.events));
      }),
    );
  });

  it('merges to the union: commutative, associative, idempotent', () => {
    fc.assert(
      fc.property(pair, pair, pair, (a, b, c) => {
        const merged = a.clock.merge(b.clock);
        expect(compare(merged, b.clock.merge(a.clock))).toBe('equal');
        expect(compare(merged.merge(c.clock), a.clock.merge(b.clock.merge(c.clock)))).toBe('equal');
        expect(compare(a.clock.merge(a.clock), a.clock)).toBe('equal');
        expect(['before', 'equal']).toContain(compare(a.clock, merged));
      }),
    );
  });

  it('encodes canonically and decodes what it encodes', () => {
    fc.assert(
      fc.property(pair, pair, (a, b) => {
        const bytes = a.clock.merge(b.clock).encode();
        expect(b.clock.merge(a.clock).encode()).toEqual(bytes);
        expect(VectorClock.decode(bytes).encode()).toEqual(bytes);
      }),
    );
  });

  it('answers random bytes with a clock or CORRUPTION, never with anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        let clock: VectorClock;
        try {
          clock = VectorClock.decode(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'CORRUPTION' });
          return;
        }
        expect(compare(VectorClock.decode(clock.encode()), clock)).toBe('equal');
      }),
      { numRuns: 500 },
    );
  });

  it('finds the siblings: versions that no other one replaces', () => {
    const first = VectorClock.empty.increment('alice');
    const left = first.increment('bob');
    const right = first.increment('carol');
    const versions = [first, left, right, right].map((clock, value) => ({ clock, value }));
    expect(siblings(versions).map((version) => version.value)).toEqual([1, 2]);
    const merged = { clock: left.merge(right).increment('alice'), value: 9 };
    expect(siblings([...versions, merged])).toEqual([merged]);
  });
});
