/** The arithmetic of the small parts. */
import { SeededRandom } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { Awareness } from '../src/awareness.ts';
import { Budget } from '../src/budget.ts';
import { Company } from '../src/company.ts';
import { Forgotten } from '../src/forgotten.ts';
import { ProbeOrder } from '../src/probe-order.ts';
import { Spreading, tellLimit } from '../src/spreading.ts';
import { suspicionTimeoutMs } from '../src/suspicion.ts';
import { toleranceMs, WakingTime } from '../src/waking-time.ts';

describe('the time of a suspicion', () => {
  it('is long with one witness, short with three, and grows with the logarithm of the cluster', () => {
    const terms = { periodMs: 1000, clusterSize: 1000 };
    expect(suspicionTimeoutMs({ ...terms, witnesses: 3 })).toBeCloseTo(5000);
    expect(suspicionTimeoutMs({ ...terms, witnesses: 9 })).toBeCloseTo(5000);
    expect(suspicionTimeoutMs({ ...terms, witnesses: 1 })).toBeCloseTo(15_000);
    expect(suspicionTimeoutMs({ ...terms, witnesses: 0 })).toBeCloseTo(15_000);
    expect(suspicionTimeoutMs({ ...terms, clusterSize: 10_000, witnesses: 3 })).toBeCloseTo(6000);
    const two = suspicionTimeoutMs({ ...terms, witnesses: 2 });
    expect(two).toBeGreaterThan(5000);
    expect(two).toBeLessThan(10_000);
  });
});

describe('doubt in oneself', () => {
  it('stays between none and sevenfold', () => {
    const awareness = new Awareness();
    awareness.change(-1);
    expect(awareness.factor).toBe(1);
    awareness.change(3);
    expect(awareness.factor).toBe(4);
    awareness.change(100);
    expect(awareness.factor).toBe(8);
    awareness.change(-1);
    expect(awareness.score).toBe(6);
  });
});

describe('waking time', () => {
  it('goes with the clock while deadlines are met, and stands still while nobody meets them', () => {
    const time = new WakingTime();
    expect(time.advance(1000, 1000)).toBe(1000);
    expect(time.advance(1000 + toleranceMs, 1000)).toBe(1000 + toleranceMs);
    expect(time.sleptMs).toBe(0);
    expect(time.advance(61_500, 1500)).toBe(1500 + toleranceMs);
    expect(time.sleptMs).toBe(60_000 - toleranceMs);
    expect(time.advance(61_600, 2000)).toBe(1850);
  });
});

describe('a budget', () => {
  it('allows a burst, then so many bytes a second', () => {
    const budget = new Budget(1000, 500);
    expect(budget.allows(0)).toBe(true);
    budget.spend(600);
    expect(budget.allows(0)).toBe(false);
    expect(budget.allows(100)).toBe(false);
    expect(budget.allows(101)).toBe(true);
    expect(budget.allows(1_000_000)).toBe(true);
    budget.spend(500);
    expect(budget.allows(1_000_000)).toBe(false);
  });
});

describe('company', () => {
  it('asks for two witnesses while anybody besides the suspect was heard lately, else for one', () => {
    const company = new Company(1000);
    expect(company.witnessesNeeded('x', 0)).toBe(1);
    company.note('x', 0);
    expect(company.witnessesNeeded('x', 0)).toBe(1);
    company.note('a', 100);
    company.note('x', 200);
    company.note('x', 300);
    expect(company.witnessesNeeded('x', 1100)).toBe(2);
    expect(company.witnessesNeeded('x', 1101)).toBe(1);
    expect(company.witnessesNeeded('a', 1101)).toBe(2);
  });
});

describe('what was forgotten', () => {
  it('is not listened to up to its incarnation, and the oldest is dropped past the limit', () => {
    const forgotten = new Forgotten(2);
    forgotten.add('a', 5);
    expect([forgotten.covers('a', 5), forgotten.covers('a', 6), forgotten.covers('b', 0)]).toEqual([true, false, false]);
    forgotten.add('b', 1);
    forgotten.add('a', 7);
    forgotten.add('c', 1);
    expect(forgotten.entries()).toEqual([
      ['a', 7],
      ['c', 1],
    ]);
  });
});

describe('spreading', () => {
  const tell = (spreading: Spreading, most: number, limit = 2): number[] => {
    const told: number[] = [];
    spreading.tell(limit, (slot) => told.length < most && told.push(slot) > 0);
    return told;
  };

  it('tells the least told first, of those the newest, each as often as the limit says', () => {
    const spreading = new Spreading(100);
    for (const slot of [1, 2, 3]) spreading.add(slot);
    expect(tell(spreading, 2)).toEqual([3, 2]);
    expect(tell(spreading, 2)).toEqual([1, 2]);
    expect(tell(spreading, 9)).toEqual([1, 3]);
    expect(tell(spreading, 9)).toEqual([]);
    expect(spreading.size).toBe(0);
  });

  it('starts over with a member that changed again, and drops one that is gone', () => {
    const spreading = new Spreading(100);
    for (const slot of [1, 2]) spreading.add(slot);
    tell(spreading, 9);
    spreading.add(1);
    spreading.remove(2);
    expect([tell(spreading, 9), tell(spreading, 9), tell(spreading, 9)]).toEqual([[1], [1], []]);
  });

  it('never offers a member twice for one message', () => {
    const spreading = new Spreading(100);
    for (const slot of [1, 2, 1, 2, 1]) spreading.add(slot);
    expect(new Set(tell(spreading, 9, 5))).toEqual(new Set([1, 2]));
    expect(tell(spreading, 9, 5)).toHaveLength(2);
  });

  it('drops the most told past its limit', () => {
    const spreading = new Spreading(3);
    for (const slot of [1, 2, 3]) spreading.add(slot);
    tell(spreading, 1);
    spreading.add(4);
    expect(spreading.size).toBe(3);
    expect(new Set(tell(spreading, 9))).toEqual(new Set([1, 2, 4]));
  });

  it('tells more often in a larger cluster, by the logarithm', () => {
    expect([1, 10, 100, 1000, 10_000].map(tellLimit)).toEqual([10, 13, 15, 17, 20]);
  });
});

describe('the order of probing', () => {
  it('names everybody once in each round, in changing order', () => {
    const order = new ProbeOrder(new SeededRandom(5));
    const slots = Array.from({ length: 20 }, (_, slot) => slot);
    for (const slot of slots) order.add(slot);
    const rounds = [1, 2, 3].map(() => slots.map(() => order.next() as number));
    for (const round of rounds) expect(round.toSorted((a, b) => a - b)).toEqual(slots);
    expect(rounds[1]).not.toEqual(rounds[2]);
  });

  it('samples different members, and none that are to be skipped', () => {
    const order = new ProbeOrder(new SeededRandom(5));
    expect(order.next()).toBeUndefined();
    expect(order.sample(3, () => false)).toEqual([]);
    for (const slot of [1, 2, 3, 4, 5]) order.add(slot);
    for (let i = 0; i < 50; i++) {
      const sample = order.sample(3, (slot) => slot === 2);
      expect(new Set(sample).size).toBe(sample.length);
      expect(sample).not.toContain(2);
    }
  });
});
