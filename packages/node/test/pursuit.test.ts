import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Outcome, Pursuit, type PursuitPlan, type Standing, type Target } from '../src/coordinator/pursuit.ts';

const names = (targets: readonly Target[]): string[] =>
  targets.map(({ store, standsFor }) => (standsFor === undefined ? store : `${store} for ${standsFor}`));

const ok = (store: string, standsFor?: string): Outcome => ({ store, ok: true, ...(standsFor === undefined ? {} : { standsFor }) });
const failed = (store: string, standsFor?: string): Outcome => ({ ...ok(store, standsFor), ok: false });

function plan(given: Partial<PursuitPlan> & { readonly down?: readonly string[] }): PursuitPlan {
  const { down = [] } = given;
  const standing = (store: string): Standing => (down.includes(store) ? 'down' : 'up');
  return { sets: [['a', 'b', 'c']], thresholds: [{ total: 2, primary: 0 }], fallbacks: ['d', 'e'], standing, ...given };
}

describe('a pursuit', () => {
  it('asks the owners, and is done when enough have answered', () => {
    const pursuit = new Pursuit(plan({}));
    expect(names(pursuit.start())).toEqual(['a', 'b', 'c']);
    expect(names(pursuit.add(ok('b')))).toEqual([]);
    expect(pursuit.verdict).toBe('waiting');
    pursuit.add(ok('c'));
    expect(pursuit.verdict).toBe('met');
    expect(names(pursuit.open)).toEqual(['a']);
  });

  it('has a fallback stand in for an owner that is down, fails, or is late', () => {
    const pursuit = new Pursuit(plan({ down: ['a'], fallbacks: ['d', 'e', 'f'] }));
    expect(names(pursuit.start())).toEqual(['b', 'c', 'd for a']);
    expect(names(pursuit.add(failed('b')))).toEqual(['e for b']);
    expect(names(pursuit.late('c'))).toEqual(['f for c']);
    pursuit.add(ok('c'));
    pursuit.add(ok('f', 'c'));
    expect(pursuit.verdict).toBe('met');
  });

  it('passes over fallbacks that are down, and tries owners thought to be down when nobody else is left', () => {
    const pursuit = new Pursuit(plan({ down: ['a', 'd', 'e'], thresholds: [{ total: 3, primary: 0 }] }));
    expect(names(pursuit.start())).toEqual(['b', 'c']);
    expect(pursuit.verdict).toBe('waiting');
    pursuit.add(ok('b'));
    expect(names(pursuit.add(failed('c')))).toEqual(['a']);
    pursuit.add(failed('a'));
    expect(pursuit.verdict).toBe('failed');
  });

  it('never counts a fallback as a primary, and tries every owner when strictness needs it', () => {
    const pursuit = new Pursuit(plan({ down: ['a', 'b'], thresholds: [{ total: 2, primary: 2 }] }));
    expect(names(pursuit.start())).toEqual(['c', 'd for a', 'e for b', 'a', 'b']);
    for (const [store, owner] of [
      ['d', 'a'],
      ['e', 'b'],
    ] as const)
      pursuit.add(ok(store, owner));
    pursuit.add(ok('c'));
    expect(pursuit.verdict).toBe('waiting');
    pursuit.add(failed('a'));
    expect(pursuit.verdict).toBe('waiting');
    pursuit.add(failed('b'));
    expect(pursuit.verdict).toBe('failed');
  });

  it('does not count a recovering store as a primary', () => {
    const pursuit = new Pursuit(plan({ thresholds: [{ total: 2, primary: 2 }], fallbacks: [] }));
    pursuit.start();
    pursuit.add({ ...ok('a'), recovering: true });
    pursuit.add(ok('b'));
    expect(pursuit.verdict).toBe('waiting');
    pursuit.add(ok('c'));
    expect(pursuit.verdict).toBe('met');
  });

  it('must reach both sets while a partition moves; a stand-in counts where its owner does', () => {
    const sets = [
      ['a', 'b', 'c'],
      ['a', 'b', 'x'],
    ];
    const pursuit = new Pursuit(
      plan({
        sets,
        thresholds: [
          { total: 2, primary: 1 },
          { total: 2, primary: 1 },
        ],
        down: ['x'],
      }),
    );
    expect(names(pursuit.start())).toEqual(['a', 'b', 'c', 'd for x']);
    pursuit.add(ok('a'));
    pursuit.add(ok('c'));
    expect(pursuit.verdict).toBe('waiting');
    pursuit.add(ok('d', 'x'));
    expect(pursuit.verdict).toBe('met');
  });

  it('takes what the other list holds when one list cannot be reached, and never as a primary', () => {
    const sets = [
      ['a', 'b', 'c'],
      ['a', 'b', 'x'],
    ];
    const alone = (primary: number): Pursuit => {
      const thresholds = [
        { total: 1, primary },
        { total: 1, primary },
      ];
      const pursuit = new Pursuit(plan({ sets, thresholds, fallbacks: [] }));
      pursuit.start({ store: 'c' });
      pursuit.add(ok('c'));
      for (const name of ['a', 'b']) pursuit.add(failed(name));
      expect(pursuit.verdict).toBe('waiting');
      pursuit.add(failed('x'));
      return pursuit;
    };
    expect(alone(0).verdict).toBe('met');
    expect(alone(1).verdict).toBe('failed');
  });

  it('takes what the other list holds when one list is silent, and never as a primary', () => {
    const sets = [
      ['a', 'b', 'c'],
      ['a', 'b', 'x'],
    ];
    const late = (primary: number): Pursuit => {
      const pursuit = new Pursuit(plan({ sets, thresholds: sets.map(() => ({ total: 1, primary })), fallbacks: ['d'] }));
      pursuit.start({ store: 'c' });
      pursuit.add(ok('c'));
      expect(pursuit.verdict).toBe('waiting');
      expect(names(pursuit.late('a'))).toEqual(['d for a']);
      return pursuit;
    };
    expect(late(0).verdict).toBe('met');
    const strict = late(1);
    expect(strict.verdict).toBe('waiting');
    strict.add(ok('x'));
    expect(strict.verdict).toBe('met');
  });

  it('starts from the coordinator, as an owner or in place of one', () => {
    expect(names(new Pursuit(plan({})).start({ store: 'b' }))).toEqual(['b', 'a', 'c']);
    const pursuit = new Pursuit(plan({ down: ['a', 'b'], fallbacks: ['d', 'e'] }));
    expect(names(pursuit.start({ store: 'e', standsFor: 'a' }))).toEqual(['e for a', 'c', 'd for b']);
  });

  it('says met or failed in the end, and never what was not reached', () => {
    const store = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
    fc.assert(
      fc.property(
        fc.record({
          down: fc.subarray(['a', 'b', 'c', 'd', 'e', 'f', 'g']),
          reachable: fc.subarray(['a', 'b', 'c', 'd', 'e', 'f', 'g']),
          total: fc.integer({ min: 1, max: 3 }),
          primary: fc.integer({ min: 0, max: 3 }),
          sets: fc.constantFrom<string[][]>(
            [['a', 'b', 'c']],
            [
              ['a', 'b', 'c'],
              ['a', 'b', 'd'],
            ],
            [
              ['a', 'b', 'c'],
              ['d', 'b', 'e'],
            ],
          ),
          fallbacks: fc.constantFrom<string[]>([], ['f'], ['f', 'g']),
          silent: fc.array(store),
        }),
        ({ down, reachable, total, primary, sets, fallbacks, silent }) => {
          const threshold = { total: Math.max(total, primary), primary };
          const pursuit = new Pursuit(plan({ sets, thresholds: sets.map(() => threshold), fallbacks, down }));
          const asked = new Set<string>();
          const queue = pursuit.start();
          for (const name of silent) queue.push(...pursuit.late(name));
          for (let target = queue.shift(); target !== undefined; target = queue.shift()) {
            expect(asked.has(target.store)).toBe(false);
            asked.add(target.store);
            queue.push(...pursuit.add({ ...target, ok: reachable.includes(target.store) }));
          }
          const primaries = (set: readonly string[]): number => set.filter((name) => reachable.includes(name) && asked.has(name)).length;
          const stoodIn = (set: readonly string[]): number =>
            pursuit.outcomes.filter((outcome) => outcome.ok && outcome.standsFor !== undefined && set.includes(outcome.standsFor)).length;
          const strict = sets.every((set) => primaries(set) >= primary);
          const held = pursuit.outcomes.filter((outcome) => outcome.ok).length;
          const met = strict && (held >= threshold.total || sets.every((set) => primaries(set) + stoodIn(set) >= threshold.total));
          expect(pursuit.verdict).toBe(met ? 'met' : 'failed');
          // What the owners alone could have given, whatever others thought of them, was not missed.
          const owners = sets.every((set) => set.filter((name) => reachable.includes(name)).length >= threshold.total);
          if (owners) expect(pursuit.verdict).toBe('met');
        },
      ),
    );
  });
});
