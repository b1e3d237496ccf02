import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Histogram, bucketFloor } from '../src/metrics/histogram.ts';

test('quantiles are those of the sorted list, within a bucket', () => {
  const durations = fc.array(
    fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 5_000_000 }), fc.double({ min: 0, max: 1e5, noNaN: true })),
    { minLength: 1, maxLength: 300 },
  );
  fc.assert(
    fc.property(durations, fc.constantFrom(0.5, 0.9, 0.99, 0.999, 1), (list, quantile) => {
      const histogram = new Histogram();
      for (const duration of list) histogram.record(duration);
      const sorted = [...list].sort((a, b) => a - b);
      const exact = sorted[Math.ceil(sorted.length * quantile) - 1];
      const answer = histogram.quantile(quantile);
      expect(histogram.count).toBe(list.length);
      expect(histogram.max).toBe(sorted.at(-1));
      expect(answer).toBeGreaterThanOrEqual(Math.floor(exact));
      expect(answer).toBeLessThanOrEqual(Math.max(exact * 1.0626 + 1, 1));
    }),
  );
});

test('adding two histograms counts as one did it all', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1e6)), fc.array(fc.nat(1e6)), (left, right) => {
      const [a, b, both] = [new Histogram(), new Histogram(), new Histogram()];
      for (const one of left) a.record(one);
      for (const one of right) b.record(one);
      for (const one of [...left, ...right]) both.record(one);
      a.add(b);
      expect(a).toEqual(both);
    }),
  );
});

test('bucket floors rise, and counts below a bound never exceed the truth', () => {
  for (let index = 1; index < 448; index++) expect(bucketFloor(index)).toBeGreaterThan(bucketFloor(index - 1));
  const histogram = new Histogram();
  for (const duration of [0, 1, 99, 100, 101, 250, 10_000, 3_000_000_000]) histogram.record(duration);
  expect(histogram.atMost(100)).toBe(3);
  expect(histogram.atMost(10)).toBe(2);
  expect(histogram.quantile(1)).toBe(3_000_000_000 > bucketFloor(448) ? bucketFloor(448) : 3_000_000_000);
});

test('an empty histogram answers 0', () => {
  expect(new Histogram().quantile(0.99)).toBe(0);
});
