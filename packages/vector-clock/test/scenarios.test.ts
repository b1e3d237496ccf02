/** Known ways to lose data, at the level of pure values. Each passes, and fails when its fix is switched off. */
import { describe, expect, it } from 'vitest';
import { Context, DottedSet, VectorClock, VersionVector } from '../src/index.ts';
import { incarnation, values, World } from './oracle.ts';

const rounds = 50;

/** Scenario 1's store without dots: one merged clock for the object, and for each value the clock of its write. */
class UndottedObject {
  clock: VectorClock = VectorClock.empty;
  values: { readonly clock: VectorClock; readonly value: string }[] = [];

  put(value: string, context: VectorClock): void {
    const clock = this.clock.merge(context).increment('coordinator');
    this.values = this.values.filter((old) => ['after', 'concurrent'].includes(old.clock.compare(context)));
    this.clock = clock;
    this.values.push({ clock, value });
  }
}

describe('scenario 1: two clients interleave read-modify-write through one coordinator', () => {
  it('never holds more siblings than there are concurrent writers', () => {
    const world = new World(1);
    let alice = world.read(0);
    let bob = world.read(0);
    for (let round = 0; round < rounds; round++) {
      world.put(0, alice);
      alice = world.read(0);
      world.put(0, bob);
      bob = world.read(0);
      expect(world.copies[0].set.siblings.length).toBeLessThanOrEqual(2);
      expect(values(world.copies[0].set)).toEqual(world.history.live(world.copies[0].known));
    }
  });

  it('explodes without dots', () => {
    const object = new UndottedObject();
    let alice = object.clock;
    let bob = object.clock;
    for (let round = 0; round < rounds; round++) {
      object.put(`a${round}`, alice);
      const aliceSees = object.clock;
      object.put(`b${round}`, bob);
      bob = aliceSees;
      alice = aliceSees;
    }
    expect(object.values.length).toBeGreaterThan(2);
  });
});

describe('scenarios 2 and 19: a coordinator loses its copy and coordinates the key again', () => {
  function blindPutHandOffBlindPut(rule: 'epochs' | 'oneEpoch'): number[] {
    const world = new World(2, rule);
    world.put(0);
    world.sync(0, 1);
    world.lose(0);
    world.put(0);
    world.sync(0, 1);
    return values(world.copies[1].set);
  }

  it('keeps both values of a fallback that handed over and forgot', () => {
    expect(blindPutHandOffBlindPut('epochs')).toEqual([0, 1]);
  });

  it('loses the first one without key epochs', () => {
    expect(blindPutHandOffBlindPut('oneEpoch')).toEqual([1]);
  });

  it('keeps a lost write even if an older state of the same epoch comes back to the coordinator first', () => {
    const world = new World(3);
    world.put(0);
    world.sync(0, 1);
    world.put(0);
    world.sync(0, 2);
    world.lose(0);
    world.sync(1, 0);
    // The copy has an entry of this incarnation again, but not one that it kept: continuing it would claim write 1.
    world.put(0);
    world.sync(0, 2);
    expect(values(world.copies[2].set)).toEqual([0, 1, 2]);
  });
});

describe('scenario 11: 200 incarnations write one key', () => {
  const incarnations = 200;

  function chain(clockEntriesMax?: number): { readonly copies: DottedSet<number>[]; readonly worst: number } {
    const copies = [DottedSet.empty<number>(), DottedSet.empty<number>(), DottedSet.empty<number>()];
    let worst = 0;
    for (let i = 1; i <= incarnations; i++) {
      const at = i % 3;
      const dot = { incarnation: incarnation(i), epoch: 1, counter: 1 };
      let next = copies[at].event({ dot, at: i, value: i, context: Context.of(copies[at].clock) });
      if (clockEntriesMax !== undefined) next = next.truncate(clockEntriesMax);
      copies[at] = next;
      // The next writer reads this copy; the third one lags behind and syncs now and then.
      copies[(i + 1) % 3] = copies[(i + 1) % 3].sync(next);
      worst = Math.max(worst, ...copies.map((copy) => copy.siblings.length));
    }
    return { copies, worst };
  }

  /** Pairwise syncs until nothing changes; returns the rounds it took. */
  function settle(copies: DottedSet<number>[]): number {
    for (let round = 1; ; round++) {
      const before = JSON.stringify(copies);
      for (let i = 0; i < copies.length; i++) {
        for (let j = 0; j < copies.length; j++) copies[i] = copies[i].sync(copies[j]);
      }
      if (JSON.stringify(copies) === before) return round;
      if (round > 10) throw new Error('the copies do not settle');
    }
  }

  it('has no false sibling by default', () => {
    const { copies, worst } = chain();
    expect(worst).toBe(1);
    settle(copies);
    for (const copy of copies) expect(copy.siblings.map((sibling) => sibling.value)).toEqual([incarnations]);
    expect(copies[0].clock.entries).toHaveLength(incarnations);
  });

  it('with truncation has at worst extra siblings, and settles', () => {
    const { copies } = chain(10);
    expect(settle(copies)).toBeLessThanOrEqual(3);
    for (const copy of copies) {
      expect(copy).toEqual(copies[0]);
      expect(copy.siblings.map((sibling) => sibling.value)).toContain(incarnations);
      // What a read shows, its context covers: the client can always resolve.
      for (const { dot } of copy.siblings) expect(copy.clock.covers(dot)).toBe(true);
    }
  });

  it('truncates the oldest first and never what a live sibling stands on', () => {
    const entries = [1, 2, 3, 4].map((n) => ({ incarnation: incarnation(n), epoch: 1, counter: 1, at: n }));
    const [oldest, second, , newest] = entries;
    const live = { incarnation: oldest.incarnation, epoch: 1, counter: 1 };
    const set = DottedSet.of(VersionVector.of(entries), [{ dot: live, value: 1 }]).truncate(3);
    expect(set.clock.covers(live)).toBe(true);
    expect(set.clock.covers(second)).toBe(false);
    expect(set.clock.covers(newest)).toBe(true);
  });
});
