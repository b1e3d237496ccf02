/** How a rest is drawn out while others wait for processors. */
import { describe, expect, it } from 'vitest';
import { afterBreath, nextBreath, type RestLeft, restOf } from '../src/transfer/give-way.ts';

describe('a rest that gives way', () => {
  it('is a row of breaths that add up to it, when each ends in time', () => {
    expect(breathsOf(50, (askedMs) => askedMs + 1)).toEqual([20, 20, 10]);
    expect(breathsOf(7.9, (askedMs) => askedMs)).toEqual([7]);
    expect(breathsOf(0.9, (askedMs) => askedMs)).toEqual([]);
  });

  it('does not count a breath that ends late', () => {
    let breaths = 0;
    const isLate = (): boolean => (breaths += 1) <= 3;
    expect(breathsOf(40, (askedMs) => askedMs + (isLate() ? 10 : 0))).toEqual([20, 20, 20, 20, 20]);
  });

  it.each([20, 250])(
    'ends although every breath is late: %i ms take no more than the breath before the end beyond four times as long',
    (ms) => {
      const tookMs = breathsOf(ms, (askedMs) => askedMs + 5).reduce((sum, askedMs) => sum + askedMs + 5, 0);
      expect(tookMs).toBeGreaterThan(3 * ms);
      expect(tookMs).toBeLessThanOrEqual(3 * ms + 25 + (ms * 25) / 20);
    },
  );

  it('is drawn out by one very late breath only once', () => {
    const late = afterBreath(restOf(100), { askedMs: 20, tookMs: 5000 });
    expect(late.leftMs).toBe(100);
    expect(afterBreath(late, { askedMs: 20, tookMs: 5000 }).leftMs).toBe(80);
  });
});

/** What breaths a rest is made of, when each takes as long as `took` says. */
function breathsOf(ms: number, took: (askedMs: number) => number): number[] {
  const breaths: number[] = [];
  let left: RestLeft = restOf(ms);
  for (let askedMs = nextBreath(left); askedMs > 0; askedMs = nextBreath(left)) {
    breaths.push(askedMs);
    left = afterBreath(left, { askedMs, tookMs: took(askedMs) });
  }
  return breaths;
}
